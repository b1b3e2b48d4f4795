"""Resolvers called as Strawberry calls them, without the wrapping that adds nothing."""

import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias, cast

from graphql import GraphQLField, Undefined
from graphql.execution.collect_fields import FieldDetails
from graphql.execution.values import VariableValues
from strawberry import Schema
from strawberry.relay.types import GlobalID
from strawberry.scalars import is_scalar
from strawberry.schema.exception_handlers import ExceptionHandler
from strawberry.types import Info
from strawberry.types.base import (
    StrawberryList,
    StrawberryMaybe,
    StrawberryObjectDefinition,
    StrawberryOptional,
    StrawberryType,
)
from strawberry.types.enum import StrawberryEnumDefinition, has_enum_definition
from strawberry.types.field import StrawberryField
from strawberry.types.lazy_type import LazyType
from strawberry.utils.await_maybe import await_maybe

from graph.completion import Value
from graph.inputs import Coerce, Input, Read, argument, refuse

Arguments: TypeAlias = dict[str, Input]
"""What a resolver is called with, by its own names."""

Resolve: TypeAlias = Callable[[Value, Info, Arguments], Value]

_Within: TypeAlias = tuple[StrawberryObjectDefinition, ...]
_Handlers: TypeAlias = tuple[tuple[tuple[type[Exception], ...], ExceptionHandler[Any]], ...]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A field's resolver where it was selected."""

    resolve: Resolve
    field: StrawberryField
    _each: tuple[tuple[str, Read, Coerce], ...]

    def arguments(self, variables: VariableValues) -> Arguments | None:
        """What the resolver is given; None when graphql-core has to say what is wrong with it."""
        given: Arguments = {}
        try:
            for name, read, convert in self._each:
                value = read(variables)
                if value is not Undefined:
                    given[name] = convert(value)
        except Exception:  # noqa: BLE001 - found again, and told, by graphql-core and Strawberry
            return None
        return given


class Calls:
    """Makes the calls of a schema's fields."""

    def __init__(self, schema: Schema) -> None:
        self._config = schema.config
        self._converter = schema.schema_converter

    def of(self, definition: GraphQLField, selected: FieldDetails) -> Call | None:
        """The call of a resolver; None when Strawberry does more than to call it."""
        field = definition.extensions.get("strawberry-definition")
        if not isinstance(field, StrawberryField) or selected.fragment_variable_values:
            return None
        resolve = self._resolve(field)
        if resolve is None:
            return None
        nodes = {each.name.value: each.value for each in selected.node.arguments or ()}
        name_of = self._config.name_converter.from_argument
        taken = {name_of(each): each for each in field.arguments}
        if taken.keys() != definition.args.keys():
            return None
        each = tuple(
            (
                taken[name].python_name,
                argument(given, nodes.get(name)),
                self._conversion(taken[name].type),
            )
            for name, given in definition.args.items()
        )
        return Call(resolve, field, each)

    def _resolve(self, field: StrawberryField) -> Resolve | None:
        resolver = field.base_resolver
        if (
            resolver is None
            or field.extensions
            or field.is_subscription
            or resolver.self_parameter is None
            or resolver.parent_parameter is not None
            or resolver.root_parameter is not None
        ):
            return None
        handlers = self._converter._get_field_exception_handlers(field)  # noqa: SLF001 - as it does
        if handlers and not field.is_async:
            return None
        function: Callable[..., Value] = cast("Any", resolver.wrapped_func)
        if resolver.info_parameter is None:
            resolve = _without_info(function)
        else:
            resolve = _with_info(function, resolver.info_parameter.name)
        return _handling(resolve, field, handlers) if handlers else resolve

    def _conversion(self, kind: StrawberryType | type, within: _Within = ()) -> Coerce:
        """What makes of coerced values what Strawberry's `convert_argument` does."""
        if isinstance(kind, LazyType):
            return self._conversion(kind.resolve_type(), within)
        if isinstance(kind, StrawberryMaybe) or kind is GlobalID:
            return refuse
        if isinstance(kind, StrawberryOptional):
            present = self._conversion(kind.of_type, within)
            return lambda value: None if value is None else present(value)
        if isinstance(kind, StrawberryList):
            item = self._conversion(kind.of_type, within)
            return lambda value: [item(each) for each in value]
        if (
            is_scalar(kind, self._converter.scalar_registry)
            or isinstance(kind, StrawberryEnumDefinition)
            or has_enum_definition(kind)
        ):
            return _as_it_is
        definition = getattr(kind, "__strawberry_definition__", None)
        if (
            not isinstance(definition, StrawberryObjectDefinition)
            or not definition.is_input
            or definition.from_input is not None
            or any(each is definition for each in within)
        ):
            return refuse
        return self._object(definition, within)

    def _object(self, definition: StrawberryObjectDefinition, within: _Within) -> Coerce:
        origin = definition.origin
        left_out = {
            field.python_name: None
            for field in definition.fields
            if field.default_value is dataclasses.MISSING
            and field.default_factory is dataclasses.MISSING
        }
        fields = tuple(
            (
                self._config.name_converter.from_field(field),
                field.python_name,
                self._conversion(
                    field.resolve_type(type_definition=definition), (*within, definition)
                ),
            )
            for field in definition.fields
        )

        def make(value: Mapping[str, Input]) -> Input:
            given: dict[str, Input] = left_out.copy()
            for name, python_name, convert in fields:
                if name in value:
                    given[python_name] = convert(value[name])
            return origin(**given)

        return make


def _without_info(function: Callable[..., Value]) -> Resolve:
    return lambda source, _, given: function(source, **given)


def _with_info(function: Callable[..., Value], name: str) -> Resolve:
    return lambda source, info, given: function(source, **{name: info}, **given)


def _handling(resolve: Resolve, field: StrawberryField, handlers: _Handlers) -> Resolve:
    """Answer with what a handler makes of an exception, if it is one of its own."""

    async def handled(source: Value, info: Info, given: Arguments) -> Value:
        try:
            return await cast("Awaitable[Value]", resolve(source, info, given))
        except Exception as error:
            for kinds, handler in handlers:
                if isinstance(error, kinds):
                    result = await await_maybe(handler.handle(error, field=field, info=info))
                    if result is not None:
                        return result
                    break
            raise

    return handled


def _as_it_is(value: Input) -> Input:
    return value
