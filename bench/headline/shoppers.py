"""What the crowd of W2 asks, and what it makes of the answers: a source for the driver."""

import random
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from bench.headline import requests
from bench.headline.zipf import draw, shares
from bench.openloop.answers import Outcome, word_at
from bench.openloop.driver import Ask

LIST, DETAIL, ADD, CHECKOUT, PLACE = range(5)
KINDS: Final = ("deal list", "deal detail", "addToCart", "checkout", "placeOrder")
# Of a hundred requests; a buyer's next step is a checkout or an order, whichever is ready.
_LISTS, _DETAILS, _ADDS, _STEPS = 48, 47, 4, 1
ADD_SHARE: Final = _ADDS / 100
_ROUND: Final = 100_000
# One in so many reads is parsed and looked at whole.
_SAMPLE: Final = 499
_KEPT_FAILURES: Final = 20
_FAILURE_BYTES: Final = 300

_OVERLOADED: Final = b'"code":"OVERLOADED"'
_LIMITED: Final = b'"code":"RATE_LIMITED"'
_LIST_BEGIN: Final = b'{"data":{"deals":{"'
_TYPED: Final = {
    ADD: b'{"data":{"addToCart":{"__typename":"',
    CHECKOUT: b'{"data":{"checkout":{"__typename":"',
    PLACE: b'{"data":{"placeOrder":{"__typename":"',
}
_WORDS: Final = {
    b"CartUpdated": Outcome.ACCEPTED,
    b"Checkout": Outcome.ACCEPTED,
    b"OrderPlaced": Outcome.ACCEPTED,
    b"SoldOut": Outcome.REFUSED,
    b"PurchaseLimitReached": Outcome.REFUSED,
    b"HoldLapsed": Outcome.REFUSED,
    b"CartEmpty": Outcome.REFUSED,
    b"DealNotLive": Outcome.REFUSED,
    b"TryLater": Outcome.SHED,
}


@dataclass(frozen=True, slots=True)
class Buying:
    """One buyer on the way from a deal to an order."""

    buyer: int
    deal: int


@dataclass(slots=True)
class Facts:
    """What the answers said, to be held against the stores. Units are by deal."""

    added: list[int]
    # Adds whose outcome nobody knows: they may hold a unit.
    unknown: list[int]
    # Order id and deal of each answered order.
    orders: list[tuple[str, int]] = field(default_factory=list)
    unknown_orders: int = 0
    # Turns for a next step at which no buyer was ready for one; a list was read instead.
    idle_steps: int = 0
    words: Counter[str] = field(default_factory=Counter)
    sampled: int = 0
    wrong: list[str] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "added": self.added,
            "unknown": self.unknown,
            "orders": self.orders,
            "unknown_orders": self.unknown_orders,
            "idle_steps": self.idle_steps,
            "words": dict(self.words),
            "sampled": self.sampled,
            "wrong": self.wrong,
        }


class Shoppers:
    """Each add is another buyer's; whoever got a unit goes on to checkout, then to the order."""

    def __init__(self, *, deals: Sequence[str], tokens: Sequence[str], seed: int) -> None:
        self._deals = deals
        self._tokens = [token.encode() for token in tokens]
        chance = random.Random(seed)  # noqa: S311 - the same seed makes the same load
        wanted = draw(shares(len(deals)), _ROUND, chance)
        reads = [Ask(DETAIL, requests.detail(deal), _detail_begin(deal)) for deal in deals]
        self._list = Ask(LIST, requests.deal_list(), _LIST_BEGIN)
        hundredth = _ROUND // 100
        plan: list[Ask | int] = [
            *(self._list for _ in range(_LISTS * hundredth)),
            *(reads[deal] for deal in wanted[: _DETAILS * hundredth]),
            *(ADD for _ in range(_ADDS * hundredth)),
            *(CHECKOUT for _ in range(_STEPS * hundredth)),
        ]
        chance.shuffle(plan)
        self._plan, self._turn = plan, 0
        self._wanted, self._want = wanted, 0
        self._buyer = 0
        self._carts: deque[Buying] = deque()
        self._checkouts: deque[tuple[Buying, str, dict[str, object]]] = deque()
        self._reads_left = 1
        self.facts = Facts([0] * len(deals), [0] * len(deals))

    def next(self) -> Ask:
        """The next request of the mix."""
        turn = self._turn
        ask = self._plan[turn]
        self._turn = turn + 1 if turn + 1 < _ROUND else 0
        if isinstance(ask, Ask):
            return ask
        return self._add() if ask == ADD else self._step()

    def answered(self, ask: Ask, data: bytearray, body: int, end: int) -> Outcome:
        """Tell the answer by its first bytes, and remember what follows from it."""
        kind = ask.kind
        if kind <= DETAIL:
            if data.startswith(ask.note, body):
                self._reads_left -= 1
                if not self._reads_left:
                    self._look_at(ask, data[body:end])
                return Outcome.ACCEPTED
            return self._not_answered(ask, data, body, end)
        begin = _TYPED[kind]
        if not data.startswith(begin, body):
            return self._not_answered(ask, data, body, end)
        word = word_at(data, body + len(begin), end)
        self.facts.words[f"{KINDS[kind]}: {word.decode()}"] += 1
        outcome = _WORDS.get(word, Outcome.FAILED)
        if outcome is Outcome.ACCEPTED:
            self._go_on(ask, data[body:end])
        elif outcome is not Outcome.REFUSED:
            self.lost(ask)
        return outcome

    def lost(self, ask: Ask) -> None:
        """Its effect is unknown."""
        if ask.kind == ADD:
            self.facts.unknown[ask.note.deal] += 1
        elif ask.kind == PLACE:
            self.facts.unknown_orders += 1

    def _add(self) -> Ask:
        assert self._buyer < len(self._tokens), "there are buyers for every add"
        buying = Buying(self._buyer, self._wanted[self._want])
        self._buyer += 1
        self._want = (self._want + 1) % _ROUND
        key = f"w2-{buying.buyer}" if buying.buyer % 2 else None
        token = self._tokens[buying.buyer]
        return Ask(ADD, requests.add(token, self._deals[buying.deal], key), buying)

    def _step(self) -> Ask:
        if self._checkouts:
            buying, checkout_id, total = self._checkouts.popleft()
            token = self._tokens[buying.buyer]
            return Ask(PLACE, requests.place(token, checkout_id, total), buying)
        if self._carts:
            buying = self._carts.popleft()
            return Ask(CHECKOUT, requests.checkout(self._tokens[buying.buyer]), buying)
        self.facts.idle_steps += 1
        return self._list

    def _go_on(self, ask: Ask, body: bytearray) -> None:
        buying = ask.note
        assert isinstance(buying, Buying)
        if ask.kind == ADD:
            self.facts.added[buying.deal] += 1
            self._carts.append(buying)
        elif ask.kind == CHECKOUT:
            made = orjson.loads(body)["data"]["checkout"]
            self._checkouts.append((buying, made["id"], made["total"]))
        else:
            order = orjson.loads(body)["data"]["placeOrder"]["order"]
            self.facts.orders.append((order["id"], buying.deal))

    def _not_answered(self, ask: Ask, data: bytearray, body: int, end: int) -> Outcome:
        """It was shed before it was executed, or something is wrong."""
        status = data[9:12].decode()
        if data.find(_OVERLOADED, body, end) >= 0:
            word, outcome = "OVERLOADED", Outcome.SHED
        elif data.find(_LIMITED, body, end) >= 0:
            word, outcome = "RATE_LIMITED", Outcome.SHED
        else:
            word, outcome = f"HTTP {status}", Outcome.FAILED
            self.lost(ask)
            self._wrong(f"{KINDS[ask.kind]}: {status} {data[body:end][:_FAILURE_BYTES].decode()}")
        self.facts.words[f"{KINDS[ask.kind]}: {word}"] += 1
        return outcome

    def _look_at(self, ask: Ask, body: bytearray) -> None:
        """Parse an answer, and hold the stock that it tells against itself."""
        self._reads_left = _SAMPLE
        self.facts.sampled += 1
        told = orjson.loads(body)["data"]
        shown = told["deals"]["nodes"] if ask.kind == LIST else [told["deal"]]
        stocks = [deal["stock"] for deal in shown]
        if not all(
            0 <= stock["available"] <= stock.get("allotment", stock["available"])
            for stock in stocks
        ) or len(shown) != (20 if ask.kind == LIST else 1):
            self._wrong(f"{KINDS[ask.kind]}: {body[:_FAILURE_BYTES].decode()}")

    def _wrong(self, what: str) -> None:
        if len(self.facts.wrong) < _KEPT_FAILURES:
            self.facts.wrong.append(what)


def _detail_begin(deal_id: str) -> bytes:
    return b'{"data":{"deal":{"id":"' + deal_id.encode() + b'"'
