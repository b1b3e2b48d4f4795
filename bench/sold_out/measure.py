"""W7: a crowd that comes too late, and the moment in which it does not any more."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from bench.carts import NO_LIMIT, NO_LIMITS, add_body
from bench.contenders import OURS, RAW_POST, Contender
from bench.process import cpu_seconds
from bench.sold_out.findings import BackOnSale, SoldOutFound
from bench.stage import Stage
from bench.throughput import Turn
from bench.workload import Checks, Options
from bench.wrk import Buyers, load

BUYERS: Final = 500
HOLDS: Final = 500
_ROUNDS: Final = 2
_WARM_SECONDS: Final = 1.0
# A hold may last no longer than the product lets it.
_LONGEST_SECONDS: Final = 590.0
_HELD_AFTER_SECONDS: Final = 60.0
_LAPSE_AFTER_SECONDS: Final = 6.0
_WATCHED_SECONDS: Final = 10.0
_NAMES: Final = (OURS, RAW_POST)


def measure(stage: Stage, options: Options, checks: Checks) -> SoldOutFound:
    """Refusals beside bytes in turns A B B A, then the first unit after a lapse."""
    tokens = stage.buyers(BUYERS)
    turns: dict[str, list[Turn]] = {name: [] for name in _NAMES}
    refusals = commands = 0
    calls: dict[str, int] = {}
    with ExitStack() as stack:
        ours = stack.enter_context(stage.contender(OURS, **NO_LIMITS))
        raw = stack.enter_context(stage.contender(RAW_POST))
        first = _Crowd(stage, ours, tokens, held_for=_WARM_SECONDS + _HELD_AFTER_SECONDS)
        refusal = first.one_add()
        checks.check(
            "W7: a buyer who comes too late is refused as sold out",
            refusal,
            holds='"SoldOut"' in refusal,
        )
        raw.ask("/load", refusal.encode())
        first.load(_WARM_SECONDS)
        for name in (_NAMES + _NAMES[::-1]) * _ROUNDS:
            crowd = _Crowd(
                stage,
                ours if name == OURS else raw,
                tokens,
                held_for=min(options.seconds + _HELD_AFTER_SECONDS, _LONGEST_SECONDS),
            )
            before = stage.commands()
            turn = crowd.load(options.seconds)
            if name == OURS:
                done = stage.commands().since(before)
                refusals, commands = refusals + turn.answers, commands + done.all
                for word, count in done.calls.items():
                    calls[word] = calls.get(word, 0) + count
                crowd.check(checks, turn)
            turns[name].append(turn)
            stage.tell(f"W7: {name}: {turn.per_second:,.0f} a second, {turn.cpu_us:.0f} CPU-us")
        back = _lapse(stage, ours, tokens, checks)
    return SoldOutFound(
        turns=turns,
        refusals=refusals,
        commands=commands,
        calls=calls,
        back=back,
        buyers=BUYERS,
        bytes=len(refusal),
    )


class _Crowd:
    """Buyers of one deal of which all units are held, all by others and until one moment."""

    def __init__(self, stage: Stage, server: Contender, tokens: Path, *, held_for: float) -> None:
        self._stage = stage
        self._server = server
        self._tokens = tokens
        opened = stage.events.ask("open", deals=1, allotment=HOLDS, limit=NO_LIMIT)
        self._deal: str = opened["deals"][0]
        held = stage.events.ask(
            "sell_out", deal=self._deal, units=HOLDS, until=time.time() + held_for
        )
        self.first_lapse_ms: float = held["first_ms"]
        self.last_lapse_ms: float = held["last_ms"]

    def one_add(self) -> str:
        """What one buyer is answered."""
        token = self._tokens.read_text().partition("\n")[0]
        return self._server.ask("/graphql", add_body(self._deal, key=None), token=token) or ""

    def load(self, seconds: float) -> Turn:
        """All of them ask over and over, without idempotency keys; refusals count."""
        files = Buyers(
            self._stage.file("late-body.json", add_body(key=None)),
            self._tokens,
            self._stage.file("late-deal.txt", f"{self._deal}\n".encode()),
            "none",
        )
        used = cpu_seconds(self._server.pid)
        seen = load(self._server.port, seconds, files)
        return Turn(seen.refused, seen, cpu_seconds(self._server.pid) - used)

    def count(self) -> dict[str, Any]:
        """What the gate says."""
        return self._stage.events.ask("count", deals=[self._deal])

    def check(self, checks: Checks, turn: Turn) -> None:
        """Nobody got anything, and nothing moved."""
        seen, after = turn.load, self.count()
        checks.check(
            "W7: everybody was refused as sold out",
            f"{seen.refused:,} refused, {seen.accepted} accepted, {seen.other} other,"
            f" {seen.errors} errors {seen.example}",
            holds=seen.refused > 0 and not seen.accepted + seen.other + seen.errors,
        )
        checks.check(
            "W7: all units are still held by those who had them",
            f"{after['held']} of {after['allotment']} held, {after['available']} available",
            holds=after["held"] == after["allotment"] == HOLDS and not after["wrong"],
        )


def _lapse(stage: Stage, ours: Contender, tokens: Path, checks: Checks) -> BackOnSale:
    """All holds lapse at one moment, while the crowd goes on asking."""
    crowd = _Crowd(stage, ours, tokens, held_for=_LAPSE_AFTER_SECONDS)
    stage.tell(f"W7: {HOLDS} holds lapse")
    seen = crowd.load(_WATCHED_SECONDS).load
    after = crowd.count()
    checks.check(
        f"W7: the {HOLDS} units whose holds lapsed were sold once each",
        f"{seen.accepted} accepted, {after['held']} held, {after['available']} available,"
        f" {seen.other} other answers, {seen.errors} errors {seen.example}",
        holds=seen.accepted == after["held"] == HOLDS
        and not after["available"] + after["wrong"] + seen.other + seen.errors,
    )
    first = seen.first_accepted_ms
    checks.check(
        "W7: nobody was accepted before the first hold had lapsed",
        "nobody was accepted" if first is None else f"{first - crowd.first_lapse_ms:.0f} ms after",
        holds=first is not None and first >= crowd.first_lapse_ms,
    )
    return BackOnSale(
        holds=HOLDS,
        after_ms=None if first is None else first - crowd.first_lapse_ms,
        spread_ms=crowd.last_lapse_ms - crowd.first_lapse_ms,
        accepted=seen.accepted,
        refused=seen.refused,
    )
