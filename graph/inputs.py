"""What clients send, turned into values by functions that were made once for each type.

As with answers (graph/completion.py), a function gives exactly what graphql-core and Strawberry
give for the same value, or raises: then they are asked, who also find the errors.
"""

from collections.abc import Callable, Collection
from typing import Any, Final, TypeAlias, cast

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLError,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLSchema,
    GraphQLString,
    Undefined,
    ValueNode,
    VariableDefinitionNode,
    VariableNode,
    is_enum_type,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
    is_required_input_field,
)
from graphql.execution import get_variable_values
from graphql.execution.get_variable_signature import (
    GraphQLVariableSignature,
    get_variable_signature,
)
from graphql.execution.values import VariableValues, VariableValueSource
from graphql.utilities.coerce_input_value import coerce_default_value, coerce_input_literal

from graph.completion import Unusual, boolean, int_32, text

Input: TypeAlias = Any
"""What a client sent, or what is made of it."""

Coerce: TypeAlias = Callable[[Input], Input]
"""From the one to the other."""

Read: TypeAlias = Callable[[VariableValues], Input]
"""The value of an argument, or Undefined for one that is left out."""

# As many as graphql-core tells by default.
_MOST_ERRORS: Final = 50
_UNCHANGING: Final = (str, int, float, bool, type(None))
_UNUSUAL: Final = object()


class Variables:
    """How the variables of one operation are read."""

    def __init__(
        self, schema: GraphQLSchema, definitions: Collection[VariableDefinitionNode]
    ) -> None:
        self._schema = schema
        self._definitions = definitions
        signatures = [get_variable_signature(schema, each) for each in definitions]
        self._simple = not any(isinstance(each, GraphQLError) for each in signatures)
        self._each = tuple(
            (
                each.name,
                each,
                VariableValueSource(each),
                _default_of_variable(each),
                coercion(each.type),
            )
            for each in signatures
            if isinstance(each, GraphQLVariableSignature)
        )

    def values(self, inputs: dict[str, Input]) -> VariableValues | list[GraphQLError]:
        """The same as `get_variable_values`."""
        if self._simple:
            try:
                return self._read(inputs)
            except Exception:  # noqa: BLE001, S110 - graphql-core finds the same, and says so
                pass
        return get_variable_values(self._schema, self._definitions, inputs, max_errors=_MOST_ERRORS)

    def _read(self, inputs: dict[str, Input]) -> VariableValues:
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Input] = {}
        for name, signature, absent, default, coerce in self._each:
            value = inputs.get(name, Undefined)
            if value is not Undefined:
                sources[name] = VariableValueSource(signature, value)
                coerced[name] = coerce(value)
                continue
            if default is _UNUSUAL:
                raise Unusual
            sources[name] = absent
            if default is not Undefined:
                coerced[name] = default
        return VariableValues(sources, coerced)


def argument(definition: GraphQLArgument, node: ValueNode | None) -> Read:
    """How the argument of a field is read where it was selected, `node` being what it is given."""
    default = _default(definition, required=is_required_argument(definition))
    if node is None:
        return _always(default)
    if isinstance(node, VariableNode):
        return _variable(node.name.value, default, nullable=not is_non_null_type(definition.type))
    kind = definition.type
    constant = coerce_input_literal(node, kind)
    if isinstance(constant, _UNCHANGING) or is_enum_type(kind):
        return _always(constant)

    def literal(variables: VariableValues) -> Input:
        value = coerce_input_literal(node, kind, variables)
        if value is Undefined:
            raise Unusual
        return value

    return literal


def _always(value: Input) -> Read:
    def constant(_: VariableValues) -> Input:
        if value is _UNUSUAL:
            raise Unusual
        return value

    return constant


def _variable(name: str, default: Input, *, nullable: bool) -> Read:
    def variable(variables: VariableValues) -> Input:
        value = variables.coerced.get(name, Undefined)
        if value is Undefined:
            value = default
        elif value is None and not nullable:
            raise Unusual
        if value is _UNUSUAL:
            raise Unusual
        return value

    return variable


def coercion(kind: GraphQLInputType, within: tuple[str, ...] = ()) -> Coerce:
    """The function for values of a type; `within` names the input types around it."""
    if is_non_null_type(kind):
        return _present(kind.of_type, within)
    coerce = _present(kind, within)
    return lambda value: None if value is None else coerce(value)


def _present(kind: GraphQLInputType, within: tuple[str, ...]) -> Coerce:
    if is_list_type(kind):
        return _list(coercion(kind.of_type, within))
    if is_input_object_type(kind):
        return _object(kind, within)
    return _leaf(cast("GraphQLLeafType", kind))


def _list(coerce: Coerce) -> Coerce:
    def of_list(value: Input) -> Input:
        if type(value) is not list:
            raise Unusual
        return [coerce(each) for each in value]

    return of_list


def _object(kind: GraphQLInputObjectType, within: tuple[str, ...]) -> Coerce:
    if (
        kind.is_one_of
        or kind.name in within  # graphql-core counts how deep it goes
        or kind.out_type is not GraphQLInputObjectType.out_type
    ):
        return refuse
    fields = tuple(
        (
            name,
            field.out_name or name,
            coercion(field.type, (*within, kind.name)),
            _default(field, required=is_required_input_field(field)),
        )
        for name, field in kind.fields.items()
    )

    def of_object(value: Input) -> Input:
        if type(value) is not dict:
            raise Unusual
        unread = len(value)
        coerced: dict[str, Input] = {}
        for name, out_name, coerce, default in fields:
            if name in value:
                coerced[out_name] = coerce(value[name])
                unread -= 1
            elif default is _UNUSUAL:
                raise Unusual
            elif default is not Undefined:
                coerced[out_name] = default
        if unread:
            raise Unusual
        return coerced

    return of_object


def _leaf(kind: GraphQLLeafType) -> Coerce:
    if kind is GraphQLString or kind is GraphQLID:
        return text
    if kind is GraphQLInt:
        return int_32
    if kind is GraphQLBoolean:
        return boolean
    coerce = kind.coerce_input_value
    if is_enum_type(kind):
        members = {name: coerce(name) for name in kind.values}
        return lambda value: members[text(value)]

    def of_scalar(value: Input) -> Input:
        if value is Undefined:
            raise Unusual
        coerced = coerce(value)
        if coerced is Undefined:
            raise Unusual
        return coerced

    return of_scalar


def _default(given: GraphQLArgument | GraphQLInputField, *, required: bool) -> Input:
    """What stands for a value that is left out: graphql-core makes it once as well."""
    if required:
        return _UNUSUAL
    try:
        return coerce_default_value(given)
    except TypeError:
        return _UNUSUAL


def _default_of_variable(given: GraphQLVariableSignature) -> Input:
    """The same; but here graphql-core makes it afresh each time, so that it could be changed."""
    if given.default is None:
        return _UNUSUAL if is_non_null_type(given.type) else Undefined
    try:
        value = coerce_default_value(given)
    except TypeError:
        return _UNUSUAL
    return value if isinstance(value, _UNCHANGING) else _UNUSUAL


def refuse(_: Input) -> Input:
    """For what is never simple."""
    raise Unusual
