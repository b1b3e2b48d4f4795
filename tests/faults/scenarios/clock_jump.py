"""Clocks jump an hour ahead, then an hour back: those of our programs, of Redis, of Postgres."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from redis.asyncio import Redis

from inventory.keys import DealKeys
from tests.faults.clocks import APP_CLOCK, NoFaketime, StoreClock, move_app
from tests.faults.scenario import Run, SaleShape, Scenario

_HOUR = 3_600
_STAY_SECONDS = (2.0, 3.0)
_LOOK_SECONDS = 0.1
_HOLD_SECONDS, _CHECKOUT_SECONDS = 5, 6
# A hold may be frozen at its last moment; and this scenario's promise is twice that.
_LONGEST_SECONDS = 2 * (_HOLD_SECONDS + _CHECKOUT_SECONDS)

Move = Callable[[int], None]


@dataclass(slots=True)
class _Hold:
    since: float
    deadline_ms: int


async def _jump(run: Run) -> None:
    clocks: dict[str, Move] = {"our programs": partial(move_app, run.stack.folder)}
    for name, store in (("Redis", run.stack.valkey), ("Postgres", run.stack.postgres)):
        try:
            clock = StoreClock(store)
        except NoFaketime:
            run.note(f"the clock of {name} stays: libfaketime is not installed")
            continue
        await clock.install()
        clocks[name] = clock.move
    done = asyncio.Event()
    watching = asyncio.create_task(_watch(run, done))
    for name, move in run.random.sample(sorted(clocks.items()), len(clocks)):
        for hours in run.random.sample((1, -1), 2):
            move(hours * _HOUR)
            run.harmed(f"the clock of {name} is {hours:+d} h off")
            await asyncio.sleep(run.random.uniform(*_STAY_SECONDS))
        move(0)
        run.harmed(f"the clock of {name} is right again")
        await asyncio.sleep(run.random.uniform(*_STAY_SECONDS))
    done.set()
    await watching


async def _watch(run: Run, done: asyncio.Event) -> None:
    """Note every hold that lasts longer than twice its time."""
    lives: dict[tuple[str, str], _Hold] = {}
    async with Redis.from_url(run.stack.where.redis_url, decode_responses=True) as redis:
        while not done.is_set():
            for deal in run.crowd.sale.deals:
                holds = await redis.hgetall(DealKeys(deal).holds)
                for buyer in [buyer for found, buyer in lives if found == deal]:
                    if str(holds.get(buyer, "0")).partition("|")[0] == "0":
                        del lives[deal, buyer]
                for who, packed in holds.items():
                    _note(run, lives, (deal, str(who)), str(packed))
            await asyncio.sleep(_LOOK_SECONDS)


def _note(run: Run, lives: dict[tuple[str, str], _Hold], key: tuple[str, str], packed: str) -> None:
    units, state, deadline, _ = packed.split("|", 3)
    if units == "0":
        return
    known = lives.get(key)
    # One that was claimed and made anew between two looks has a later deadline, and is not frozen.
    if known is None or (state == "HELD" and int(deadline) > known.deadline_ms):
        known = lives[key] = _Hold(run.history.now, int(deadline))
    known.deadline_ms = int(deadline)
    age = run.history.now - known.since
    if age > _LONGEST_SECONDS:
        run.broken.append(f"the hold of {key[1]} on {key[0]} lasts for {age:.1f} s")
        known.since = run.history.now


SCENARIO = Scenario(
    name="clock-jump",
    harm="an hour forward, back, on Redis, our programs, Postgres in turn",
    expected="no oversell; no hold longer than twice its time, none frozen for ever",
    nemesis=_jump,
    shape=SaleShape(
        settings={
            "hold_seconds": str(_HOLD_SECONDS),
            "checkout_seconds": str(_CHECKOUT_SECONDS),
        },
        launch={"FAULTS_CLOCK": APP_CLOCK},
    ),
)
