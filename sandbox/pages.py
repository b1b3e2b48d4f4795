"""Lists: newest first, by cursor, as Stripe pages them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.calls import Call
from sandbox.errors import no_such

_FURTHEST = 2**62


@dataclass(frozen=True, slots=True)
class Listing:
    """How one kind of object is listed.

    `statement` takes :below, :since, :until, :filter and :limit, and answers newest first;
    `place` finds the seq of an id.
    """

    url: str
    kind: str
    statement: str
    place: str
    filter_by: str
    show: Callable[[Any], dict[str, Any]]

    def page(self, call: Call) -> dict[str, Any]:
        """One page of at most 100."""
        limit = call.params.integer("limit", least=1, most=100) or 10
        after = call.params.text("starting_after", longest=255)
        wanted = call.params.text(self.filter_by, longest=255)
        since, until = _window(call)
        call.params.end()
        below = _FURTHEST
        if after is not None:
            found = call.db.execute(self.place, (after,)).fetchone()
            if found is None:
                raise no_such(self.kind, after, param="starting_after")
            below = found["seq"]
        found = call.db.execute(
            self.statement,
            {
                "below": below,
                "since": since,
                "until": until,
                "filter": wanted,
                "limit": limit + 1,
            },
        ).fetchall()
        return {
            "object": "list",
            "data": [self.show(row) for row in found[:limit]],
            "has_more": len(found) > limit,
            "url": self.url,
        }


def _window(call: Call) -> tuple[int, int]:
    """The first and the last second that `created` asks for."""
    created = call.params.below("created")
    if created is None:
        return 0, _FURTHEST
    edges = {
        name: created.integer(name, least=0, most=_FURTHEST) for name in ("gte", "gt", "lte", "lt")
    }
    created.end()
    since = max(edges["gte"] or 0, -1 if edges["gt"] is None else edges["gt"] + 1)
    until = min(
        _FURTHEST if edges["lte"] is None else edges["lte"],
        _FURTHEST if edges["lt"] is None else edges["lt"] - 1,
    )
    return since, until
