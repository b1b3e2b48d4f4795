"""The explorer's examples are true of the schema, and its page loads nothing unpinned."""

import json
import re
from typing import Any

import pytest
from graphql import (
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    get_variable_values,
    parse,
    validate,
)
from graphql.execution.values import VariableValues

from graph import schema as ours
from graph.explorer import Example, examples, explorer_headers, explorer_page
from kit.settings import load_settings

EXAMPLES = examples()


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema(ours.build_schema(load_settings()).as_str())


def by_name(example: Example) -> str:
    return example.name


def operations(example: Example) -> list[OperationDefinitionNode]:
    return [
        each
        for each in parse(example.query).definitions
        if isinstance(each, OperationDefinitionNode)
    ]


def variables(example: Example) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(example.variables)
    return found


def test_there_is_a_tab_for_each_kind_of_thing_to_try() -> None:
    assert [each.name for each in EXAMPLES] == [
        "1-deals",
        "2-live-stock",
        "3-countdown",
        "4-journey",
        "5-operators",
    ]


@pytest.mark.parametrize("example", EXAMPLES, ids=by_name)
def test_an_example_is_valid(example: Example, schema: GraphQLSchema) -> None:
    assert validate(schema, parse(example.query)) == []
    assert all(each.name is not None for each in operations(example))


@pytest.mark.parametrize("example", EXAMPLES, ids=by_name)
def test_an_example_has_the_variables_that_it_needs_and_no_others(
    example: Example, schema: GraphQLSchema
) -> None:
    given = variables(example)
    for operation in operations(example):
        found = get_variable_values(schema, operation.variable_definitions or (), given)
        assert isinstance(found, VariableValues), found
    declared = {
        each.variable.name.value
        for operation in operations(example)
        for each in operation.variable_definitions or ()
    }
    assert set(given) <= declared


def test_the_examples_are_in_the_page() -> None:
    (told,) = re.findall(
        r'<script type="application/json" id="examples">(.*?)</script>', explorer_page(), re.DOTALL
    )
    assert "<" not in told
    assert json.loads(told) == [
        {"query": each.query, "variables": each.variables} for each in EXAMPLES
    ]


def test_what_comes_from_elsewhere_is_pinned_and_nothing_else_may_come() -> None:
    page = explorer_page()
    foreign = re.findall(r"<(?:script|link)[^>]*https://[^>]*>", page)
    assert len(foreign) == 6
    addresses = []
    for tag in foreign:
        assert re.search(r'integrity="sha384-[A-Za-z0-9+/]{64}"', tag), tag
        assert " crossorigin" in tag
        addresses += re.findall(r'"(https://unpkg\.com/[^"]+@\d+\.\d+\.\d+/[^"]+)"', tag)
    assert len(addresses) == 6
    policy = explorer_headers()["Content-Security-Policy"]
    assert set(re.findall(r"https?://[^ ;]+", policy)) == set(addresses)
    assert "'unsafe-inline' https" in policy
    assert "unsafe" not in policy.partition("script-src")[2].partition(";")[0]


def test_the_page_has_no_script_of_its_own_in_it() -> None:
    scripts = re.findall(r"<script(?![^>]*src=)[^>]*>", explorer_page())
    assert scripts == ['<script type="application/json" id="examples">']
