"""A run's findings as a page that people read: goals first, then figures, then what was checked."""

from collections.abc import Iterable, Sequence

from bench.contenders import OURS
from bench.findings import Conflated, Fanout, Findings, Memory
from bench.goals import goals_of

_LIMITS = """\
* Absolute figures do not compare between machines or days: compare ratios inside this run.
* CPU time is that of the server process alone, from /proc. It survives a busy machine; ages and
  seconds on the clock do not.
* Everything runs on one machine over loopback: server, stores, clients and whoever makes the
  changes share its processors.
* Sockets are anonymous and follow the stock of one deal each. A subscription that is a buyer's own
  is executed for each buyer.
* The peers get their events by a request to themselves, ours by Redis. That is part of each
  server's CPU time.
* Strawberry is told a quarter of the events: it needs seconds for what others do in one.
* Resident memory leaves out what the kernel keeps for each socket, which is alike for all. Peers
  collect their garbage before it is read; ours is not asked to."""


def report(findings: Findings, *, chart: str | None = None) -> str:
    """The whole page; `chart` is the file name of its picture."""
    parts = [
        f"# Fan-out and memory: {findings.date}, commit {findings.commit}",
        f"`{findings.command}`, {findings.seconds_taken:.0f} s.",
        _table(("machine", ""), findings.machine.items()),
        _table(("version", ""), findings.versions.items()),
        "## Goals",
        goals_table(findings),
    ]
    if not findings.sound:
        parts.insert(1, "**A check failed: these figures prove nothing. See the end.**")
    if chart:
        parts.append(f"![Deliveries per CPU-second, and memory per idle socket]({chart})")
    if findings.fanout is not None:
        parts += ["## W5: one topic, every event by itself", *_fanout(findings.fanout)]
    if findings.conflated is not None:
        parts += ["## W5: thousands of sockets, conflated", *_conflated(findings.conflated)]
    if findings.memory is not None:
        parts += ["## W8: memory", *_memory(findings.memory)]
    parts += ["## Checks", _checks(findings)]
    parts += ["## What the figures do not say", _LIMITS]
    return "\n\n".join(parts) + "\n"


def goals_table(findings: Findings) -> str:
    """What was wanted, beside what was measured."""
    rows = (
        (goal.what, goal.wanted, goal.reached, "reached" if goal.met else "**not reached**")
        for goal in goals_of(findings)
    )
    return _table(("goal", "wanted", "measured", ""), rows)


def _fanout(fanout: Fanout) -> list[str]:
    ours = fanout.speed(OURS).middle
    rows = (
        (
            name,
            fanout.speed(name).told(),
            fanout.cost(name).told(1),
            f"{ours / fanout.speed(name).middle:.2f}",
            f"{sum(turn.deliveries for turn in turns):,}",
        )
        for name, turns in fanout.turns.items()
    )
    turns = len(fanout.turns[OURS])
    return [
        (
            f"{fanout.sockets:,} sockets each on one process, one topic, {fanout.per_second:g} "
            f"events a second, in turns A B B A, {turns} turns each: median (least-most)."
        ),
        _table(
            (
                "server",
                "deliveries per CPU-second",
                "CPU-us per delivery",
                "ours is x times",
                "deliveries",
            ),
            rows,
        ),
        (
            f"Executions per event in ours, for all {fanout.sockets:,} sockets: "
            f"{fanout.executions_per_event:g}."
        ),
    ]


def _conflated(seen: Conflated) -> list[str]:
    rows = (
        ("sockets with the final version and counters", f"{seen.correct:,} of {seen.sockets:,}"),
        ("versions that went backwards", f"{seen.backwards:,}"),
        ("deliveries", f"{seen.deliveries:,}"),
        ("deliveries per CPU-second", f"{seen.deliveries / max(seen.cpu_seconds, 0.01):,.0f}"),
        ("age of a value when it is read, p50", _ms(seen.age_p50_ms)),
        ("the same, p99", _ms(seen.age_p99_ms)),
        ("all sockets final after the changes and half a second", f"{seen.final_seconds:.2f} s"),
        ("CPU of the server", f"{seen.cpu_seconds / seen.seconds:.2f} cores"),
        ("CPU of the clients", f"{seen.crowd_cpu_seconds / seen.seconds:.2f} cores"),
    )
    return [
        (
            f"{seen.sockets:,} sockets on one process of ours, {seen.changes / seen.seconds:,.0f} "
            f"changes a second at the gates of {seen.deals} deals for {seen.seconds:.0f} s, "
            "told with the default conflation."
        ),
        _table(("", ""), rows),
    ]


def _memory(memory: Memory) -> list[str]:
    ours = memory.resting[OURS].each_kib
    rows = (
        (
            name,
            f"{rest.sockets:,}",
            f"{rest.each_kib:.1f}",
            f"{rest.further_kib:.1f}",
            f"{ours / rest.each_kib:.2f}",
            f"{rest.connect_cpu_seconds * 1e6 / rest.sockets:,.0f}",
        )
        for name, rest in memory.resting.items()
    )
    told = [
        _table(
            ("server", "idle subscribed sockets", "KiB each", "KiB each of the second half",
             "ours is x of it", "CPU-us to connect and subscribe one"),
            rows,
        )
    ]  # fmt: skip
    if memory.stalled is not None:
        seen = memory.stalled
        told.append(
            f"{seen.stalled:,} sockets of a busy deal read nothing for {seen.seconds:.0f} s while "
            f"events went on: memory grew by {seen.most_kib - seen.before_kib:,} KiB at most, and "
            f"{seen.others_correct:,} of {seen.others:,} others got the final value."
        )
    if memory.after_cut_kib:
        after = ", ".join(f"{kib:,}" for kib in memory.after_cut_kib)
        told.append(
            f"After all sockets were cut off, {len(memory.after_cut_kib)} times over: {after} KiB."
        )
    return told


def _checks(findings: Findings) -> str:
    """One row for all that a check saw in several turns; a failed one has a row of its own."""
    rows: dict[tuple[str, bool], list[str]] = {}
    for check in findings.checks:
        rows.setdefault((check.what, check.holds), []).append(check.seen)
    return _table(
        ("check", "", "seen"),
        (
            (what, "holds" if holds else "**FAILED**", "; ".join(dict.fromkeys(seen)))
            for (what, holds), seen in rows.items()
        ),
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _ms(value: float | None) -> str:
    return "nothing was heard" if value is None else f"{value:,.0f} ms"
