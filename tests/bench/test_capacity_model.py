import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.capacity.costs import Costs, load_costs
from bench.capacity.demand import Demand, Nonsense
from bench.capacity.load import executed_details, executed_lists, load_of
from bench.capacity.parts import factor_at, parts_of
from bench.capacity.plan import MOST_BUSY, plan_for, processes_for

COSTS = load_costs(Path(__file__).with_name("capacity_costs.json"))
# A thousand requests a second, one deal, nobody listens, and nothing changes.
PLAIN = Demand(
    requests=60_000,
    minutes=1.0,
    surge=1.0,
    sockets=0,
    deals=1,
    stock_changes_per_second=0.0,
)


def machine_with(**given: Any) -> Costs:
    return replace(COSTS, machine=replace(COSTS.machine, **given))


def test_the_example_is_the_design_documents_load() -> None:
    rates = Demand().rates(1.0)
    assert math.ceil(rates.requests) == 11_112
    assert rates.reads == pytest.approx(10_555.6, abs=0.1)
    assert rates.accepted_adds == pytest.approx(222.2, abs=0.1)
    assert rates.refusals == rates.accepted_adds
    assert rates.checkouts == rates.orders == pytest.approx(55.6, abs=0.1)
    assert Demand().placed_orders == 50_000
    assert Demand().holds == 200_000


def test_the_load_is_the_sum_of_rate_times_cost() -> None:
    load = load_of(PLAIN, COSTS, factor=1.0, processes=1)
    # 950 reads, 20 held, 20 refused, 5 checkouts, 5 orders; each read is read anew every 5 s.
    assert load.executed_lists == load.executed_details == pytest.approx(0.2)
    api_us = 950 * 30 + 0.2 * 2_000 + 0.2 * 500 + 20 * 500 + 20 * 50 + 5 * 1_000 + 5 * 2_000
    assert load.api_cores * 1e6 == pytest.approx(api_us + 10_000)
    assert load.redis_cores * 1e6 == pytest.approx(0.2 * 220 + 2_000 + 1_000 + 1_000 + 5_000)
    assert load.postgres_cores * 1e6 == pytest.approx(0.2 * 400 + 200 + 2_000 + 5_000 + 10_000)
    assert load.mongo_cores * 1e6 == pytest.approx(50 + 2_000)
    assert load.worker_cores * 1e6 == pytest.approx(500 + 10_000)
    assert load.redis_commands == pytest.approx(0.2 * 63 + 400 + 125 + 125 + 10)
    assert load.postgres_transactions == pytest.approx(0.4 + 2 + 20 + 10 + 20)
    assert load.wal_flushes == pytest.approx(5 * 0.5 + 5 * 0.25 + 1)
    assert load.wal_bytes == pytest.approx(5 * 1_000 + 5 * 4_000 + 100)
    assert load.answered_bytes == pytest.approx(950 * 6_000 + 6_000 + 2_500 + 1_500 + 2_000)


def test_an_answer_is_read_anew_after_each_change_but_not_more_often_than_it_is_asked_for() -> None:
    def lists(changes: float, *, processes: int = 1, requests: int = 60_000) -> float:
        demand = replace(PLAIN, requests=requests, stock_changes_per_second=changes)
        return executed_lists(demand.rates(1.0), demand.shares_of_deals, processes)

    assert lists(3.0) == pytest.approx(3.0)
    assert lists(1_000.0) == pytest.approx(1 / 0.06)
    # 0.48 lists a second.
    assert lists(1_000.0, requests=60) == pytest.approx(0.48)
    assert lists(1_000.0, processes=2, requests=60) == pytest.approx(0.24)


def test_pages_of_deals_are_read_anew_deal_by_deal() -> None:
    demand = replace(PLAIN, deals=2, stock_changes_per_second=30.0)
    # The first changes 20 times a second, of which 60 ms let 16.7 be told; the second 10 times.
    each = executed_details(demand.rates(1.0), demand.shares_of_deals, 1)
    assert each == pytest.approx(1 / 0.06 + 10)


def test_a_socket_is_told_of_a_deal_four_times_a_second_at_most() -> None:
    told = {
        changes: load_of(
            replace(PLAIN, sockets=100, stock_changes_per_second=changes),
            COSTS,
            factor=1.0,
            processes=1,
        ).deliveries
        for changes in (0.0, 2.0, 50.0)
    }
    assert told == {0.0: 0.0, 2.0: 200.0, 50.0: 400.0}


def test_as_many_processes_as_keep_each_under_seventy_per_cent_and_no_more() -> None:
    demand = Demand()
    processes = processes_for(demand, COSTS, factor=2.0)

    def busy(count: int) -> float:
        return load_of(demand, COSTS, factor=2.0, processes=count).api_cores / count

    assert busy(processes) <= MOST_BUSY < busy(processes - 1)


def test_connections_and_files_of_the_processes_and_the_worker() -> None:
    plan = plan_for(replace(PLAIN, sockets=900, connections=100), COSTS)
    assert plan.processes == 1
    assert plan.files_per_process == 1_000 + 12 + 4 + 48 + 2 + 102 + 64
    assert plan.postgres_connections == 2 * 16 + 10
    assert plan.redis_connections == 2 * 50
    assert plan.api_memory_bytes == (100 + 64) * 2**20 + 900 * 6_144
    assert plan.redis_holds_bytes == 60_000 * 0.02 * 1_000


def test_the_part_that_is_used_most_is_the_first_to_saturate() -> None:
    def first(costs: Costs, demand: Demand = PLAIN) -> str:
        return parts_of(plan_for(demand, costs), costs)[0].name

    assert first(machine_with(wal_flushes_per_second=5.0)) == "PostgreSQL's log, flushes to disk"
    assert first(machine_with(postgres_connections=40)) == "PostgreSQL's connections"
    assert first(machine_with(memory_bytes=2**29)) == "memory"
    assert first(machine_with(files_per_process=4_400)) == "open files of an API process"
    many = replace(PLAIN, sockets=24_000)
    assert first(
        machine_with(cores=64, postgres_connections=900, files_per_process=10**6), many
    ) == ("ports of a proxy's one address")
    busy = replace(PLAIN, requests=6_000_000)
    assert first(COSTS, busy) == "processor cores, everything together"


def test_a_part_says_at_which_rate_it_is_full() -> None:
    plan = plan_for(PLAIN, COSTS)
    log = next(part for part in parts_of(plan, COSTS) if "log" in part.name)
    # 3.75 flushes a second for 1,000 requests, and one at rest.
    assert log.used == pytest.approx(4.75)
    assert log.full_at_per_second == pytest.approx((700 - 1) / 3.75 * 1_000, rel=1e-3)


def test_a_rate_that_is_never_and_one_that_is_always_too_much() -> None:
    assert factor_at(lambda _factor: 0.5, 0.7) == math.inf
    assert factor_at(lambda _factor: 0.7, 0.7) == 0.0
    assert factor_at(lambda factor: 2 * factor, 3.0) == pytest.approx(1.5, rel=1e-3)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"reads": 0.5}, "together 1, not 0.55"),
        ({"reads": 0.9, "orders": 0.06}, "more than the adds that get a unit"),
        ({"sockets": 0, "connections": 0}, "without connections or sockets"),
    ],
)
def test_expectations_that_contradict_each_other_are_refused(
    changed: dict[str, float], why: str
) -> None:
    with pytest.raises(Nonsense, match=why):
        Demand(**changed)  # type: ignore[arg-type] # one of several fields


def test_a_process_that_is_too_busy_at_rest_is_refused_and_not_looked_for_for_ever() -> None:
    costs = replace(COSTS, idle=replace(COSTS.idle, api_cpu_us=900_000))
    with pytest.raises(Nonsense, match="not even 16,777,216 API processes"):
        plan_for(PLAIN, costs)


@given(
    fewer=st.integers(1, 50_000_000),
    more=st.integers(1, 50_000_000),
    sockets=st.integers(0, 100_000),
    deals=st.integers(1, 50),
)
def test_more_requests_never_need_less(fewer: int, more: int, sockets: int, deals: int) -> None:
    least, most = sorted((fewer, more))
    small, large = (
        plan_for(Demand(requests=count, sockets=sockets, deals=deals), COSTS)
        for count in (least, most)
    )
    for name in ("processes", "cores_needed", "postgres_connections", "memory_bytes", "wal_bytes"):
        assert getattr(small, name) <= getattr(large, name)
    for name in small.surge.__slots__:
        assert getattr(small.surge, name) <= getattr(large.surge, name) * (1 + 1e-9)


@given(calm=st.floats(1.0, 20.0), wild=st.floats(1.0, 20.0))
def test_a_larger_surge_never_needs_less(calm: float, wild: float) -> None:
    least, most = sorted((calm, wild))
    small, large = (plan_for(Demand(surge=surge, deals=20), COSTS) for surge in (least, most))
    assert small.processes <= large.processes
    assert small.cores_needed <= large.cores_needed


@given(requests=st.integers(1, 50_000_000), sockets=st.integers(0, 100_000))
def test_no_api_process_is_busier_than_it_may_be(requests: int, sockets: int) -> None:
    plan = plan_for(Demand(requests=requests, sockets=sockets, deals=20), COSTS)
    assert plan.surge.api_cores / plan.processes <= MOST_BUSY
    assert plan.surge.cores / plan.cores_needed <= MOST_BUSY + 1e-9
