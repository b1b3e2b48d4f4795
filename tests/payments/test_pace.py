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


async def test_it_tells_how_long_who_comes_now_would_wait() -> None:
    pace = Pace(10)
    assert pace.wait_seconds == 0
    await pace.wait()
    assert pace.wait_seconds == pytest.approx(0.1, abs=0.05)
    waiting = [asyncio.create_task(pace.wait()) for _ in range(20)]
    await asyncio.sleep(0)
    assert pace.wait_seconds == pytest.approx(2.1, abs=0.05)
    for task in waiting[5:]:
        task.cancel()
    await asyncio.wait(waiting[5:])
    assert pace.wait_seconds == pytest.approx(0.6, abs=0.05)
    for task in waiting[:5]:
        task.cancel()
