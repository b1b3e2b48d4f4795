"""Where an operation touches the world, and what can go wrong there: chosen, so repeatable."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import asyncpg
import pytest
from asyncpg.transaction import Transaction
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import ConnectionError as RedisConnectionError

from inventory.scripts import Call, Scripts
from kit.redis_client import LineRedis
from orders.drafts import Draft, Outcome
from orders.errors import TryLater
from payments.errors import ProviderUnreachable
from payments.gateway import Intent, OpenIntent
from runtime.resources import Resources

T = TypeVar("T")

Kind = Literal["dies", "lost", "late", "twice"]
"""The process dies; the answer is lost; the request is held up, and carried out some day; the
request is carried out twice, as a client library does that repeats it."""

_GATEWAY = ("open_intent", "retrieve", "cancel", "intents_of", "refund")


class Died(BaseException):
    """The process ended here: no handler of the product sees it."""


@dataclass(frozen=True, slots=True)
class Harm:
    """What goes wrong at the n-th touch of one operation, and whether the touch has had its effect.

    A transaction cannot be held up or run twice: there is no harm then.
    """

    kind: Kind
    step: int
    after: bool


@dataclass
class Operation:
    """One operation under way, and the harm that waits for it."""

    harm: Harm | None
    touches: int = 0
    harmed: str = ""

    def hit(self, name: str) -> Harm | None:
        """The harm that happens at this touch, if it does."""
        self.touches += 1
        if self.harm is None or self.touches != self.harm.step:
            return None
        self.harmed = f"{self.harm.kind} {'after' if self.harm.after else 'before'} {name}"
        return self.harm


_operation: ContextVar[Operation | None] = ContextVar("operation", default=None)


@contextmanager
def operation(harm: Harm | None) -> Iterator[Operation]:
    """What runs in here, in tasks that it starts too, is one operation with at most one harm."""
    begun = Operation(harm)
    token = _operation.set(begun)
    try:
        yield begun
    finally:
        _operation.reset(token)


@dataclass
class Seams:
    """The touches of scripts, provider, transactions and the order writer."""

    intents: dict[str, Intent] = field(default_factory=dict)
    """Every intent that the provider ever answered a creation with, also where nobody heard it."""
    late: list[Callable[[], Awaitable[object]]] = field(default_factory=list)
    """Requests that were held up."""
    redis_away: bool = False

    def install(self, resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
        """Put the seams between the product and the world, until the test ends."""
        self._scripts(monkeypatch)
        self._outages(monkeypatch)
        self._transactions(monkeypatch)
        for name in _GATEWAY:
            monkeypatch.setattr(
                resources.gateway, name, self._at_provider(name, getattr(resources.gateway, name))
            )
        # Orders of all requests share the writer's task, which belongs to no operation: the seam
        # is where an operation hands its order over.
        submit = resources.placing._writer.submit  # noqa: SLF001 - the door itself has no name

        async def hand_over(draft: Draft) -> Outcome:
            return await self._touch("orders", lambda: submit(draft), _outcome_unknown)

        monkeypatch.setattr(resources.placing._writer, "submit", hand_over)  # noqa: SLF001 - see above

    async def _touch(
        self, name: str, call: Callable[[], Awaitable[T]], lost: Callable[[], Exception]
    ) -> T:
        under_way = _operation.get()
        harm = under_way.hit(name) if under_way else None
        if harm is None:
            return await call()
        match harm.kind:
            case "twice":
                await call()
                return await call()
            case "late":
                self.late.append(call)
                raise lost()
            case "dies" | "lost":
                if harm.after:
                    await call()
                raise Died(name) if harm.kind == "dies" else lost()

    def _scripts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        run = Scripts.run

        async def touched(scripts: Scripts, call: Call) -> Any:
            return await self._touch(call.script, lambda: run(scripts, call), _reply_lost)

        monkeypatch.setattr(Scripts, "run", touched)

    def _outages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """While Redis is away, operations do not reach it; the tests themselves do."""
        for owner, name in (
            (Redis, "execute_command"),
            (Pipeline, "execute"),
            (LineRedis, "ask_line"),
        ):
            monkeypatch.setattr(owner, name, self._reaching(getattr(owner, name)))

    def _reaching(self, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def reach(*arguments: Any, **named: Any) -> Any:
            if self.redis_away and _operation.get() is not None:
                raise RedisConnectionError("away")
            return await method(*arguments, **named)

        return reach

    def _transactions(self, monkeypatch: pytest.MonkeyPatch) -> None:
        leave = Transaction.__aexit__

        async def touched(transaction: Transaction, kind: Any, error: Any, trace: Any) -> None:
            under_way = _operation.get()
            harm = under_way.hit("COMMIT") if under_way and kind is None else None
            if harm is None or harm.kind in ("late", "twice"):
                await leave(transaction, kind, error, trace)
                return
            trouble: BaseException = (
                Died("COMMIT")
                if harm.kind == "dies"
                else asyncpg.ConnectionDoesNotExistError("connection was closed")
            )
            if harm.after:
                await leave(transaction, None, None, None)
            else:
                await leave(transaction, type(trouble), trouble, None)
            raise trouble

        monkeypatch.setattr(Transaction, "__aexit__", touched)

    def _at_provider(
        self, name: str, method: Callable[..., Awaitable[Any]]
    ) -> Callable[..., Awaitable[Any]]:
        async def ask(*arguments: Any, **named: Any) -> Any:
            async def call() -> Any:
                answer = await method(*arguments, **named)
                if isinstance(answer, Intent) and isinstance(arguments[0], OpenIntent):
                    self.intents.setdefault(answer.id, answer)
                return answer

            return await self._touch(f"provider's {name}", call, lambda: ProviderUnreachable("cut"))

        return ask


def _reply_lost() -> Exception:
    return RedisConnectionError("the reply was lost")


def _outcome_unknown() -> Exception:
    return TryLater(retry_after_ms=500, reason="the outcome is unknown")
