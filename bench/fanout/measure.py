"""W5: how much CPU time it costs to tell many sockets one thing, and whether all hear the last."""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from bench.assistant import Assistant
from bench.contenders import GRAPHQL_WS, OURS, RAW, STRAWBERRY, Contender
from bench.fanout.findings import Conflated, FanoutFound, OneTopic, Turn
from bench.process import cpu_seconds
from bench.stage import UNCONFLATED, Stage, endings
from bench.workload import Checks, Options

TOPICAL_SOCKETS: Final = 1_000
TOPICAL_PER_SECOND: Final = 10.0
CONFLATED_DEALS: Final = 20
CHANGES_PER_SECOND: Final = 1_000.0
_ROUNDS: Final = 2
_HEAR_SECONDS: Final = 120.0
_LEAST_SHARE: Final = 0.8
_EXECUTIONS: Final = "flashsale_live_executions_total"


@dataclass(slots=True)
class _Side:
    contender: Contender
    crowd: Assistant


def measure(stage: Stage, options: Options, checks: Checks) -> FanoutFound:
    """One topic beside the peers, then many sockets on ours."""
    return FanoutFound(
        one_topic=_measure_one_topic(stage, checks, options),
        conflated=_measure_conflated(
            stage, checks, sockets=options.sockets, seconds=2 * options.seconds
        ),
    )


def _measure_one_topic(stage: Stage, checks: Checks, options: Options) -> OneTopic:
    """1,000 sockets each, one topic, every event told by itself, in turns A B B A."""
    names = [OURS, GRAPHQL_WS, STRAWBERRY, RAW] if options.peers else [OURS, RAW]
    deal = stage.deals[0]
    events = {name: round(TOPICAL_PER_SECOND * options.seconds * _shares(name)) for name in names}
    topic = OneTopic(TOPICAL_SOCKETS, TOPICAL_PER_SECOND, {name: [] for name in names})
    with ExitStack() as stack:
        sides = {}
        for name in names:
            settings = UNCONFLATED if name == OURS else {}
            contender = stack.enter_context(stage.contender(name, **settings))
            crowd = stack.enter_context(stage.crowd())
            stage.tell(f"W5: {TOPICAL_SOCKETS} sockets on {name}")
            came = stage.fill(crowd, contender, TOPICAL_SOCKETS, [deal])
            assert came["live"] == TOPICAL_SOCKETS, (name, came)
            sides[name] = _Side(contender, crowd)
        executed = 0.0
        for name in (names + names[::-1]) * _ROUNDS:
            side = sides[name]
            before = side.contender.counted(_EXECUTIONS) if name == OURS else 0.0
            turn = _take_turn(stage, checks, side, deal, events[name])
            topic.turns[name].append(turn)
            stage.tell(f"W5: {name}: {turn.per_cpu_second:,.0f} deliveries per CPU-second")
            if name == OURS:
                executed += side.contender.counted(_EXECUTIONS) - before
    told = sum(turn.deliveries for turn in topic.turns[OURS]) / TOPICAL_SOCKETS
    topic.executions_per_event = executed / told if told else 0.0
    checks.check(
        "W5: ours executed once for each event that its sockets got, for all of them together",
        f"{executed:g} executions, {told:g} events",
        holds=executed == told > 0,
    )
    return topic


def _shares(name: str) -> float:
    """Strawberry is told a quarter of the events: it needs seconds for what others do in one."""
    return 0.25 if name == STRAWBERRY else 1.0


def _take_turn(stage: Stage, checks: Checks, side: _Side, deal: str, events: int) -> Turn:
    """Tell events until every socket has heard the last; what it cost the server."""
    contender, crowd = side.contender, side.crowd
    crowd.ask("reset")
    before = cpu_seconds(contender.pid)
    told = stage.say(
        contender, deal, per_second=TOPICAL_PER_SECOND, seconds=events / TOPICAL_PER_SECOND
    )
    heard = crowd.ask("until_final", finals=told["finals"], seconds=_HEAR_SECONDS)
    used = cpu_seconds(contender.pid) - before
    got = crowd.ask("tell")
    made = told["made"]
    # On a busy machine two events may reach ours at once, and are told as one: newest wins.
    least = made * _LEAST_SHARE if contender.is_ours else made
    checks.check(
        f"W5: every socket of {contender.name} got the same events in order, and holds the last",
        f"{got['events']} of {TOPICAL_SOCKETS * made}, {got['backwards']} backwards,"
        f" {heard['stale']} stale{endings(got)}",
        holds=least <= got["fewest"] == got["most"] <= made
        and got["live"] == TOPICAL_SOCKETS
        and not got["backwards"]
        and not heard["stale"],
    )
    return Turn(got["events"], used, told["seconds"] + heard["seconds"])


def _measure_conflated(stage: Stage, checks: Checks, *, sockets: int, seconds: float) -> Conflated:
    """Many sockets on one process of ours, while each deal changes fifty times a second."""
    deals = stage.deals[:CONFLATED_DEALS]
    with stage.contender(OURS) as ours, stage.crowd() as crowd:
        stage.tell(f"W5: {sockets} sockets on ours")
        came = stage.fill(crowd, ours, sockets, deals)
        checks.check(
            "W5: all sockets subscribed",
            f"{came['live']} of {sockets} in {came['seconds']:.1f} s{endings(came)}",
            holds=came["live"] == sockets,
        )
        crowd.ask("reset")
        before, crowd_before = cpu_seconds(ours.pid), cpu_seconds(crowd.pid)
        made = stage.events.ask(
            "change", deals=deals, per_second=CHANGES_PER_SECOND, seconds=seconds, each=False
        )
        heard = crowd.ask("until_final", finals=made["finals"], seconds=_HEAR_SECONDS)
        used, crowd_used = cpu_seconds(ours.pid) - before, cpu_seconds(crowd.pid) - crowd_before
        got = crowd.ask("tell")
    correct = heard["members"] - heard["stale"]
    checks.check(
        "W5: every socket ends with the final version and counters of its deal",
        f"{correct} of {sockets}{endings(got)}",
        holds=correct == sockets,
    )
    checks.check(
        "W5: no version ever went backwards on any socket",
        f"{got['backwards']} in {got['events']} deliveries",
        holds=not got["backwards"] and got["events"] > sockets,
    )
    return Conflated(
        sockets=sockets,
        deals=len(deals),
        wanted_per_second=CHANGES_PER_SECOND,
        changes=made["made"],
        seconds=made["seconds"],
        deliveries=got["events"],
        cpu_seconds=used,
        crowd_cpu_seconds=crowd_used,
        correct=correct,
        backwards=got["backwards"],
        age_p50_ms=got["age_p50_ms"],
        age_p99_ms=got["age_p99_ms"],
        final_seconds=heard["seconds"],
    )
