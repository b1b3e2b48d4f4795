"""Whoever is open when a process stops is sent home, little by little."""

import asyncio

from graph.farewell import LAST_MOMENT_SECONDS, LONGEST_RETURN_MS, Farewell
from tests.sandbox.running import until


class Guest:
    """Notes when it was sent home."""

    def __init__(self) -> None:
        self.sent_home: list[int] = []
        self.at = 0.0

    def send_home(self, return_after_ms: int) -> None:
        self.sent_home.append(return_after_ms)
        self.at = asyncio.get_running_loop().time()


async def test_everybody_is_sent_home_once_and_not_at_the_same_moment() -> None:
    farewell, guests = Farewell(ends_per_second=400), [Guest() for _ in range(40)]
    for guest in guests:
        farewell.welcome(guest)
    farewell.say()
    farewell.say()
    await until(lambda: all(guest.sent_home for guest in guests))
    assert [len(guest.sent_home) for guest in guests] == [1] * 40
    assert len({guest.at for guest in guests}) > 10
    waits = {guest.sent_home[0] for guest in guests}
    assert len(waits) > 10
    assert max(waits) < LONGEST_RETURN_MS
    assert len(farewell) == 0


async def test_who_left_before_is_not_sent_home() -> None:
    farewell, gone, here = Farewell(ends_per_second=1_000), Guest(), Guest()
    farewell.welcome(gone)
    farewell.welcome(here)
    farewell.say()
    farewell.forget(gone)
    farewell.forget(gone)
    await until(lambda: bool(here.sent_home))
    assert gone.sent_home == []


async def test_who_comes_while_we_leave_is_sent_home_too() -> None:
    farewell, late = Farewell(ends_per_second=1), Guest()
    farewell.say()
    farewell.welcome(late)
    await until(lambda: bool(late.sent_home))
    assert len(farewell) == 0


async def test_nobody_is_waited_for_beyond_the_servers_own_patience() -> None:
    farewell = Farewell(ends_per_second=1)
    assert farewell.patience(5) == 5
    farewell.say()
    assert farewell.patience(5) == 5
    assert farewell.patience(60) <= LAST_MOMENT_SECONDS
