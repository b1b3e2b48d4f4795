"""W8: what an idle subscribed socket costs, what a deaf one costs, and what is left of cut ones."""

import time
from collections.abc import Callable
from typing import Final

from bench.assistant import Assistant
from bench.contenders import GRAPHQL_WS, OURS, STRAWBERRY, Contender
from bench.memory.findings import MemoryFound, Resting, Stalled
from bench.process import cpu_seconds, memory_kib
from bench.stage import UNCONFLATED, Stage, endings
from bench.workload import Checks, Options

CUTS: Final = 3
STALL_SECONDS: Final = 20.0
_STALLED_SHARE: Final = 0.01
# In 20 s, 700 KB for each socket of the busy deal; the kernel keeps some 300 KB of it.
_BUSY_PER_SECOND: Final = 100
_QUIET_PER_SECOND: Final = 2
_WARM_SOCKETS: Final = 100
_HEAR_SECONDS: Final = 60.0
# Memory that no longer changes: two readings this far apart agree within so much.
_LOOK_SECONDS: Final = 0.5
_QUIET_KIB: Final = 256
_QUIET_LIMIT_SECONDS: Final = 15.0
# What a stalled socket may make ours keep: what is written and not sent, and one event a deal.
_STALLED_KIB: Final = 64
_NOISE_KIB: Final = 8_192
# An allocator keeps what it had; it may not keep more with each round.
_FLAT_SHARE: Final = 0.03


def measure(stage: Stage, options: Options, checks: Checks) -> MemoryFound:
    """Ours and the peers at rest, then stalled and cut sockets on ours."""
    memory = MemoryFound()
    follow = _then(stage, checks, memory, STALL_SECONDS)
    for name in (OURS, GRAPHQL_WS, STRAWBERRY) if options.peers else (OURS,):
        with stage.contender(name, **UNCONFLATED) as contender:
            memory.resting[name] = _rest(stage, checks, contender, options.sockets, follow)
        stage.tell(f"W8: {name}: {memory.resting[name].each_kib:.1f} KiB a socket")
    return memory


Then = Callable[[Contender, Assistant, int], None]


def _then(stage: Stage, checks: Checks, memory: MemoryFound, stall_seconds: float) -> Then:
    """What follows once the sockets of ours rest."""

    def follow(contender: Contender, crowd: Assistant, sockets: int) -> None:
        if contender.is_ours:
            memory.stalled = _stall(stage, checks, contender, crowd, sockets, stall_seconds)
            memory.after_cut_kib = _cut(stage, checks, contender, crowd, sockets)

    return follow


def _rest(stage: Stage, checks: Checks, contender: Contender, sockets: int, then: Then) -> Resting:
    """Fill a fresh, warmed server, and read its memory before and after."""
    deal = stage.deals[:1]
    with stage.crowd() as warming:
        stage.fill(warming, contender, _WARM_SOCKETS, deal)
        warming.ask("cut")
    with stage.crowd() as crowd:
        before, used = settled_kib(contender), cpu_seconds(contender.pid)
        stage.tell(f"W8: {sockets} sockets on {contender.name}")
        first = stage.fill(crowd, contender, sockets // 2, deal)
        half = settled_kib(contender)
        came = stage.fill(crowd, contender, sockets - sockets // 2, deal)
        seconds = first["seconds"] + came["seconds"]
        resting = Resting(
            sockets=sockets,
            before_kib=before,
            half_kib=half,
            with_kib=settled_kib(contender),
            connect_seconds=seconds,
            connect_cpu_seconds=cpu_seconds(contender.pid) - used,
        )
        checks.check(
            f"W8: all sockets of {contender.name} subscribed",
            f"{came['live']} of {sockets} in {seconds:.1f} s{endings(came)}",
            holds=came["live"] == sockets,
        )
        then(contender, crowd, sockets)
    return resting


def _stall(
    stage: Stage,
    checks: Checks,
    contender: Contender,
    crowd: Assistant,
    sockets: int,
    seconds: float,
) -> Stalled:
    """Let 1 % more come for a busy deal and read nothing; nobody else may miss anything by it.

    The busy deal tells more than the kernel keeps for somebody who does not read: the rest is
    the server's to keep, or to skip. As many read on at the same pace.
    """
    quiet, busy = stage.deals[:2]
    count = max(round(sockets * _STALLED_SHARE), 1)
    stage.fill(crowd, contender, 2 * count, [busy])
    crowd.ask("stall", count=count, topic=busy)
    crowd.ask("reset")
    before = most = memory_kib(contender.pid)
    skipped = contender.counted("flashsale_live_skipped_total")
    stage.tell(f"W8: {count} more sockets read nothing for {seconds:g} s")
    stage.events.begin(
        "change",
        deals=[busy] * round(_BUSY_PER_SECOND - _QUIET_PER_SECOND) + [quiet] * _QUIET_PER_SECOND,
        per_second=_BUSY_PER_SECOND,
        seconds=seconds,
        each=True,
    )
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
        most = max(most, memory_kib(contender.pid))
    made = stage.events.answer()
    heard = crowd.ask("until_final", finals=made["finals"], seconds=_HEAR_SECONDS)
    skipped = contender.counted("flashsale_live_skipped_total") - skipped
    crowd.ask("stall", count=0, topic=busy)
    woken = crowd.ask("until_final", finals=made["finals"], seconds=_HEAR_SECONDS)
    ended = endings(crowd.ask("tell"))
    others, correct = heard["members"], heard["members"] - heard["stale"]
    checks.check(
        "W8: all sockets that read got the final value while others stalled",
        f"{correct} of {others}",
        holds=correct == others == sockets + count,
    )
    checks.check(
        "W8: what the stalled sockets did not read was skipped",
        f"{skipped:,.0f} results skipped",
        holds=skipped > 0,
    )
    checks.check(
        "W8: the stalled sockets, too, got the final value once they read again",
        f"{woken['members'] - woken['stale']} of {sockets + 2 * count}{ended}",
        holds=woken["members"] == sockets + 2 * count and not woken["stale"],
    )
    bound = count * _STALLED_KIB + _NOISE_KIB
    checks.check(
        f"W8: memory grew by at most {_STALLED_KIB} KiB for each stalled socket and 8 MiB",
        f"{most - before} of {bound} KiB",
        holds=most - before <= bound,
    )
    return Stalled(count, seconds, before, most, others, correct)


def _cut(
    stage: Stage, checks: Checks, contender: Contender, crowd: Assistant, sockets: int
) -> list[int]:
    """Cut all sockets off, several times over; the memory after each time."""
    after: list[int] = []
    for number in range(CUTS):
        if number:
            came = stage.fill(crowd, contender, sockets, stage.deals[:1])
            checks.check(
                f"W8: all sockets came back after cut {number}",
                f"{came['live']} of {sockets}{endings(came)}",
                holds=came["live"] == sockets,
            )
        crowd.ask("cut")
        after.append(settled_kib(contender))
        stage.tell(f"W8: {after[-1]:,} KiB after cut {number + 1} of {CUTS}")
    checks.check(
        "W8: memory is flat from the second cut on",
        ", ".join(f"{kib:,} KiB" for kib in after),
        holds=is_flat(after),
    )
    return after


def is_flat(after_kib: list[int]) -> bool:
    """Whether memory after each round but the first stays within 3 % of the second."""
    second = after_kib[1]
    return all(kib <= second * (1 + _FLAT_SHARE) for kib in after_kib[2:])


def settled_kib(contender: Contender) -> int:
    """Its memory once it no longer changes; peers are asked to collect their garbage first."""
    limit = time.monotonic() + _QUIET_LIMIT_SECONDS
    if not contender.is_ours:
        contender.page("/collect", post=True)
    last = memory_kib(contender.pid)
    while time.monotonic() < limit:
        time.sleep(_LOOK_SECONDS * 2)
        now = memory_kib(contender.pid)
        if abs(now - last) < _QUIET_KIB:
            return now
        last = now
    return last
