"""Asks a running shop for so many requests of each kind, and says what each of them cost."""

import time
from collections.abc import Sequence
from statistics import fmean, median
from typing import TYPE_CHECKING, Final

import orjson

from bench.capacity.costs import Cost, Idle, Kind
from bench.capacity.readings import Counted, Used, count
from bench.growth.client import Client
from bench.headline import requests
from bench.hot_list.query import QUERY
from bench.shop import Shop

if TYPE_CHECKING:
    from bench.capacity.calibration import Size

# Announcements and jobs go out a moment after the answer.
_SETTLE_SECONDS: Final = 0.1
_WARM_BUYERS: Final = 40
# A session of Postgres tells what it did when it does something a second later, else after ten: so
# many requests of each kind come after a pause, and find the sessions that served the others.
_LATE_REQUESTS: Final = 24
# Who asks is part of the answer, so that none comes from the cache of public answers.
_LIST: Final = QUERY.replace("  deals(", "  me { id } deals(", 1)
_LIST_VARIABLES: Final[dict[str, object]] = {"phase": "LIVE", "sort": "ENDING_SOON", "first": 20}
_DETAIL: Final = requests.DETAIL.replace("{ deal(", "{ me { id } deal(", 1)
_EXPECTED: Final[dict[Kind, bytes]] = {
    "cached read": b'{"data":{"deal',
    "executed list": b'"deals":{"nodes":[{',
    "executed deal": b'"deal":{"id":"',
    "addToCart": b'"__typename":"CartUpdated"',
    "refusal": b'"__typename":"SoldOut"',
    "checkout": b'"__typename":"Checkout"',
    "placeOrder": b'"__typename":"OrderPlaced"',
}
# Part of the shop and the name of its CPU time in a cost.
_PARTS: Final = {
    "API": "api_cpu_us",
    "valkey": "redis_cpu_us",
    "postgres": "postgres_cpu_us",
    "mongo": "mongo_cpu_us",
    "worker": "worker_cpu_us",
}


class Asking:
    """Eight requests at a time. What a part does at rest is no request's cost."""

    idle: Idle
    _counted: Counted | None = None

    def __init__(
        self, shop: Shop, size: "Size", *, deals: Sequence[str], gone: str, tokens: Sequence[str]
    ) -> None:
        self.deals = deals
        self._shop = shop
        self._size = size
        self._gone = gone
        every = [token.encode() for token in tokens]
        self._warm, self._buyers = every[:_WARM_BUYERS], every[_WARM_BUYERS:]
        self._checkouts: list[bytes] = []

    @staticmethod
    def buyers(size: "Size") -> int:
        """How many it takes."""
        return _WARM_BUYERS + size.turns * size.buyers

    def warm_up(self) -> None:
        """Have each kind asked for, and everything read that a process remembers.

        Raises:
            Unexpected: an answer was a refusal or an error.
        """
        with Client(self._shop.port) as client:
            warming: tuple[tuple[Kind, list[bytes]], ...] = (
                ("executed list", self._lists(8)),
                ("executed deal", self._details(2 * len(self.deals))),
                ("cached read", self._public(32)),
                ("addToCart", self._adds(self._warm)),
            )
            for kind, asked in warming:
                client.ask(asked, _EXPECTED[kind])
            bodies = client.ask(self._freezes(self._warm), _EXPECTED["checkout"])
            client.ask(_placings(self._warm, bodies), _EXPECTED["placeOrder"])
            client.ask(self._late(2 * _WARM_BUYERS), _EXPECTED["refusal"])
            time.sleep(self._size.stats_seconds)
            client.ask(self._lists(_LATE_REQUESTS), _EXPECTED["executed list"])

    def reads(self) -> dict[Kind, Cost]:
        """From memory, and executed."""
        size = self._size
        return {
            "cached read": self._cost(
                "cached read", [self._public(size.cached_reads)] * size.turns
            ),
            "executed list": self._cost(
                "executed list", [self._lists(size.executed_lists)] * size.turns
            ),
            "executed deal": self._cost(
                "executed deal", [self._details(size.executed_deals)] * size.turns
            ),
        }

    def adds(self) -> Cost:
        """One unit each, of the deals in turn."""
        return self._cost("addToCart", [self._adds(turn) for turn in self._turns()])

    def refusals(self) -> Cost:
        """Of a deal of which nothing is left."""
        return self._cost("refusal", [self._late(self._size.refusals)] * self._size.turns)

    def checkouts(self) -> Cost:
        """Of the carts that `adds` filled."""
        return self._cost("checkout", [self._freezes(turn) for turn in self._turns()])

    def orders(self) -> Cost:
        """Of those checkouts."""
        size, made = self._size.buyers, self._checkouts
        parts = [made[at : at + size] for at in range(0, len(made), size)]
        pairs = zip(self._turns(), parts, strict=True)
        return self._cost("placeOrder", [_placings(turn, bodies) for turn, bodies in pairs])

    def _cost(self, kind: Kind, turns: Sequence[Sequence[bytes]]) -> Cost:
        """CPU times as the median of the turns, what the stores count as the mean over them.

        They have been counted since the kind before, between which and this one nobody asked.
        """
        each: dict[str, list[float]] = {name: [] for name in _PARTS.values()}
        bodies: list[bytes] = []
        began = self._counted or count(self._shop, after_seconds=self._size.stats_seconds)
        *first, last = turns
        some = min(_LATE_REQUESTS, len(last) // 2)
        with Client(self._shop.port) as client:
            for asked in (*first, last[:-some]):
                before = Used.now(self._shop)
                bodies += client.ask(asked, _EXPECTED[kind])
                time.sleep(_SETTLE_SECONDS)
                after = Used.now(self._shop)
                for part, name in _PARTS.items():
                    used_us = (after.seconds[part] - before.seconds[part]) * 1e6
                    rest_us = (after.at - before.at) * getattr(self.idle, name)
                    each[name].append(max(used_us - rest_us, 0.0) / len(asked))
            time.sleep(self._size.stats_seconds)
            bodies += client.ask(last[-some:], _EXPECTED[kind])
        ended = self._counted = count(self._shop, after_seconds=_SETTLE_SECONDS)
        if kind == "checkout":
            self._checkouts = bodies
        waited = ended.at - began.at
        return Cost(
            requests=len(bodies),
            answer_bytes=fmean(map(len, bodies)),
            **{name: median(values) for name, values in each.items()},
            **{
                name: max(value - waited * getattr(self.idle, name), 0.0) / len(bodies)
                for name, value in ended.since(began).items()
            },
        )

    def _turns(self) -> list[list[bytes]]:
        size = self._size.buyers
        return [self._buyers[at : at + size] for at in range(0, len(self._buyers), size)]

    def _public(self, count: int) -> list[bytes]:
        return [requests.deal_list(), requests.detail(self.deals[0])] * (count // 2)

    def _lists(self, count: int) -> list[bytes]:
        return [requests.personal(self._warm[0], _LIST, _LIST_VARIABLES)] * count

    def _details(self, count: int) -> list[bytes]:
        return [
            requests.personal(self._warm[0], _DETAIL, {"id": self.deals[n % len(self.deals)]})
            for n in range(count)
        ]

    def _adds(self, tokens: Sequence[bytes]) -> list[bytes]:
        return [
            requests.add(token, self.deals[n % len(self.deals)], f"add-{n}")
            for n, token in enumerate(tokens)
        ]

    def _late(self, count: int) -> list[bytes]:
        return [
            requests.add(self._warm[n % len(self._warm)], self._gone, None) for n in range(count)
        ]

    def _freezes(self, tokens: Sequence[bytes]) -> list[bytes]:
        return [requests.checkout(token) for token in tokens]


def _placings(tokens: Sequence[bytes], checkouts: Sequence[bytes]) -> list[bytes]:
    made = [orjson.loads(body)["data"]["checkout"] for body in checkouts]
    return [
        requests.place(token, checkout["id"], checkout["total"])
        for token, checkout in zip(tokens, made, strict=True)
    ]
