"""The machine runs over the real scripts, the real SQL and a real sandbox."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator

import pytest
import structlog
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from redis.asyncio import Redis

from runtime.resources import Resources
from tests.machine.memory import Memory
from tests.machine.sale_machine import SaleMachine
from tests.machine.seams import Seams
from tests.machine.world import World
from tests.orders.shop import Shop

# The same runs every time, unless more are asked for: those are new ones.
EXAMPLES = int(os.environ.get("FLASHSALE_MACHINE_EXAMPLES", "0"))
REPEATABLE_EXAMPLES = 40
STEPS = 40


@pytest.fixture
async def loop() -> asyncio.AbstractEventLoop:
    """The session's: its stores and the sandbox live there, and rules are not coroutines."""
    return asyncio.get_running_loop()


@pytest.fixture
async def raw_redis(resources: Resources) -> AsyncIterator[Redis]:
    client = Redis.from_url(resources.settings.redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def alone(resources: Resources) -> AsyncIterator[None]:
    """Deals of other tests are long over meanwhile: sweeps look at all that are not."""
    move = (
        "UPDATE deals SET starts_at = starts_at + $2::int * interval '10 years',"
        " ends_at = ends_at + $2::int * interval '10 years' WHERE id = ANY ($1)"
    )
    others = await resources.pool.fetchval("SELECT coalesce(array_agg(id), '{}') FROM deals")
    await resources.pool.execute(move, others, -1)
    yield
    await resources.pool.execute(move, others, 1)


@pytest.fixture
def quiet() -> Iterator[None]:
    """Thousands of operations are harmed on purpose: their warnings are no news."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


@pytest.fixture
def machine(
    loop: asyncio.AbstractEventLoop,
    resources: Resources,
    raw_redis: Redis,
    alone: None,
    quiet: None,
    monkeypatch: pytest.MonkeyPatch,
) -> type[SaleMachine]:
    del alone, quiet
    seams = Seams()
    seams.install(resources, monkeypatch)

    class ThisMachine(SaleMachine):
        make_world = staticmethod(
            lambda: World(Shop(resources), seams, Memory(resources.redis, raw_redis))
        )

    ThisMachine.loop = loop
    return ThisMachine


@pytest.mark.timeout(0 if EXAMPLES else 600)
def test_no_sale_oversells_strands_or_charges_for_nothing(machine: type[SaleMachine]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES or REPEATABLE_EXAMPLES,
            stateful_step_count=STEPS,
            derandomize=not EXAMPLES,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            phases=(Phase.generate,) if os.environ.get("QUICK") else (Phase.generate, Phase.shrink),
        ),
    )
