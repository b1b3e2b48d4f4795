"""The pace: calls are spaced, in order, and giving up costs nobody a turn."""

import asyncio

import pytest

from payments.pace import Pace


async def test_calls_are_spaced_evenly_and_come_in_order() -> None:
    pace, order, times = Pace(50), [], []

    async def call(number: int) -> None:
        await pace.wait()
        order.append(number)
        times.append(asyncio.get_running_loop().time())

    await asyncio.gather(*(call(number) for number in range(6)))
    assert order == list(range(6))
    assert times[-1] - times[0] >= 5 / 50


async def test_the_first_call_does_not_wait() -> None:
    async with asyncio.timeout(1):
        await Pace(0.001).wait()


async def test_who_gives_up_uses_no_turn() -> None:
    pace = Pace(4)
    await pace.wait()
    loop = asyncio.get_running_loop()
    started = loop.time()

    async def impatient() -> None:
        async with asyncio.timeout(0.05):
            await pace.wait()

    gave_up = await asyncio.gather(*(impatient() for _ in range(20)), return_exceptions=True)
    assert all(isinstance(outcome, TimeoutError) for outcome in gave_up)
    await pace.wait()
    assert loop.time() - started == pytest.approx(0.25, abs=0.2)
