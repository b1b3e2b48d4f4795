"""The machine runs over the real scripts, the real SQL and a real sandbox."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import structlog
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from redis.asyncio import Redis

from orders import gate_watch, reconciliation
from runtime.resources import Resources
from tests.machine.memory import Memory
from tests.machine.mutants import MUTANTS, Mutant
from tests.machine.sale_machine import SaleMachine
from tests.machine.seams import Seams
from tests.machine.world import World
from tests.orders.shop import Shop

# The same runs every time, unless more are asked for: those are new ones.
EXAMPLES = int(os.environ.get("FLASHSALE_MACHINE_EXAMPLES", "0"))
RUN = settings(
    max_examples=EXAMPLES or 40,
    stateful_step_count=40,
    derandomize=not EXAMPLES,
    report_multiple_bugs=False,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


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
async def provider(resources: Resources) -> AsyncIterator[httpx.AsyncClient]:
    settings = resources.settings
    key = settings.stripe_api_key.get_secret_value()
    async with httpx.AsyncClient(
        base_url=settings.stripe_api_base, headers={"Authorization": f"Bearer {key}"}
    ) as client:
        yield client


@pytest.fixture
async def product_id(resources: Resources) -> str:
    return (await Shop(resources).product()).id


@pytest.fixture
async def run_id(resources: Resources) -> str:
    return await resources.stock.run_id()


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
    provider: httpx.AsyncClient,
    product_id: str,
    run_id: str,
    alone: None,
    quiet: None,
    monkeypatch: pytest.MonkeyPatch,
) -> type[SaleMachine]:
    del alone, quiet
    seams = Seams()
    seams.install(resources, monkeypatch)
    # Steps of the machine are far apart: what one look finds is still there at the second.
    monkeypatch.setattr(reconciliation, "SECOND_LOOK_SECONDS", 0.0)
    monkeypatch.setattr(gate_watch, "SECOND_LOOK_SECONDS", 0.0)
    monkeypatch.setattr(gate_watch, "MEND_AGAIN_SECONDS", 0.0)

    class ThisMachine(SaleMachine):
        @staticmethod
        def make_world() -> World:
            memory = Memory(resources.redis, raw_redis, run_id)
            return World(Shop(resources), seams, memory, provider, product_id)

    ThisMachine.loop = loop
    return ThisMachine


@pytest.mark.timeout(0 if EXAMPLES else 600)
def test_no_sale_oversells_strands_or_charges_for_nothing(machine: type[SaleMachine]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(RUN, phases=(Phase.generate, Phase.shrink)),
    )


@pytest.mark.long
@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
@pytest.mark.timeout(0)
def test_the_machine_notices_what_is_broken(
    machine: type[SaleMachine],
    resources: Resources,
    monkeypatch: pytest.MonkeyPatch,
    mutant: Mutant,
) -> None:
    mutant(resources, monkeypatch)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=settings(RUN, phases=(Phase.generate,)))
