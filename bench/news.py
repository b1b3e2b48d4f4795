"""What a subscriber reads in an event: one deal's counters at one version."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

QUERY: Final = (
    "subscription OnStock($dealIds: [ID!]!) { stockChanged(dealIds: $dealIds) {"
    " id dealId allotment available held sold level epoch version asOf } }"
)
_PAYLOAD: Final = b'"payload":'
# Distinct payloads are few: every socket of a deal gets the same.
_MOST_KNOWN: Final = 4096


@dataclass(frozen=True, slots=True)
class News:
    """`as_of` is Unix time in seconds."""

    deal_id: str
    epoch: int
    version: int
    allotment: int
    available: int
    held: int
    sold: int
    as_of: float

    @property
    def order(self) -> tuple[int, int]:
        """Later news have a higher one."""
        return self.epoch, self.version

    @property
    def final(self) -> list[Any]:
        """All that must agree at the end; the time of reading may differ."""
        return [self.epoch, self.version, self.allotment, self.available, self.held, self.sold]


class BadNews(Exception):
    """An event that is an error, or not what was subscribed to."""


class Reader:
    """Reads events, each distinct payload once: only the envelope differs from socket to socket."""

    def __init__(self) -> None:
        self._known: dict[bytes, News] = {}

    @property
    def distinct(self) -> int:
        """How many payloads are remembered."""
        return len(self._known)

    def read(self, message: bytes) -> News:
        """The news in a `next` message.

        Raises:
            BadNews: it carries an error, or something else.
        """
        payload = message[message.find(_PAYLOAD) :]
        news = self._known.get(payload)
        if news is None:
            news = _parse(message)
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[payload] = news
        return news


def _parse(message: bytes) -> News:
    try:
        payload = orjson.loads(message)["payload"]
        if payload.get("errors"):
            raise BadNews(str(payload["errors"]))
        told = payload["data"]["stockChanged"]
        return News(
            deal_id=told["dealId"],
            epoch=told["epoch"],
            version=told["version"],
            allotment=told["allotment"],
            available=told["available"],
            held=told["held"],
            sold=told["sold"],
            as_of=datetime.fromisoformat(told["asOf"]).timestamp(),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadNews(f"{error!r} in {message[:200]!r}") from None


def stale(held: Iterable[News | None], finals: Mapping[str, list[Any]]) -> list[News | None]:
    """What sockets hold that is not the final state of their deal; None holds nothing at all."""
    return [news for news in held if news is None or news.final != finals.get(news.deal_id)]
