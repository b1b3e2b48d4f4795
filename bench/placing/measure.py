"""W4: buyers place orders that were prepared, beside pgbench with our statements."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from bench.assistant import Assistant
from bench.contenders import OURS
from bench.placing.findings import PGBENCH, PlacingFound, Turn
from bench.placing.pgbench import pgbench_program, run_pgbench
from bench.process import tree_cpu_seconds
from bench.stage import Stage
from bench.workload import Checks, Options
from runtime.ports import LOOPBACK, free_port
from runtime.services import Service

LINES: Final = 3
CONNECTIONS: Final = 192
_MODULE: Final = "bench.placing.shoppers"
_NAMES: Final = {"one process": "1", "two processes": "2"}
# More than two processors place; what is left over is placed by the next turn.
_MOST_A_SECOND: Final = 700
_WARM_SECONDS: Final = 1.0
_WARM_ORDERS: Final = 400


def measure(stage: Stage, options: Options, checks: Checks) -> PlacingFound:
    """One process of ours, two, and pgbench, in turns A B C C B A."""
    pgbench_program()  # before anything else is done in vain
    names = [*_NAMES, PGBENCH]
    turns: dict[str, list[Turn]] = {name: [] for name in names}
    with ExitStack() as stack:
        base = stack.enter_context(_sandbox(stage))
        shoppers = stack.enter_context(Assistant(_MODULE, environment=stage.environment))
        deals = shoppers.ask("open", deals=LINES)["deals"]
        others = shoppers.ask("open", deals=LINES)["deals"]
        for name in names + names[::-1]:
            if name == PGBENCH:
                turn = _reference(stage, shoppers, others, options.seconds)
            else:
                with stage.contender(
                    OURS, stripe_api_base=base, api_processes=_NAMES[name]
                ) as server:
                    turn = _place(checks, shoppers, deals, server.port, server.pid, options.seconds)
            turns[name].append(turn)
            stage.tell(
                f"W4: {name}: {turn.per_second:,.0f} orders a second,"
                f" {turn.flushes_an_order:.3f} flushes an order"
            )
        _verify(checks, shoppers, deals)
    return PlacingFound(turns, CONNECTIONS, LINES)


@contextmanager
def _sandbox(stage: Stage) -> Iterator[str]:
    """The payment sandbox; nobody pays, so it has nothing to tell."""
    port = free_port()
    service = Service(
        "sandbox",
        ("sandbox", "--port", str(port), "--webhook-url", "", "--data", str(stage.folder / "w4")),
        folder=stage.folder,
        log=stage.folder / "w4-sandbox.log",
        environment=stage.environment,
        probe=(LOOPBACK, port, "/healthz"),
    )
    try:
        service.start()
        service.wait_until_ready()
        yield f"http://{LOOPBACK}:{port}"
    finally:
        service.stop()


def _place(
    checks: Checks, shoppers: Assistant, deals: list[str], port: int, pid: int, seconds: float
) -> Turn:
    """Prepare checkouts, then place them for so long."""
    wanted = _WARM_ORDERS + round(_MOST_A_SECOND * seconds)
    ready = shoppers.ask("prepare", count=0, deals=deals)["ready"]
    shoppers.ask("prepare", count=max(wanted - ready, 0), deals=deals)
    shoppers.ask("place", port=port, connections=CONNECTIONS, seconds=_WARM_SECONDS)
    before = shoppers.ask("flushes")
    (used,) = tree_cpu_seconds([pid])
    told = shoppers.ask("place", port=port, connections=CONNECTIONS, seconds=seconds)
    (used_then,) = tree_cpu_seconds([pid])
    after = shoppers.ask("flushes")
    checks.check(
        "W4: every checkout became an order",
        f"{told['placed']:,} orders, {told['refusals']} refusals {told['refused'] or ''}",
        holds=told["placed"] > 0 and not told["refusals"],
    )
    checks.check(
        "W4: there were checkouts left at the end of each turn",
        f"{told['left']:,}",
        holds=told["left"] > 0,
    )
    return Turn(
        orders=told["placed"],
        in_time=told["in_time"],
        seconds=seconds,
        flushes=after["flushes"] - before["flushes"],
        p50_ms=told["p50_ms"],
        p99_ms=told["p99_ms"],
        opening=told["opening"],
        cpu_seconds=used_then - used,
        load_cpu_seconds=told["cpu_seconds"],
    )


def _reference(stage: Stage, shoppers: Assistant, deals: list[str], seconds: float) -> Turn:
    database = stage.environment["FLASHSALE_DATABASE_URL"]
    before = shoppers.ask("flushes")
    placed = run_pgbench(stage.folder, database, deals, seconds=seconds)
    after = shoppers.ask("flushes")
    return Turn(
        orders=placed.orders,
        in_time=placed.orders,
        seconds=placed.orders / placed.per_second,
        flushes=after["flushes"] - before["flushes"],
        p50_ms=placed.average_ms,
        p99_ms=0.0,
    )


def _verify(checks: Checks, shoppers: Assistant, deals: list[str]) -> None:
    """Every answered order is in Postgres, with its claim and its ledger entries."""
    told = shoppers.ask("verify", deals=deals)
    checks.check(
        "W4: every answered order is in Postgres, owns its units and has its lines",
        f"{told['whole']:,} of {told['placed']:,}",
        holds=told["whole"] == told["placed"] == told["different"],
    )
    checks.check(
        "W4: every answered order is in the ledger of each of its deals",
        f"{told['in_ledger']:,} of {told['placed']:,}",
        holds=told["in_ledger"] == told["placed"],
    )
    checks.check(
        "W4: flashsale verify proves the deals",
        ", ".join(told["problems"]) or "no problems",
        holds=not told["problems"],
    )
