"""W1: everybody looks at the same list, whose stock changes all the time."""

from contextlib import ExitStack
from pathlib import Path
from typing import Final

import orjson

from bench.assistant import Assistant
from bench.contenders import MERCURIUS, NGINX, OURS, RAW, STRAWBERRY, YOGA, Contender
from bench.hot_list.findings import HotListFound, Staleness
from bench.hot_list.query import DEALS, body
from bench.process import cpu_seconds
from bench.stage import Stage
from bench.static_site import site_folder
from bench.throughput import Turn
from bench.workload import Checks, Options
from bench.wrk import Load, load, load_page

CHANGES_PER_SECOND: Final = 1.0 * DEALS
OBSERVED_PER_SECOND: Final = 4.0
MOST_STALE_MS: Final = 250
_ROUNDS: Final = 2
_WARM_SECONDS: Final = 1.0
_PAGE: Final = "/list.json"
_HITS: Final = "flashsale_response_cache_hits_total"
_MISSES: Final = "flashsale_response_cache_misses_total"


def measure(stage: Stage, options: Options, checks: Checks) -> HotListFound:
    """All servers with the same twenty deals, in turns A B B A."""
    names = [OURS, RAW]
    if options.peers:
        names += [NGINX, MERCURIUS, YOGA, STRAWBERRY]
    asked = stage.file("list-body.json", body())
    deals = stage.deals[:DEALS]
    with ExitStack() as stack:
        servers = {name: stack.enter_context(stage.contender(name)) for name in names}
        observer = stack.enter_context(stage.another())
        told = servers[OURS].ask("/graphql", body())
        assert told is not None, "ours does not answer"
        _check_list(checks, told, deals)
        for name in names[1:]:
            _give(stage, servers[name], told)
            _check_same(checks, servers[name], told)
        for server in servers.values():
            _ask(server, _WARM_SECONDS, asked)
        turns: dict[str, list[Turn]] = {name: [] for name in names}
        staleness = Staleness()
        hits = misses = 0.0
        for name in (names + names[::-1]) * _ROUNDS:
            server = servers[name]
            before = _cache_counts(server)
            turn = _take_turn(stage, server, options.seconds, asked, observer, staleness)
            after = _cache_counts(server)
            hits, misses = hits + after[0] - before[0], misses + after[1] - before[1]
            turns[name].append(turn)
            checks.check(
                f"W1: {name} answered every request",
                f"{turn.load.requests:,} answers, {turn.load.errors} errors",
                holds=turn.load.requests > 0 and not turn.load.errors,
            )
            stage.tell(f"W1: {name}: {turn.per_second:,.0f} a second, {turn.cpu_us:.0f} CPU-us")
        _check_staleness(checks, staleness)
        _check_uncached(checks, servers[OURS])
    return HotListFound(turns, staleness, len(told), hits, misses, CHANGES_PER_SECOND)


def _check_list(checks: Checks, told: str, deals: list[str]) -> None:
    nodes = orjson.loads(told)["data"]["deals"]["nodes"]
    checks.check(
        "W1: ours lists the twenty deals that are live",
        f"{len(nodes)} deals",
        holds={node["id"] for node in nodes} == set(deals),
    )


def _give(stage: Stage, server: Contender, told: str) -> None:
    """The list as ours answered it, for the server to serve from memory."""
    match server.name:
        case "nginx":
            page = site_folder(stage.folder, server.port) / _PAGE.lstrip("/")
            page.write_text(told)
        case "raw":
            server.ask("/load", told.encode())
        case _:
            server.ask("/load", orjson.dumps(orjson.loads(told)["data"]["deals"]))


def _check_same(checks: Checks, server: Contender, told: str) -> None:
    answer = server.page(_PAGE) if server.name == NGINX else server.ask("/graphql", body())
    same = answer is not None and orjson.loads(answer) == orjson.loads(told)
    length = 0 if answer is None else len(answer)
    checks.check(
        f"W1: {server.name} answers what ours answers",
        f"{length:,} of {len(told):,} bytes",
        holds=same and abs(length - len(told)) <= len(told) // 100,
    )


def _ask(server: Contender, seconds: float, asked: Path) -> Load:
    if server.name == NGINX:
        return load_page(server.port, seconds, _PAGE)
    return load(server.port, seconds, asked)


def _take_turn(
    stage: Stage,
    server: Contender,
    seconds: float,
    asked: Path,
    observer: Assistant,
    staleness: Staleness,
) -> Turn:
    """Load on a server while stock changes; of ours, also how long a change takes to be seen."""
    _begin_changes(stage, server, seconds)
    if server.is_ours:
        observer.begin(
            "observe",
            port=server.port,
            body=body().decode(),
            deals=stage.deals[:DEALS],
            per_second=OBSERVED_PER_SECOND,
            seconds=seconds,
        )
    before = cpu_seconds(server.pid)
    seen = _ask(server, seconds, asked)
    turn = Turn(seen.requests - seen.failed, seen, cpu_seconds(server.pid) - before)
    if server.is_ours:
        staleness.add(observer.answer())
    if server.name not in {RAW, NGINX}:
        stage.events.answer()
    return turn


def _begin_changes(stage: Stage, server: Contender, seconds: float) -> None:
    """One change a second of each deal. What serves bytes has nothing to learn."""
    details = {
        "deals": stage.deals[:DEALS], "per_second": CHANGES_PER_SECOND, "seconds": seconds,
    }  # fmt: skip
    if server.is_ours:
        stage.events.begin("change", each=False, **details)
    elif server.name not in {RAW, NGINX}:
        stage.events.begin("post", port=server.port, **details)


def _cache_counts(server: Contender) -> tuple[float, float]:
    if not server.is_ours:
        return 0.0, 0.0
    return server.counted(_HITS), server.counted(_MISSES)


def _check_staleness(checks: Checks, staleness: Staleness) -> None:
    most = staleness.most_ms
    checks.check(
        f"W1: every change was told within {MOST_STALE_MS} ms, under full load",
        f"{staleness.changes} changes, at most {most or 0:.0f} ms, {staleness.missed} never",
        holds=most is not None and most <= MOST_STALE_MS and not staleness.missed,
    )
    checks.check(
        "W1: no version ever went backwards from one answer to the next",
        f"{staleness.backwards} in {staleness.asked} answers",
        holds=not staleness.backwards,
    )


def _check_uncached(checks: Checks, ours: Contender) -> None:
    """After the last change: the same as a document that nobody has asked before."""
    cached, executed = ours.ask("/graphql", body()), ours.ask("/graphql", body("asked once"))
    checks.check(
        "W1: the cached answer is the executed one",
        f"{len(cached or '')} and {len(executed or '')} bytes",
        holds=cached is not None and cached == executed,
    )
