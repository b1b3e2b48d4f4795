"""Queries and mutations under way: nobody's leaving keeps a mutation from its end."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

import structlog
from strawberry.types.graphql import OperationType

from graph.answers import Answer
from graph.context import Context, RequestFacts
from graph.execution import Execution
from graph.requests import Operation
from kit.ids import new_id

log = structlog.get_logger()

# What is under way when its client is sent home. The server cuts everybody after ten seconds.
FINISH_SECONDS: Final = 5.0


class Errand:
    """One query or mutation, and its answer for as long as somebody waits for it."""

    __slots__ = ("_context", "_task")

    def __init__(self, context: Context, task: asyncio.Task[Answer]) -> None:
        self._context = context
        self._task = task

    async def answer(self) -> Answer:
        """Wait for it; whoever gives up waiting says `leave`."""
        return await asyncio.shield(self._task)

    def leave(self, on_end: Callable[[], None] | None = None) -> bool:
        """Nobody waits any more. A query is given up; a mutation goes on, and this is True.

        What a mutation did halfway nobody could tell: neither its buyer, who left, nor we.
        """
        if self._task.done():
            return False
        if self._context.operation_type != OperationType.MUTATION.value:
            self._task.cancel()
            return False
        if on_end is not None:
            self._task.add_done_callback(lambda _: on_end())
        return True


class Errands:
    """All of this process that do not come over plain HTTP, where the server keeps them."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._running: set[asyncio.Task[Answer]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def start(
        self,
        operation: Operation,
        facts: RequestFacts,
        *,
        allowed: Iterable[OperationType] | None = None,
    ) -> Errand:
        """Begin one, in a task of its own that is kept until it is done."""
        facts = replace(facts, request_id=facts.request_id or new_id("req"))
        context = self._execution.make_context(facts)
        task = asyncio.create_task(self._run(operation, context, allowed))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return Errand(context, task)

    async def aclose(self) -> None:
        """Let those end that are under way, for a moment; what they need is closed after this."""
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=FINISH_SECONDS)
        for task in late:
            task.cancel()
        if late:
            log.error("operations_cut", operations=len(late))
            await asyncio.wait(late)

    async def _run(
        self, operation: Operation, context: Context, allowed: Iterable[OperationType] | None
    ) -> Answer:
        run = self._execution.run(operation, context.request, allowed=allowed, context=context)
        (answer,) = [answer async for answer, _ in run]
        return answer
