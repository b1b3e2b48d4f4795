"""What is sent becomes what graphql-core and Strawberry make of it, errors byte for byte."""

import asyncio
import copy
from collections.abc import Coroutine
from typing import Any, Final

import graphql
import orjson
import pytest
from graphql.execution.values import VariableValues, get_variable_values
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import queries
from strawberry.types import ExecutionResult

from tests.graph.odd_inputs import EVERYTHING, ODD_INPUTS, USUAL, WRONG, inners, mostly, outers

CORE: Final = ODD_INPUTS._schema  # noqa: SLF001 - the types themselves
DOCUMENTS: Final = (
    """query($outer: Outer!, $times: Int = 2) {
        echo(outer: $outer)
        handled(outer: $outer, times: $times) {
          ... on Done { told } ... on Refusal { message }
        }
    }""",
    """query($outer: Outer = {inner: {name: "d"}, moods: [AWFUL]}, $inner: Inner!) {
        one: echo(outer: $outer) two: echo(outer: {inner: $inner, inners: [$inner]})
    }""",
    """query($first: Int! = 7, $mood: Mood = AWFUL, $when: DateTime, $ids: [ID!] = ["x"],
          $tags: [String!], $flag: Boolean, $thing: JSON, $inner: Inner) {
        plain(first: $first, mood: $mood, when: $when, ids: $ids, tags: $tags, flag: $flag,
              thing: $thing, within: $inner)
        some: plain(first: $first, within: $inner)
        told: plain(first: 1, mood: GOOD, tags: ["t"], thing: {a: $first}, flag: null)
    }""",
)
small = st.fixed_dictionaries(
    {},
    optional={
        "outer": mostly(outers),
        "inner": mostly(inners),
        "times": mostly(st.integers(0, 3)),
        "first": mostly(st.integers(0, 3)),
        "mood": mostly(st.sampled_from(["GOOD", "AWFUL"])),
        "when": mostly(st.just("2026-11-28T09:00:00Z")),
        "ids": mostly(st.lists(st.text(max_size=1) | st.integers(0, 9), max_size=2)),
        "tags": mostly(st.lists(st.text(max_size=1), max_size=2)),
        "flag": mostly(st.booleans()),
        "thing": st.sampled_from(WRONG),
        "unknown": st.just(1),
    },
)


def literal(text: str) -> Any:
    return graphql.parse_value(text)


def told(result: ExecutionResult | graphql.ExecutionResult) -> tuple[bytes, list[Any]]:
    errors = [error.formatted for error in result.errors or []]
    return orjson.dumps(result.data), sorted(errors, key=orjson.dumps)


async def by_core(document: str, variables: dict[str, Any]) -> graphql.ExecutionResult:
    """As graphql-core executes it, with Strawberry's own resolvers."""
    result = graphql.execute(CORE, graphql.parse(document), variable_values=variables)
    return result if isinstance(result, graphql.ExecutionResult) else await result


async def to_the_end(comparison: Coroutine[Any, Any, None]) -> None:
    """Let what an error made superfluous come to its end too, as in a process that goes on."""
    await comparison
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)


async def compare(document: str, variables: dict[str, Any]) -> None:
    expected = told(await by_core(document, variables))
    before = copy.deepcopy(variables)
    # Twice: what is worked out while executing is used then.
    for _ in range(2):
        assert told(await ODD_INPUTS.execute(document, variable_values=variables)) == expected
    assert variables == before


def shown(values: VariableValues | list[graphql.GraphQLError]) -> object:
    """What can be compared: types that a document names are made afresh for each reading."""
    if isinstance(values, list):
        return [error.formatted for error in values]
    sources = {
        name: (str(each.signature.type), repr(each.value)) for name, each in values.sources.items()
    }
    return sources, repr(values.coerced)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(DOCUMENTS), small)
def test_right_and_wrong_variables(document: str, variables: dict[str, Any]) -> None:
    plans = ODD_INPUTS.documents.prepare(document, None).plans
    assert plans is not None
    definitions = plans.operation.variable_definitions or ()
    expected = get_variable_values(CORE, definitions, variables, max_errors=50)
    assert shown(plans.variables.values(variables)) == shown(expected)
    asyncio.run(to_the_end(compare(document, variables)))


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    queries(
        ODD_INPUTS.as_str(),
        custom_scalars={
            "DateTime": st.sampled_from(['"2026-11-28T09:00:00Z"', '"no"']).map(literal),
            "JSON": st.sampled_from(["1", "[null]", '{a: "b"}']).map(literal),
        },
    )
)
def test_random_literals(document: str) -> None:
    assume(not ODD_INPUTS.documents.prepare(document, None).errors)
    asyncio.run(to_the_end(compare(document, {})))


@pytest.mark.parametrize("right", [USUAL, EVERYTHING], ids=["usual", "everything"])
@pytest.mark.parametrize("wrong", WRONG, ids=repr)
async def test_each_wrong_value_in_each_place(wrong: object, right: dict[str, Any]) -> None:
    document = DOCUMENTS[0]
    await compare(document, {"outer": wrong})
    await compare(document, {"outer": right, "times": wrong})
    for name in EVERYTHING:
        await compare(document, {"outer": right | {name: wrong}})
    for name in right["inner"]:
        inner = right["inner"] | {name: wrong}
        await compare(document, {"outer": right | {"inner": inner, "inners": [inner]}})


@pytest.mark.parametrize("name", ["a", "no", "refused", "declined", "unforeseen"])
async def test_what_a_resolver_raises(name: str) -> None:
    await compare(DOCUMENTS[0], {"outer": {"inner": {"name": name}}})


async def test_what_is_left_out_and_what_nobody_knows() -> None:
    for name in EVERYTHING["inner"]:
        inner = {key: value for key, value in EVERYTHING["inner"].items() if key != name}
        await compare(DOCUMENTS[0], {"outer": {"inner": inner}})
        await compare(DOCUMENTS[0], {"outer": {"inner": inner | {"odd": 1}}})
    await compare(DOCUMENTS[0], {"outer": {}})
    await compare(DOCUMENTS[0], {})


async def test_inputs_within_themselves_without_end() -> None:
    deep: dict[str, Any] = {"inner": {"name": "a"}}
    for _ in range(300):
        deep = {"inner": {"name": "a"}, "own": deep}
    await compare(DOCUMENTS[0], {"outer": deep})


async def test_what_is_usual_is_read_without_graphql_core(monkeypatch: pytest.MonkeyPatch) -> None:
    plans = ODD_INPUTS.documents.prepare(DOCUMENTS[0], None).plans
    assert plans is not None
    monkeypatch.setattr("graph.inputs.get_variable_values", None)
    values = plans.variables.values({"outer": {**USUAL, "inner": {"name": "a"}}})
    assert isinstance(values, VariableValues)
    plan = plans.plan(values)
    assert CORE.query_type is not None
    for selected in plan.root(CORE.query_type).values():
        field = plan.field(CORE.query_type, selected)
        assert field is not None
        assert field.call is not None
        assert field.call.arguments(values) is not None
