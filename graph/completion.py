"""Selections turned into functions: values become answers without a look at the schema.

Only what needs no resolver can be turned. A function gives exactly what graphql-core gives for
the same value, or raises: then graphql-core is asked, which finds the errors and where they belong.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, TypeAlias, cast

from graphql import (
    GraphQLAbstractType,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLString,
    Undefined,
    is_abstract_type,
    is_enum_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.enum import StrawberryEnumDefinition
from strawberry.types.field import StrawberryField

Value: TypeAlias = Any
"""What a field read, or what the answer says of it."""

Complete: TypeAlias = Callable[[Value], Value]
"""From the one to the other."""

Subfields: TypeAlias = Callable[[GraphQLObjectType, FieldDetailsList], GroupedFieldSet]

_DEFINITION: Final = "strawberry-definition"
_MOST_INT: Final = 2**31


class Unusual(Exception):
    """A value for graphql-core: it may be an error, or merely be converted."""


class Completions:
    """Makes the functions of one operation's selections."""

    def __init__(self, schema: GraphQLSchema, subfields: Subfields) -> None:
        self._schema = schema
        self._subfields = subfields

    def of(self, kind: GraphQLOutputType, selected: FieldDetailsList) -> Complete | None:
        """The function for values of a type; None when something below needs a resolver."""
        if is_non_null_type(kind):
            return self._present(kind.of_type, selected)
        complete = self._present(kind, selected)
        if complete is None:
            return None
        return lambda value: None if value is None else complete(value)

    def _present(self, kind: GraphQLOutputType, selected: FieldDetailsList) -> Complete | None:
        """The function for values that are there; it refuses None as any other surprise."""
        if is_list_type(kind):
            return self._list(kind.of_type, selected)
        if is_object_type(kind):
            return self._object(kind, selected)
        if is_abstract_type(kind):
            return self._abstract(kind, selected)
        return leaf(cast("GraphQLLeafType", kind))

    def _list(self, of_type: GraphQLOutputType, selected: FieldDetailsList) -> Complete | None:
        complete = self.of(of_type, selected)
        if complete is None:
            return None

        def of_list(value: Value) -> Value:
            if type(value) is not list:
                raise Unusual
            return [complete(each) for each in value]

        return of_list

    def _object(self, kind: GraphQLObjectType, selected: FieldDetailsList) -> Complete | None:
        origin = origin_of(kind)
        if origin is None:
            return None
        fields: list[tuple[str, str, Complete]] = []
        try:
            subfields = self._subfields(kind, selected)
        except GraphQLError:
            return None  # a choice that is null: execution finds the same, where it belongs
        for name, details in subfields.items():
            read = self.read(kind, details)
            if read is None:
                return None
            fields.append((name, *read))

        def of_object(value: Value) -> Value:
            if type(value) is not origin:
                raise Unusual
            return {name: complete(getattr(value, key)) for name, key, complete in fields}

        return of_object

    def read(
        self, kind: GraphQLObjectType, details: FieldDetailsList
    ) -> tuple[str, Complete] | None:
        """Which attribute a field shows, and how; None when it takes a resolver to tell."""
        name = details[0].node.name.value
        if name == "__typename":
            return "__class__", lambda _: kind.name
        field = kind.fields.get(name)
        attribute = None if field is None else attribute_of(field)
        if field is None or attribute is None:
            return None
        complete = self.of(field.type, details)
        return None if complete is None else (attribute, complete)

    def _abstract(self, kind: GraphQLAbstractType, selected: FieldDetailsList) -> Complete | None:
        if getattr(kind.extensions.get(_DEFINITION), "resolve_type", None) is not None:
            return None
        members: dict[type, Complete] = {}
        for member in self._schema.get_possible_types(kind):
            origin, complete = origin_of(member), self._object(member, selected)
            if origin is None or complete is None:
                return None
            members[origin] = complete
        return lambda value: members[type(value)](value)


def origin_of(kind: GraphQLObjectType) -> type | None:
    """The class whose instances are of this type; None when that is not all there is to it."""
    definition = kind.extensions.get(_DEFINITION)
    if not isinstance(definition, StrawberryObjectDefinition):
        return None
    if definition.is_type_of is not None or definition.concrete_of is not None:
        return None
    return definition.origin


def attribute_of(field: GraphQLField) -> str | None:
    """The attribute that a field shows as it is; None when it has a resolver."""
    definition = field.extensions.get(_DEFINITION)
    if not isinstance(definition, StrawberryField) or not definition.is_basic_field:
        return None
    return definition.python_name if definition.default_resolver is getattr else None


def leaf(kind: GraphQLLeafType) -> Complete:
    """The function for a scalar or an enum."""
    if kind is GraphQLString or kind is GraphQLID:
        return text
    if kind is GraphQLInt:
        return int_32
    if kind is GraphQLBoolean:
        return boolean
    if is_enum_type(kind):
        return _enum(kind)
    coerce = kind.coerce_output_value

    def of_scalar(value: Value) -> Value:
        coerced = coerce(value)
        if value is None or coerced is None or coerced is Undefined:
            raise Unusual
        return coerced

    return of_scalar


def _enum(kind: GraphQLEnumType) -> Complete:
    definition = kind.extensions.get(_DEFINITION)
    if not isinstance(definition, StrawberryEnumDefinition):
        return kind.coerce_output_value
    origin = cast("type[Enum]", definition.wrapped_cls)
    shown = {member.name: kind.coerce_output_value(member) for member in origin}

    def of_enum(value: Value) -> Value:
        if type(value) is not origin:
            raise Unusual
        return shown[value._name_]  # `name` is a property, and slow

    return of_enum


def text(value: Value) -> Value:
    """A string, which is what it is already."""
    if type(value) is not str:
        raise Unusual
    return value


def int_32(value: Value) -> Value:
    """An integer that GraphQL's Int can be."""
    if type(value) is not int or not -_MOST_INT <= value < _MOST_INT:
        raise Unusual
    return value


def boolean(value: Value) -> Value:
    """True or false."""
    if type(value) is not bool:
        raise Unusual
    return value
