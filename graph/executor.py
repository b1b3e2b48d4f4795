"""graphql-core's executor, spared what is the same for every execution of an operation.

What needs no resolver is answered by functions made once (graph/completion.py), and what is read
in batches is waited for without a task for each. Whatever is unusual goes the way of graphql-core,
which also has the last word on errors. These are methods that it calls private: that
tests/graph/test_completion.py compares the answers keeps a new version from changing them unseen.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any, Final, cast

from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    OperationType,
    Undefined,
)
from graphql.execution import Executor
from graphql.execution.collect_fields import CollectedFields, FieldDetailsList, GroupedFieldSet
from graphql.execution.executor import (
    SELECTIONS_NESTED_TOO_DEEPLY,
    default_field_resolver,
    default_type_resolver,
)
from graphql.execution.values import VariableValues
from graphql.pyutils import Path
from strawberry.execution import optimized_is_awaitable
from strawberry.types import Info

from graph.completion import Complete, Value
from graph.pending import Pending, guarded, one_by_one
from graph.plans import Plans
from loaders.batches import Later

_UNUSUAL: Final = object()


class EdgeExecutor(Executor[Any]):
    """Executes one operation once, or one event of a subscription."""

    def __init__(self, plans: Plans, variables: VariableValues, context: object) -> None:
        super().__init__(
            plans.schema,
            plans.fragment_definitions,
            plans.fragments,
            None,
            context,
            plans.operation,
            variables,
            default_field_resolver,
            default_type_resolver,
            default_field_resolver,
            is_awaitable=cast("Any", optimized_is_awaitable),
        )
        self._plan = plans.plan(variables)

    async def run(self) -> ExecutionResult:
        """The answer; a mutation's fields come one after the other.

        The same as `execute_operation` does, on fields that were collected before.
        """
        try:
            result = self._execute_root()
            data = await result if self.is_awaitable(result) else result
        except GraphQLError as error:
            self.collected_errors.add(error, None)
            data = None
        return ExecutionResult(data, self.collected_errors.errors or None)

    def _execute_root(self) -> Value:
        root_type = self.schema.get_root_type(self.operation.operation)
        assert root_type is not None, "validation has refused the operation"
        selected: GroupedFieldSet | None
        try:
            selected = self._plan.root(root_type)
        except RecursionError:
            selected = None
        if selected is None:
            raise GraphQLError(SELECTIONS_NESTED_TOO_DEEPLY, self.operation)
        serially = self.operation.operation is OperationType.MUTATION and len(selected) > 1
        return self.execute_root_grouped_field_set(
            root_type, self.root_value, selected, serially, None
        )

    def collect_subfields(
        self, return_type: GraphQLObjectType, field_details_list: FieldDetailsList
    ) -> CollectedFields:
        """Those that were collected before."""
        return CollectedFields(self._plan.below(return_type, field_details_list), [], [])

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Value,
        path: Path | None,
        grouped_field_set: GroupedFieldSet,
        position_context: Value,
    ) -> Value:
        """Read what is simply read; the rest goes field by field."""
        plan = self._plan.object(parent_type, grouped_field_set)
        simple = type(source_value) is plan.origin
        results: dict[str, Any] = {}
        waiting: list[str] = []
        all_pending = True
        try:
            for name, details, attribute, complete in plan.fields:
                if simple and complete is not None:
                    value = _read(source_value, attribute, complete)
                    if value is not _UNUSUAL:
                        results[name] = value
                        continue
                value = self.execute_field(
                    parent_type,
                    source_value,
                    details,
                    Path(path, name, parent_type.name),
                    position_context,
                )
                if value is Undefined:
                    continue
                results[name] = value
                if type(value) is Pending or self.is_awaitable(value):
                    waiting.append(name)
                    all_pending = all_pending and type(value) is Pending
        except Exception:
            self._give_up(results[name] for name in waiting)
            raise
        return self._when_known(results, waiting, all_pending=all_pending)

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Value,
        field_details_list: FieldDetailsList,
        path: Path,
        position_context: Value,
    ) -> Value:
        """Call the resolver itself where that is all there is to it."""
        plan = self._plan.field(parent_type, field_details_list)
        call = None if plan is None else plan.call
        given = None if call is None else call.arguments(self.variable_values)
        if plan is None or call is None or given is None:
            return super().execute_field(
                parent_type, source, field_details_list, path, position_context
            )
        info = self.build_resolve_info(plan.definition, plan.nodes, parent_type, path)
        try:
            result = call.resolve(source, Info(_raw_info=info, _field=call.field), given)
            if not self.is_awaitable(result):
                if plan.complete is not None:
                    completed = _completed(result, plan.complete)
                    if completed is not _UNUSUAL:
                        return completed
                completed = super().complete_value(
                    plan.type, field_details_list, info, path, result, position_context
                )
                if not self.is_awaitable(completed):
                    return completed
                failed = partial(self._failed, plan.type, field_details_list, path)
                return guarded(completed, failed)
        except Exception as error:  # noqa: BLE001 - told where it belongs, as graphql-core does
            self.handle_field_error(error, plan.type, field_details_list, path)
            return None
        complete = partial(
            self.complete_awaitable_value,
            plan.type,
            field_details_list,
            info,
            path,
            result,
            position_context,
        )
        return Pending(complete) if type(result) is Later else complete()

    def complete_value(
        self,
        return_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Value,
        position_context: Value,
    ) -> Value:
        """By the function that was made for it, where there is one and it can."""
        plan = self._plan.field(info.parent_type, field_details_list)
        if plan is not None and plan.complete is not None and plan.type is return_type:
            completed = _completed(result, plan.complete)
            if completed is not _UNUSUAL:
                return completed
        return super().complete_value(
            return_type, field_details_list, info, path, result, position_context
        )

    def complete_iterable_value(
        self,
        item_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        items: Iterable[Any],
        position_context: Value,
    ) -> Value:
        """Complete a list whose items are there; others are for graphql-core."""
        if type(items) is not list or any(map(self.is_awaitable, items)):
            return super().complete_iterable_value(
                item_type, field_details_list, info, path, items, position_context
            )
        results: list[Any] = []
        waiting: list[int] = []
        all_pending = True
        try:
            for index, item in enumerate(items):
                place = path.add_key(index, None)
                failed = partial(self._failed, item_type, field_details_list, place)
                try:
                    value = self.complete_value(
                        item_type, field_details_list, info, place, item, position_context
                    )
                except Exception as error:  # noqa: BLE001 - told where it belongs
                    value = failed(error)
                if type(value) is Pending or self.is_awaitable(value):
                    waiting.append(index)
                    value = guarded(value, failed)
                    all_pending = all_pending and type(value) is Pending
                results.append(value)
        except Exception:
            self._give_up(results[index] for index in waiting)
            raise
        return self._when_known(results, waiting, all_pending=all_pending)

    def _when_known(self, results: Value, waiting: list[Any], *, all_pending: bool) -> Value:
        """The results, once those that wait in it are known."""
        if not waiting:
            return results
        if all_pending:
            return Pending(partial(one_by_one, results, waiting))
        return self._together(results, waiting)

    def _failed(
        self,
        return_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        path: Path,
        error: Exception,
    ) -> None:
        self.handle_field_error(error, return_type, field_details_list, path)

    async def _together(self, results: Value, places: list[Any]) -> Value:
        """Wait for values that do nothing before they are waited for; one needs no task."""
        if len(places) == 1:
            return await one_by_one(results, places)
        values = await self.gather_async_work([results[place] for place in places])
        for place, value in zip(places, values, strict=True):
            results[place] = value
        return results

    def _give_up(self, values: Iterable[Any]) -> None:
        """Let what was begun come to its end, though nobody wants it any more."""
        begun = [value for value in values if type(value) is not Pending]
        if begun:
            self.settle_in_background(begun)


def _read(source: Value, attribute: str, complete: Complete) -> Value:
    try:
        return complete(getattr(source, attribute))
    except Exception:  # noqa: BLE001 - graphql-core finds the same, and says so
        return _UNUSUAL


def _completed(value: Value, complete: Complete) -> Value:
    try:
        return complete(value)
    except Exception:  # noqa: BLE001 - as above
        return _UNUSUAL
