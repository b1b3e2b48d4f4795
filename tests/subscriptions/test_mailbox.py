"""A mailbox holds the newest value per key; an audience knows who watches what."""

import asyncio

from subscriptions.mailbox import Audience, Mailbox


async def test_only_the_newest_value_of_a_key_is_kept() -> None:
    mailbox: Mailbox[int] = Mailbox()
    for value in range(1_000):
        mailbox.put("a", value)
    mailbox.put("b", -1)
    assert [await mailbox.take(), await mailbox.take()] == [999, -1]


async def test_a_key_that_changes_often_does_not_lose_its_turn() -> None:
    mailbox: Mailbox[str] = Mailbox()
    mailbox.put("first", "old")
    mailbox.put("second", "second")
    mailbox.put("first", "new")
    assert [await mailbox.take(), await mailbox.take()] == ["new", "second"]


async def test_taking_waits_for_a_value() -> None:
    mailbox: Mailbox[str] = Mailbox()
    taking = asyncio.create_task(mailbox.take())
    await asyncio.sleep(0)
    assert not taking.done()
    mailbox.put("a", "value")
    assert await taking == "value"


async def test_a_cancelled_reader_loses_nothing() -> None:
    mailbox: Mailbox[str] = Mailbox()
    taking = asyncio.create_task(mailbox.take())
    await asyncio.sleep(0)
    mailbox.put("a", "value")
    taking.cancel()
    await asyncio.wait((taking,))
    assert await mailbox.take() == "value"


async def test_those_who_watch_a_key_are_told_and_nobody_else() -> None:
    audience: Audience[int] = Audience()
    with audience.watch(["a", "b"]) as both, audience.watch(["b"]) as one:
        audience.tell("a", 1)
        audience.tell("b", 2)
        assert [await both.take(), await both.take(), await one.take()] == [1, 2, 2]


def test_nothing_is_kept_of_what_nobody_watches() -> None:
    audience: Audience[int] = Audience()
    with audience.watch(["a"]):
        audience.tell("never watched", 1)
        assert audience.watched() == ["a"]
    assert audience.watched() == []
    assert "a" not in audience
