"""A client that sends a text again, since one process missed it, is heard by any."""

from redis.asyncio import Redis

from graph.library import Library
from graph.remembered import TOLD_SECONDS, Remembered, sha256_of, slot_of
from graph.requests import Asked
from graph.trusted import Trusted


async def test_a_text_sent_to_a_process_that_knows_it_reaches_the_others(redis: Redis) -> None:
    seconds = 0.0
    one, other = (
        Library(Trusted(), Remembered(redis, now_seconds=lambda: seconds), fits=lambda _: True)
        for _ in range(2)
    )
    text = "{ toldAgain }"
    name = sha256_of(text)
    with_text, by_hash = (Asked(each, name, 1, None, None) for each in (text, None))
    await one.find(with_text, None)
    await one.aclose()
    await redis.delete(slot_of(name))  # its day is over
    seconds += TOLD_SECONDS
    assert (await one.find(by_hash, None)).query == text
    assert not await redis.exists(slot_of(name))
    await one.find(with_text, None)
    await one.aclose()
    assert (await other.find(by_hash, None)).query == text
