"""Executing one operation, over whatever transport its results are told."""

import contextlib
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, replace

from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from graph.answers import Answer, MakeContext, present, present_refusal
from graph.context import Context, Event, RequestFacts
from graph.documents import Prepared
from graph.edge_schema import EdgeSchema
from graph.metrics import Metrics
from graph.requests import Operation
from kit.ids import new_id


@dataclass(frozen=True, slots=True)
class Execution:
    """How operations are executed in this process, each with a context of its own."""

    schema: EdgeSchema
    make_context: MakeContext
    metrics: Metrics

    def prepare(self, operation: Operation) -> Prepared:
        """What is known of it before it is executed. Never raises."""
        return self.schema.documents.prepare(operation.query, operation.name)

    async def once(
        self,
        operation: Operation,
        context: Context,
        allowed: Iterable[OperationType] | None = None,
    ) -> ExecutionResult:
        """The result of a query or a mutation.

        Raises:
            CannotGetOperationTypeError, InvalidOperationTypeError: nothing was executed.
        """
        return await self.schema.execute(
            operation.query,
            variable_values=operation.variables,
            context_value=context,
            operation_name=operation.name,
            allowed_operation_types=allowed,
        )

    async def run(
        self,
        operation: Operation,
        facts: RequestFacts,
        *,
        present_only: bool = False,
        allowed: Iterable[OperationType] | None = None,
        context: Context | None = None,
    ) -> AsyncGenerator[tuple[Answer, Event | None], None]:
        """Answers until they end, each with what its field said that it is about.

        Never raises: what goes wrong is an answer as well. One that is not `executed` is the last.
        A context that is given was made of the same facts, and belongs to this operation alone.
        """
        request_id = facts.request_id or new_id("req")
        if context is None:
            context = self.make_context(replace(facts, request_id=request_id))
        context.present_only = present_only
        try:
            results = await self.schema.stream(
                operation.query,
                variable_values=operation.variables,
                context_value=context,
                operation_name=operation.name,
                allowed_operation_types=allowed,
            )
            async with contextlib.aclosing(results):
                async for result in results:
                    answer = present(result, request_id=request_id, metrics=self.metrics)
                    yield answer, context.event
                    if not answer.executed:
                        return
        except Exception as error:  # noqa: BLE001 - logged and masked
            yield self.refusal(error, request_id=request_id), None

    def refusal(self, error: Exception, *, request_id: str | None = None) -> Answer:
        """What clients are told of an exception; what nobody foresaw is logged."""
        request_id = request_id or new_id("req")
        return present_refusal(error, request_id=request_id, metrics=self.metrics)
