"""The named points at which a program can be killed or kept waiting, and how they are watched."""

import asyncio
import functools
import inspect
import os
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from starlette.background import BackgroundTask

from tests.faults.rewriting import DoesNotApply, Setter, find, methods, replace

Edge = Literal["entering", "leaving"]
Moment = tuple[str, Edge]
"""A function, as rewriting.find takes it, and which edge of it; "module:Class.*" is all of it."""

_ANSWER: Final = "graph.webhooks:PaymentWebhook.receive"


@dataclass(frozen=True, slots=True)
class CrashPoint:
    """Something that is done, and the moments just before and just after it."""

    name: str
    before: Moment
    after: Moment


def _around(name: str, where: str) -> CrashPoint:
    return CrashPoint(name, (where, "entering"), (where, "leaving"))


POINTS: Final = {
    point.name: point
    for point in (
        _around("hold", "orders.at_once:AddAtOnce.add"),
        _around("freeze", "inventory.holds:Holds.freeze_hold"),
        _around("claim", "inventory.claims:Claims.claim_hold"),
        # Everything is written in the transaction, then it has committed.
        CrashPoint(
            "order-commit",
            ("orders.batch:_keep_keys", "leaving"),
            ("orders.batch:place_batch", "leaving"),
        ),
        _around("redis-commit", "inventory.claims:Claims.commit_claim"),
        _around("job", "orders.handlers:JobHandlers.*"),
        _around("intent-created", "payments.stripe_gateway:StripeGateway.open_intent"),
        _around("intent-stored", "orders.intents:Intents._remember"),
        _around("inbox-insert", "payments.events:receive"),
        # The answer is on its way to the provider when its background task runs.
        CrashPoint("event-answer", (_ANSWER, "leaving"), (_ANSWER, "leaving")),
        CrashPoint(
            "transition",
            ("orders.transition:move", "leaving"),
            ("orders.settlement:Settlement._apply", "leaving"),
        ),
        _around("cancel-sent", "payments.stripe_gateway:StripeGateway.cancel"),
        _around("units-freed", "inventory.claims:Claims.release_claim"),
        _around("reclaim", "inventory.claims:Claims.reclaim"),
        _around("refund-sent", "payments.stripe_gateway:StripeGateway.refund"),
        _around("notification-sent", "notifications.mail:Mailer.send"),
        # The epoch is raised in Postgres, the gate is not written yet; then it is.
        _around("gate-rebuilt", "inventory.terms:Terms.rebuild"),
    )
}

LABELS: Final = tuple(f"{name}:{when}" for name in POINTS for when in ("before", "after"))


@dataclass(slots=True)
class Trap:
    """Waits at the points of `pauses`, and dies where the file `order` says.

    The file holds `name:before|after:n`. Of all the programs that watch it, the first that passes
    the point for the n-th time renames it to `.fired`, writes its process id into that, and kills
    itself with SIGKILL: nothing of it is flushed, closed or told to anybody.
    """

    order: Path | None
    pauses: Mapping[str, float]
    _armed: tuple[str, int] = ("", 0)
    _passes: int = field(default=0)

    async def passed(self, label: str) -> None:
        """Note that this program is at a point."""
        if label in self.pauses:
            await asyncio.sleep(self.pauses[label])
        if self.order is not None and self._is_the_one(self.order, label):
            os.kill(os.getpid(), signal.SIGKILL)

    def _is_the_one(self, order: Path, label: str) -> bool:
        try:
            armed = (order.read_text(), order.stat().st_mtime_ns)
        except FileNotFoundError:
            return False
        wanted, _, number = armed[0].strip().rpartition(":")
        if wanted != label:
            return False
        self._passes = self._passes + 1 if armed == self._armed else 1
        self._armed = armed
        if self._passes < int(number):
            return False
        fired = order.with_suffix(".fired")
        try:
            order.rename(fired)
        except FileNotFoundError:
            return False  # another program was first
        fired.write_text(str(os.getpid()))
        return True


def read_pauses(text: str) -> dict[str, float]:
    """`name:before|after:seconds`, by comma, as seconds by label."""
    pauses: dict[str, float] = {}
    for word in filter(None, text.split(",")):
        label, _, seconds = word.rpartition(":")
        if label not in LABELS:
            raise DoesNotApply(f"no such point: {label}")
        pauses[label] = float(seconds)
    return pauses


def watch(trap: Trap, *, serves: bool, put: Setter = setattr) -> None:
    """Have every point reported to the trap; those of the edge only where a program serves."""
    for point in POINTS.values():
        if point.name == "event-answer":
            if serves:
                _watch_answer(trap, put)
            continue
        for when, (where, edge) in (("before", point.before), ("after", point.after)):
            report = functools.partial(trap.passed, f"{point.name}:{when}")
            for function in _functions(where):
                _wrap(function, edge, report, put)


def _functions(where: str) -> Iterator[str]:
    owner, star, _ = where.partition(".*")
    if star:
        yield from methods(owner)
    else:
        yield where


def _wrap(where: str, edge: Edge, report: Callable[[], Awaitable[None]], put: Setter) -> None:
    _, _, original = find(where)
    if not inspect.iscoroutinefunction(original):
        raise DoesNotApply(f"{where} is no coroutine function")

    @functools.wraps(original)
    async def watched(*args: Any, **kwargs: Any) -> Any:
        if edge == "entering":
            await report()
        answer = await original(*args, **kwargs)
        if edge == "leaving":
            await report()
        return answer

    replace(where, watched, put=put)


def _watch_answer(trap: Trap, put: Setter) -> None:
    """The answer to an event: about to be sent, and sent."""
    _, _, original = find(_ANSWER)

    @functools.wraps(original)
    async def watched(*args: Any, **kwargs: Any) -> Any:
        response = await original(*args, **kwargs)
        await trap.passed("event-answer:before")
        response.background = BackgroundTask(trap.passed, "event-answer:after")
        return response

    replace(_ANSWER, watched, put=put)
