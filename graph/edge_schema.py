"""A Strawberry schema whose documents are prepared once, and executed by graphql-core itself."""

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Iterable
from typing import Any, Final

import strawberry
from graphql import ExecutionResult as CoreResult
from graphql import GraphQLError
from graphql.execution import (
    Executor,
    create_source_event_stream,
    map_source_to_response_event,
)
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exception_handlers import ExceptionHandler
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from graph.context import Context
from graph.documents import Documents, Prepared
from graph.executor import EdgeExecutor
from kit.settings import Settings

_ANY: Final = frozenset(OperationType)
_IN_PLURAL: Final = {
    OperationType.QUERY: "queries",
    OperationType.MUTATION: "mutations",
    OperationType.SUBSCRIPTION: "subscriptions",
}


class EdgeSchema(strawberry.Schema):
    """Executes without Strawberry's extensions: what they would do is done when preparing.

    Errors are not logged here: refusals are no incidents (`present_errors`).
    """

    def __init__(
        self,
        query: type,
        mutation: type | None = None,
        subscription: type | None = None,
        *,
        settings: Settings,
        config: StrawberryConfig | None = None,
        exception_handlers: Iterable[ExceptionHandler[Any]] = (),
    ) -> None:
        super().__init__(
            query, mutation, subscription, config=config, exception_handlers=exception_handlers
        )
        self.documents = Documents(self, settings)

    async def execute(  # type: ignore[override] # nobody here passes what is left out
        self,
        query: str,
        variable_values: dict[str, Any] | None = None,
        context_value: object = None,
        operation_name: str | None = None,
        allowed_operation_types: Iterable[OperationType] | None = None,
    ) -> ExecutionResult:
        """The answer to a query or a mutation.

        Raises:
            CannotGetOperationTypeError, InvalidOperationTypeError: nothing was executed.
        """
        prepared = self._prepared(query, operation_name, context_value, allowed_operation_types)
        executor = self._executor(prepared, variable_values, context_value)
        if isinstance(executor, ExecutionResult):
            return executor
        try:
            return _told(await executor.run())
        except Exception as error:  # noqa: BLE001 - told and logged as any other mistake of ours
            return _failed(error)

    async def stream(  # type: ignore[override] # as above
        self,
        query: str,
        variable_values: dict[str, Any] | None = None,
        context_value: object = None,
        operation_name: str | None = None,
        allowed_operation_types: Iterable[OperationType] | None = None,
    ) -> AsyncGenerator[ExecutionResult, None]:
        """The answers to any operation; what goes wrong is an answer, too."""
        return self._answers(
            query, variable_values, context_value, operation_name, allowed_operation_types
        )

    async def _answers(
        self,
        query: str,
        variables: dict[str, Any] | None,
        context: object,
        name: str | None,
        allowed: Iterable[OperationType] | None,
    ) -> AsyncGenerator[ExecutionResult, None]:
        try:
            prepared = self._prepared(query, name, context, allowed)
        except CannotGetOperationTypeError as error:
            yield _refused(GraphQLError(error.as_http_error_reason(), original_error=error))
            return
        except InvalidOperationTypeError as error:
            message = f"{_IN_PLURAL[error.operation_type]} are not allowed"
            yield _refused(GraphQLError(message, original_error=error))
            return
        executor = self._executor(prepared, variables, context)
        if isinstance(executor, ExecutionResult):
            yield executor
        elif prepared.kind == "subscription":
            async with contextlib.aclosing(_events(executor)) as events:
                async for event in events:
                    yield event
        else:
            try:
                yield _told(await executor.run())
            except Exception as error:  # noqa: BLE001 - as in `execute`
                yield _failed(error)

    def _prepared(
        self, query: str, name: str | None, context: object, allowed: Iterable[OperationType] | None
    ) -> Prepared:
        prepared = self.documents.prepare(query, name)
        if isinstance(context, Context):
            context.operation_type = prepared.kind
        if prepared.kind == "unknown":
            if not prepared.errors:
                raise CannotGetOperationTypeError(name)
            return prepared
        kind = OperationType(prepared.kind)
        if kind not in (_ANY if allowed is None else allowed):
            raise InvalidOperationTypeError(kind)
        return prepared

    def _executor(
        self, prepared: Prepared, variables: dict[str, Any] | None, context: object
    ) -> EdgeExecutor | ExecutionResult:
        plans = prepared.plans
        if prepared.errors or plans is None:
            return ExecutionResult(None, list(prepared.errors))
        values = plans.variables.values(variables or {})
        if isinstance(values, list):
            return ExecutionResult(None, values)
        return EdgeExecutor(plans, values, context)


async def _events(executor: EdgeExecutor) -> AsyncGenerator[ExecutionResult, None]:
    """The results of a subscription; the first may say that there is none."""
    try:
        source: Any = create_source_event_stream(executor)
        if executor.is_awaitable(source):
            source = await source
        if isinstance(source, CoreResult):
            yield _told(source)
            return
        results = map_source_to_response_event(executor, source, _run_event)
        async with contextlib.aclosing(results):
            async for result in results:
                yield _told(result)
    except Exception as error:  # noqa: BLE001 - graphql-core lets through what a source raises
        yield _failed(error)


def _run_event(executor: Executor[Any]) -> Awaitable[CoreResult]:
    assert isinstance(executor, EdgeExecutor), "an event's executor is a copy of ours"
    return executor.run()


def _told(result: CoreResult) -> ExecutionResult:
    return ExecutionResult(result.data, result.errors)


def _refused(error: GraphQLError) -> ExecutionResult:
    return ExecutionResult(None, [error])


def _failed(error: Exception) -> ExecutionResult:
    if not isinstance(error, GraphQLError):
        error = GraphQLError(str(error), original_error=error)
    return _refused(error)
