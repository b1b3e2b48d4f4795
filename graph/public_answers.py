"""Public queries answered from memory: executed once for all who ask, anew after a change."""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from time import monotonic
from typing import Final, Literal, Protocol, TypeAlias

import orjson
import structlog

from graph.answers import Answer, MakeContext
from graph.context import Context, RequestFacts, Sources
from graph.requests import Operation
from graph.response_cache import CachedAnswer, Key, Raw, ResponseCache
from kit.clock import Clock
from kit.ids import new_id

log = structlog.get_logger()


Status: TypeAlias = Literal["hit", "miss", "bypass"]
"""Whether an answer came from memory, was executed and kept, or was not one to keep."""

# Answers that are read anew at the same time while the old ones are still given.
MOST_RENEWALS: Final = 64


Told: TypeAlias = tuple[CachedAnswer | Answer, Status]
"""What a request is answered with, kept bytes or an answer of its own, and whence it came."""


@dataclass(frozen=True, slots=True)
class _Flight:
    """An execution under way, or waiting for its turn, for all who ask meanwhile.

    It lands with None when the answer is not for others.
    """

    context: Context
    landing: asyncio.Future[CachedAnswer | Answer | None]


class Execute(Protocol):
    """Executes one query; what goes wrong is an answer as well."""

    async def __call__(self, operation: Operation, context: Context, *, first: bool) -> Answer:
        """The answer; `first` goes before others that wait for their turn."""


class PublicAnswers:
    """Answers queries that depend on nobody; the caller has seen to it that the document is one.

    A field that asks who the viewer is all the same makes the answer that viewer's alone.
    """

    def __init__(
        self,
        cache: ResponseCache,
        *,
        execute: Execute,
        make_context: MakeContext,
        clock: Clock,
    ) -> None:
        self.cache = cache
        self._execute = execute
        self._make_context = make_context
        self._clock = clock
        self._flights: dict[Key, _Flight] = {}
        self._renewals: set[asyncio.Task[None]] = set()

    async def aclose(self) -> None:
        """Stop reading anew."""
        for task in self._renewals:
            task.cancel()
        await asyncio.gather(*self._renewals, return_exceptions=True)

    def find_raw(self, raw: Raw) -> CachedAnswer | None:
        """The kept answer to a request of these bytes."""
        found = self.cache.find_raw(raw)
        if found is not None:
            self._renew_if_due(found)
        return found

    async def answer(self, operation: Operation, context: Context, raw: Raw) -> Told:
        """The answer to a query; of all who ask at the same time, the first has it executed."""
        key = key_of(operation)
        if key is None:
            return await self._execute(operation, context, first=False), "bypass"
        found = self.cache.find(key)
        if found is not None:
            self._renew_if_due(found)
            self.cache.name(raw, found)
            return found, "hit"
        flight = self._flights.get(key)
        if flight is not None and self._may_join(flight):
            shared = await asyncio.shield(flight.landing)
            if isinstance(shared, Answer):
                return shared, "bypass"
            if shared is not None:
                self.cache.name(raw, shared)
                return shared, "hit"
        answer, kept = await self._fly(key, operation, context)
        if kept is None:
            return answer, "bypass"
        self.cache.name(raw, kept)
        return kept, "miss"

    async def _fly(
        self, key: Key, operation: Operation, context: Context, *, first: bool = False
    ) -> tuple[Answer, CachedAnswer | None]:
        """Execute it, for all who come meanwhile; what may not be shared is this caller's alone."""
        flight = self._flights[key] = _Flight(context, asyncio.get_running_loop().create_future())
        shared: CachedAnswer | Answer | None = None
        began_at = monotonic()
        try:
            answer = await self._execute(operation, context, first=first)
            if _is_shareable(answer, context):
                body = answer.to_json()
                kept = self.cache.put(
                    key,
                    body,
                    began_at=began_at if context.began_at is None else context.began_at,
                    tags=context.sources.tags,
                    seconds=self.true_for(context.sources),
                )
                # Whoever asked meanwhile gets it even where it is not kept: it is as new as theirs.
                shared = kept or CachedAnswer(key, body)
                return answer, kept
            if answer.refused_status == HTTPStatus.SERVICE_UNAVAILABLE and not answer.executed:
                shared = answer  # others would wait as long, and in vain
            return answer, None
        finally:
            flight.landing.set_result(shared)
            if self._flights.get(key) is flight:
                del self._flights[key]

    def _may_join(self, flight: _Flight) -> bool:
        """Whether what it brings is new enough for whoever asks now."""
        began_at = flight.context.began_at
        return began_at is None or self.cache.is_fresh(began_at)

    def _renew_if_due(self, answer: CachedAnswer) -> None:
        if answer.renewing or not self.cache.is_due(answer):
            return
        if len(self._renewals) >= MOST_RENEWALS:
            return
        answer.renewing = True
        task = asyncio.create_task(self._renew(answer), name="renew a public answer")
        self._renewals.add(task)
        task.add_done_callback(self._renewals.discard)

    async def _renew(self, answer: CachedAnswer) -> None:
        """Read an answer anew while the old one is given; one that cannot be kept is dropped."""
        query, name, variables = answer.key
        operation = Operation(query, orjson.loads(variables), name)
        # As nobody in particular.
        context = self._make_context(RequestFacts(new_id("req"), None, "", None, secure=False))
        _, kept = await self._fly(answer.key, operation, context, first=True)
        if kept is None:
            self.cache.drop(answer)

    def true_for(self, sources: Sources) -> float | None:
        """Seconds until time alone makes the answer another one; None when it never does."""
        if sources.valid_until is None:
            return None
        return (sources.valid_until - self._clock.now()).total_seconds()


def key_of(operation: Operation) -> Key | None:
    """What is asked, however it was written down; None for variables nested beyond all use."""
    try:
        variables = orjson.dumps(operation.variables or {}, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        return None
    return operation.query, operation.name, variables


def _is_shareable(answer: Answer, context: Context) -> bool:
    return (
        answer.executed
        and not answer.errors
        and "extensions" not in answer.body
        and not context.sources.personal
        and context.cookie is None
    )
