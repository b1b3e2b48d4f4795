"""Opening, looking up and ending sessions; buyers in bulk."""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from auth.errors import Unauthenticated
from auth.seeding import seed_buyers
from auth.sessions import Sessions, Viewer, hash_token, new_token
from kit.clock import Clock
from kit.settings import Settings

Wait = Callable[[timedelta], None]
SECOND = timedelta(seconds=1)


@pytest.fixture
async def buyer_id(pool: asyncpg.Pool) -> str:
    [token] = await seed_buyers(pool, buyers=1, session_days=1)
    user_id: str = await pool.fetchval(
        "SELECT user_id FROM sessions WHERE token_hash = $1", hash_token(token)
    )
    return user_id


async def test_a_fresh_token_opens_its_session(
    sessions: Sessions, buyer_id: str, clock: Clock
) -> None:
    token, expires_at = await sessions.open(buyer_id)
    viewer = await sessions.viewer(token)
    assert (viewer.user_id, viewer.role) == (buyer_id, "BUYER")
    assert viewer.token_hash == hash_token(token)
    assert expires_at == clock.now() + timedelta(days=30)
    assert token.startswith("fss_")
    assert len(token) == len("fss_") + 43


async def test_the_token_itself_is_not_stored(
    sessions: Sessions, buyer_id: str, pool: asyncpg.Pool
) -> None:
    token, _ = await sessions.open(buyer_id)
    row = await pool.fetchrow("SELECT s::text FROM sessions s WHERE user_id = $1", buyer_id)
    assert row is not None
    assert token[4:] not in row[0]


@pytest.mark.parametrize(
    "token",
    ["", "fss_", "x" * 47, "fss_" + "é" * 43, "fss_" + "a" * 44, "fss_" + "a" * 43 + "\n", "\x00"],
)
async def test_a_malformed_token_opens_nothing(sessions: Sessions, token: str) -> None:
    with pytest.raises(Unauthenticated):
        await sessions.viewer(token)


async def test_a_random_token_opens_nothing(sessions: Sessions) -> None:
    with pytest.raises(Unauthenticated):
        await sessions.viewer(new_token())


async def test_a_session_ends_when_it_expires(
    sessions: Sessions, buyer_id: str, pass_time: Wait
) -> None:
    token, _ = await sessions.open(buyer_id)
    pass_time(timedelta(days=30) - SECOND)
    assert (await sessions.viewer(token)).user_id == buyer_id
    pass_time(SECOND)
    # Still in memory, one second old: the end counts there too.
    with pytest.raises(Unauthenticated):
        await sessions.viewer(token)


async def test_a_revoked_session_ends_at_once_and_for_good(
    sessions: Sessions, buyer_id: str, pass_time: Wait
) -> None:
    token, _ = await sessions.open(buyer_id)
    other, _ = await sessions.open(buyer_id)
    viewer = await sessions.viewer(token)
    assert await sessions.revoke(viewer.token_hash)
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            await sessions.viewer(token)
        pass_time(timedelta(minutes=1))
    assert not await sessions.revoke(viewer.token_hash)
    assert (await sessions.viewer(other)).user_id == buyer_id


async def test_another_process_learns_of_it_by_event_or_within_five_seconds(
    sessions: Sessions,
    buyer_id: str,
    pool: asyncpg.Pool,
    clock: Clock,
    pass_time: Wait,
) -> None:
    told, untold = (Sessions(pool, clock, 30) for _ in range(2))
    token, _ = await sessions.open(buyer_id)
    token_hash = (await sessions.viewer(token)).token_hash
    await told.viewer(token)
    await untold.viewer(token)
    await sessions.revoke(token_hash)
    told.drop(token_hash)
    with pytest.raises(Unauthenticated):
        await told.viewer(token)
    assert (await untold.viewer(token)).user_id == buyer_id
    pass_time(5 * SECOND)
    with pytest.raises(Unauthenticated):
        await untold.viewer(token)


async def test_memory_answers_without_postgres(sessions: Sessions, buyer_id: str) -> None:
    token, _ = await sessions.open(buyer_id)
    viewer = await sessions.viewer(token)
    assert await sessions.viewer(token) is viewer


async def test_only_what_memory_knows_is_known_without_waiting(
    sessions: Sessions, buyer_id: str, pass_time: Wait
) -> None:
    token, _ = await sessions.open(buyer_id)
    assert sessions.known(token) is None
    viewer = await sessions.viewer(token)
    assert sessions.known(token) is viewer
    assert sessions.known("fss_" + "A" * 43) is None
    assert sessions.known("\x00") is None
    sessions.drop(viewer.token_hash)
    assert sessions.known(token) is None
    await sessions.viewer(token)
    pass_time(5 * SECOND)
    assert sessions.known(token) is None


async def test_an_expired_session_is_not_known(
    sessions: Sessions, buyer_id: str, pass_time: Wait
) -> None:
    token, _ = await sessions.open(buyer_id)
    pass_time(timedelta(days=30) - SECOND)
    await sessions.viewer(token)
    pass_time(2 * SECOND)
    assert sessions.known(token) is None
    with pytest.raises(Unauthenticated):
        await sessions.viewer(token)


async def test_those_who_ask_at_once_share_a_query(
    sessions: Sessions, buyer_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = [(await sessions.open(buyer_id))[0] for _ in range(20)]
    asked: list[int] = []
    fetch = asyncpg.Pool.fetch

    async def counted(pool: asyncpg.Pool, query: str, hashes: list[bytes]) -> Any:
        asked.append(len(hashes))
        return await fetch(pool, query, hashes)

    monkeypatch.setattr(asyncpg.Pool, "fetch", counted)
    unknown = "fss_" + "A" * 43
    answers = await asyncio.gather(
        *(sessions.viewer(token) for token in [*tokens, tokens[0], unknown]),
        return_exceptions=True,
    )
    assert asked == [21]
    assert isinstance(answers.pop(), Unauthenticated)
    assert [answer.token_hash for answer in answers if isinstance(answer, Viewer)] == [
        hash_token(token) for token in [*tokens, tokens[0]]
    ]


async def test_one_who_gives_up_does_not_take_the_answer_from_the_others(
    sessions: Sessions, buyer_id: str
) -> None:
    token, _ = await sessions.open(buyer_id)
    hasty, patient = (asyncio.ensure_future(sessions.viewer(token)) for _ in range(2))
    await asyncio.sleep(0)
    hasty.cancel()
    assert (await patient).user_id == buyer_id


async def test_a_postgres_that_fails_is_told_to_all_who_ask(
    clock: Clock, settings: Settings
) -> None:
    async with asyncpg.create_pool(settings.database_url, min_size=1) as closed:
        pass
    sessions = Sessions(closed, clock, 30)
    answers = await asyncio.gather(
        *(sessions.viewer(new_token()) for _ in range(3)), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [asyncpg.InterfaceError] * 3


async def test_a_clock_set_back_makes_memory_worthless(
    sessions: Sessions, buyer_id: str, pool: asyncpg.Pool, pass_time: Wait
) -> None:
    token, _ = await sessions.open(buyer_id)
    viewer = await sessions.viewer(token)
    await pool.execute(
        "UPDATE sessions SET revoked_at = now() WHERE token_hash = $1", viewer.token_hash
    )
    pass_time(timedelta(hours=-1))
    with pytest.raises(Unauthenticated):
        await sessions.viewer(token)


async def test_memory_holds_no_more_sessions_than_it_may(
    pool: asyncpg.Pool, clock: Clock, buyer_id: str
) -> None:
    small = Sessions(pool, clock, 30, cached_sessions=2)
    tokens = [(await small.open(buyer_id))[0] for _ in range(3)]
    viewers = [await small.viewer(token) for token in tokens]
    assert await small.viewer(tokens[2]) is viewers[2]
    assert await small.viewer(tokens[1]) is viewers[1]
    assert await small.viewer(tokens[0]) is not viewers[0]


async def test_a_session_revoked_while_it_is_read_is_not_remembered(
    sessions: Sessions, buyer_id: str
) -> None:
    for _ in range(50):
        token, _ = await sessions.open(buyer_id)
        await asyncio.gather(
            sessions.viewer(token), sessions.revoke(hash_token(token)), return_exceptions=True
        )
        with pytest.raises(Unauthenticated):
            await sessions.viewer(token)


async def test_five_thousand_buyers_are_signed_in_within_ten_seconds(
    pool: asyncpg.Pool, clock: Clock
) -> None:
    started = time.perf_counter()
    tokens = await seed_buyers(pool, buyers=5_001, session_days=30)
    assert time.perf_counter() - started < 10
    assert len(set(tokens)) == 5_001
    sessions = Sessions(pool, clock, 30)
    first, last = [await sessions.viewer(token) for token in (tokens[0], tokens[-1])]
    assert first.user_id != last.user_id
    assert last.role == "BUYER"


async def test_seeded_buyers_have_no_password(pool: asyncpg.Pool, buyer_id: str) -> None:
    assert await pool.fetchval("SELECT password_hash IS NULL FROM users WHERE id = $1", buyer_id)
