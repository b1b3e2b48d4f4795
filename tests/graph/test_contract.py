"""The generated schema holds what the public contract promises, described, and is committed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    is_introspection_type,
    is_specified_scalar_type,
    print_ast,
)

from graph import schema as ours
from kit.settings import load_settings

CONTRACT = Path(__file__).parent / "contract.graphql"
COMMITTED = Path(__file__).parents[2] / "schema.graphql"


@pytest.fixture(scope="module")
def sdl() -> str:
    return ours.build_schema(load_settings()).as_str()


@pytest.fixture(scope="module")
def built(sdl: str) -> GraphQLSchema:
    return build_schema(sdl)


def named_types(schema: GraphQLSchema) -> Iterator[GraphQLNamedType]:
    for each in schema.type_map.values():
        if not is_introspection_type(each) and not is_specified_scalar_type(each):
            yield each


def promises(schema: GraphQLSchema) -> set[str]:
    """Everything a client can build on, a line each."""
    lines: set[str] = set()
    for each in named_types(schema):
        lines.add(each.name)
        lines.add(f"{each.name} is {type(each).__name__}")
        if isinstance(each, GraphQLObjectType | GraphQLInterfaceType):
            lines |= {f"{each.name} implements {parent.name}" for parent in each.interfaces}
            for name, field in each.fields.items():
                lines.add(f"{each.name}.{name}: {field.type}")
                for argument, given in field.args.items():
                    lines.add(f"{each.name}.{name}({argument}: {given.type})")
                    lines.add(f"{each.name}.{name}({argument} = {default(given)})")
        elif isinstance(each, GraphQLInputObjectType):
            for name, value in each.fields.items():
                lines.add(f"{each.name}.{name}: {value.type}")
                lines.add(f"{each.name}.{name} = {default(value)}")
        elif isinstance(each, GraphQLEnumType):
            lines |= {f"{each.name}.{value}" for value in each.values}
        elif isinstance(each, GraphQLUnionType):
            lines |= {f"{each.name} | {member.name}" for member in each.types}
    return lines


def default(given: GraphQLArgument | GraphQLInputField) -> str:
    """No default, and null where null is allowed, are the same to a client."""
    if given.default is None:
        return "null"
    assert given.default.literal is not None
    return print_ast(given.default.literal)


def test_every_promise_of_the_contract_is_kept(built: GraphQLSchema) -> None:
    contract = promises(build_schema(CONTRACT.read_text(encoding="utf-8")))
    assert contract - promises(built) == set()
    assert len(contract) > 500


def test_no_argument_or_input_demands_more_than_the_contract(built: GraphQLSchema) -> None:
    contract = build_schema(CONTRACT.read_text(encoding="utf-8"))
    demanded = set(required(built)) - set(required(contract))
    assert demanded == set()


def required(schema: GraphQLSchema) -> Iterator[str]:
    for each in named_types(schema):
        if isinstance(each, GraphQLObjectType):
            for name, field in each.fields.items():
                for argument, given in field.args.items():
                    if str(given.type).endswith("!") and given.default is None:
                        yield f"{each.name}.{name}({argument})"
        elif isinstance(each, GraphQLInputObjectType):
            for name, value in each.fields.items():
                if str(value.type).endswith("!") and value.default is None:
                    yield f"{each.name}.{name}"


def test_everything_is_described(built: GraphQLSchema) -> None:
    bare: list[str] = []
    for each in named_types(built):
        if not each.description:
            bare.append(each.name)
        if isinstance(each, GraphQLObjectType | GraphQLInterfaceType):
            for name, field in each.fields.items():
                if not field.description:
                    bare.append(f"{each.name}.{name}")
                bare += [
                    f"{each.name}.{name}({argument})"
                    for argument, given in field.args.items()
                    if not given.description
                ]
        elif isinstance(each, GraphQLInputObjectType):
            bare += [
                f"{each.name}.{n}" for n, value in each.fields.items() if not value.description
            ]
        elif isinstance(each, GraphQLEnumType):
            bare += [
                f"{each.name}.{n}" for n, value in each.values.items() if not value.description
            ]
    assert bare == []


def test_the_committed_schema_is_the_generated_one(sdl: str) -> None:
    assert COMMITTED.read_text(encoding="utf-8") == sdl + "\n", "stale: run `make schema`"
