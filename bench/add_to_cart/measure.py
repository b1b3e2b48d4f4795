"""W3: buyers, each another one, put a unit into their cart: all the same deal, or many deals."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from bench.add_to_cart.findings import COLD, HOT, AddToCartFound, Redis
from bench.carts import NO_LIMIT, NO_LIMITS, PLENTY, add_body
from bench.ceiling import Ceiling, ceiling, sent_script
from bench.contenders import OURS, RAW_POST, Contender
from bench.process import cpu_seconds
from bench.stage import Stage
from bench.throughput import Turn
from bench.workload import Checks, Options
from bench.wrk import CONNECTIONS, Buyers, load

BUYERS: Final = 50_000
MANY_DEALS: Final = 10_000
_ROUNDS: Final = 2
_WARM_SECONDS: Final = 2.0
_ENOUGH: Final = 100_000
_DEPTHS: Final = (1, 16)
_NAMES: Final = (HOT, COLD, RAW_POST)


def measure(stage: Stage, options: Options, checks: Checks) -> AddToCartFound:
    """One deal, ten thousand deals, and bytes without any cart, in turns A B C C B A."""
    tokens = stage.buyers(BUYERS)
    stage.tell(f"W3: opening {MANY_DEALS:,} deals")
    many = stage.events.ask(
        "open", deals=MANY_DEALS, products=20, allotment=_ENOUGH, limit=NO_LIMIT
    )["deals"]
    turns: dict[str, list[Turn]] = {name: [] for name in _NAMES}
    redis = Redis()
    with ExitStack() as stack:
        ours = stack.enter_context(stage.contender(OURS, **NO_LIMITS))
        raw = stack.enter_context(stage.contender(RAW_POST))
        trial = _Trial(stage, checks, ours, tokens, many)
        answer = trial.one_add()
        raw.ask("/load", answer.encode())
        for name in (COLD, HOT):
            trial.load_ours(_WARM_SECONDS, name, Redis())
        for name in (_NAMES + _NAMES[::-1]) * _ROUNDS:
            if name == RAW_POST:
                turn = trial.load_raw(raw, options.seconds)
            else:
                turn = trial.load_ours(options.seconds, name, redis)
            turns[name].append(turn)
            stage.tell(f"W3: {name}: {turn.per_second:,.0f} a second, {turn.cpu_us:.0f} CPU-us")
        limit = trial.ceiling() if options.peers else None
    return AddToCartFound(
        turns=turns,
        redis=redis,
        ceiling=limit,
        buyers=BUYERS,
        deals=MANY_DEALS,
        bytes=len(answer),
    )


class _Trial:
    """Our server, and what it is asked for."""

    def __init__(
        self, stage: Stage, checks: Checks, ours: Contender, tokens: Path, many: list[str]
    ) -> None:
        self._stage = stage
        self._checks = checks
        self._ours = ours
        self._tokens = tokens
        self._many = many
        self._body = stage.file("add-body.json", add_body())
        self._turn = 0

    def one_add(self) -> str:
        """What one buyer is answered, in full."""
        token = self._tokens.read_text().partition("\n")[0]
        answer = self._ours.ask("/graphql", add_body(self._many[0], key="first"), token=token)
        self._checks.check(
            "W3: a buyer gets what was asked for",
            (answer or "no answer")[:100],
            holds=answer is not None and '"CartUpdated"' in answer,
        )
        self._stage.forget_carts()
        return answer or ""

    def load_ours(self, seconds: float, name: str, redis: Redis) -> Turn:
        """One turn, after which the units must add up to the answers; `redis` counts it in."""
        deals = self._deals(name)
        before, files = self._count(deals), self._files(deals)
        commands, used = self._stage.commands(), cpu_seconds(self._ours.pid)
        seen = load(self._ours.port, seconds, files)
        turn = Turn(seen.accepted, seen, cpu_seconds(self._ours.pid) - used)
        redis.add(self._stage.commands().since(commands), seen.requests)
        after = self._count(deals)
        held = after["held"] - before["held"]
        self._checks.check(
            f"W3: {name}: available + held = allotment at every gate after the turn",
            f"{after['wrong']} of {len(deals):,} deals do not add up",
            holds=not after["wrong"] and after["allotment"] == after["available"] + after["held"],
        )
        # wrk leaves when its time is up, and does not hear the answers that are under way.
        self._checks.check(
            f"W3: {name}: as many units are held as were answered, and at most {CONNECTIONS} more",
            f"{held:,} held, {seen.accepted:,} answered",
            holds=0 < seen.accepted <= held <= seen.accepted + CONNECTIONS,
        )
        self._checks.check(
            f"W3: {name}: every request was accepted",
            f"{seen.refused} sold out, {seen.other} other, {seen.errors} errors {seen.example}",
            holds=not seen.refused and not seen.other and not seen.errors,
        )
        self._stage.forget_carts()
        return turn

    def load_raw(self, raw: Contender, seconds: float) -> Turn:
        """The same requests, to somebody who reads them and always answers the same."""
        used = cpu_seconds(raw.pid)
        seen = load(raw.port, seconds, self._files(self._many))
        return Turn(seen.accepted, seen, cpu_seconds(raw.pid) - used)

    def ceiling(self) -> Ceiling:
        """Our script alone, as the server sends it."""
        (deal,) = self._fresh()
        token = self._tokens.read_text().partition("\n")[0]
        self._stage.tell("W3: redis-benchmark with our script")

        def add() -> None:
            self._ours.ask("/graphql", add_body(deal, key="monitored"), token=token)

        words = sent_script(self._stage.redis_url, add, about=f"{{deal:{deal}}}")
        buyer = next(word for word in words if word.startswith("usr_"))
        return ceiling(self._stage.redis_url, words, buyer=buyer, depths=_DEPTHS)

    def _deals(self, name: str) -> list[str]:
        """A fresh deal; or the many, each buyer with another of them than before."""
        self._turn += 1
        if name == HOT:
            return self._fresh()
        start = 7 * self._turn % len(self._many)
        return self._many[start:] + self._many[:start]

    def _fresh(self) -> list[str]:
        opened = self._stage.events.ask("open", deals=1, allotment=PLENTY, limit=NO_LIMIT)
        deals: list[str] = opened["deals"]
        return deals

    def _files(self, deals: list[str]) -> Buyers:
        listed = self._stage.file("add-deals.txt", "".join(f"{d}\n" for d in deals).encode())
        return Buyers(self._body, self._tokens, listed, f"turn-{self._turn}-")

    def _count(self, deals: list[str]) -> dict[str, Any]:
        return self._stage.events.ask("count", deals=deals)
