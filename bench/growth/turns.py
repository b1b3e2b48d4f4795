"""One turn of W6: so many requests of each kind to one shop, and the CPU time that they took."""

import time
from collections.abc import Sequence
from typing import Final

import orjson

from bench.growth.client import Client
from bench.growth.dimensions import OPERATIONS, Operation, Place
from bench.headline import requests
from bench.hot_list.query import QUERY
from bench.process import tree_cpu_seconds

# Some tenths of a second of CPU time for each kind.
_REQUESTS: Final[dict[Operation, int]] = {
    "list": 48,
    "deal": 120,
    "addToCart": 120,
    "placeOrder": 32,
}
# Announcements go out a moment after the answer.
_SETTLE_SECONDS: Final = 0.03
# Who asks is part of the answer, so that none comes from the cache of public answers.
_LIST: Final = QUERY.replace("  deals(", "  me { id } deals(", 1)
_LIST_VARIABLES: Final[dict[str, object]] = {"phase": "LIVE", "sort": "ENDING_SOON", "first": 20}
_DETAIL: Final = requests.DETAIL.replace("{ deal(", "{ me { id } deal(", 1)
_EXPECTED: Final[dict[Operation, bytes]] = {
    "list": b'"deals":{"nodes":[{',
    "deal": b'"deal":{"id":"',
    "addToCart": b'"__typename":"CartUpdated"',
    "placeOrder": b'"__typename":"OrderPlaced"',
}


class Asking:
    """Asks one shop for these deals, in the name of these buyers."""

    def __init__(
        self,
        port: int,
        pids: Sequence[int],
        places: Sequence[Place],
        *,
        deals: Sequence[str],
        tokens: Sequence[str],
    ) -> None:
        self.places = places
        self._port = port
        self._pids = pids
        self._deals = deals
        self._tokens = [token.encode() for token in tokens]
        self._added = 0

    def warm_up(self) -> None:
        """Have everything asked for once, each deal and each kind, and each buyer's first unit."""
        with Client(self._port) as client:
            client.ask(self._lists(8), _EXPECTED["list"])
            client.ask(self._details(2 * len(self._deals)), _EXPECTED["deal"])
            many = max(len(self._deals), min(len(self._tokens), 100))
            client.ask([request for _, request in self._adds(many)], _EXPECTED["addToCart"])
            client.ask(self._orders(client, 8), _EXPECTED["placeOrder"])

    def costs_us(self) -> dict[Operation, float]:
        """Microseconds of CPU time for a request of each kind, the server's and its stores'.

        Raises:
            Unexpected: an answer was a refusal or an error.
        """
        costs: dict[Operation, float] = {}
        with Client(self._port) as client:
            for operation in OPERATIONS:
                asked = self._requests(client, operation, _REQUESTS[operation])
                time.sleep(_SETTLE_SECONDS)
                before = sum(tree_cpu_seconds(self._pids))
                client.ask(asked, _EXPECTED[operation])
                time.sleep(_SETTLE_SECONDS)
                used = sum(tree_cpu_seconds(self._pids)) - before
                costs[operation] = used * 1e6 / len(asked)
        return costs

    def _requests(self, client: Client, operation: Operation, count: int) -> list[bytes]:
        match operation:
            case "list":
                return self._lists(count)
            case "deal":
                return self._details(count)
            case "addToCart":
                return [request for _, request in self._adds(count)]
            case "placeOrder":
                return self._orders(client, count)

    def _lists(self, count: int) -> list[bytes]:
        return [requests.personal(self._tokens[0], _LIST, _LIST_VARIABLES)] * count

    def _details(self, count: int) -> list[bytes]:
        return [
            requests.personal(self._tokens[0], _DETAIL, {"id": self._deals[n % len(self._deals)]})
            for n in range(count)
        ]

    def _adds(self, count: int) -> list[tuple[bytes, bytes]]:
        """The next buyers, each with another deal than the last time; token and request."""
        made = []
        for number in range(self._added, self._added + count):
            turn, buyer = divmod(number, len(self._tokens))
            deal = self._deals[(buyer + turn) % len(self._deals)]
            token = self._tokens[buyer]
            made.append((token, requests.add(token, deal, f"{deal}-{number}")))
        self._added += count
        return made

    def _orders(self, client: Client, count: int) -> list[bytes]:
        """Orders to be placed, of carts that are filled and frozen for it now."""
        adds = self._adds(count)
        client.ask([request for _, request in adds], _EXPECTED["addToCart"])
        bodies = client.ask(
            [requests.checkout(token) for token, _ in adds], b'"__typename":"Checkout"'
        )
        made = [orjson.loads(body)["data"]["checkout"] for body in bodies]
        return [
            requests.place(token, checkout["id"], checkout["total"])
            for (token, _), checkout in zip(adds, made, strict=True)
        ]
