"""What the edge's executor answers is what graphql-core answers, byte for byte."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, cast

import graphql
import orjson
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis_graphql import queries
from strawberry.types import ExecutionResult

from tests.graph.odd_schema import (
    BRANCH_FIELDS,
    EVERYTHING,
    ODD_SCHEMA,
    WRONG,
    Leaf,
    Odd,
    a_branch,
    trees,
)

EXAMPLES = 100
documents = queries(ODD_SCHEMA.as_str())


def told(result: ExecutionResult | graphql.ExecutionResult) -> tuple[bytes, list[Any]]:
    """The answer's bytes, and its errors in an order that does not depend on who was waited for."""
    errors = [error.formatted for error in result.errors or []]
    return orjson.dumps(result.data), sorted(errors, key=orjson.dumps)


async def by_core(document: str, tree: list[Any]) -> graphql.ExecutionResult:
    """As graphql-core executes it, without any of ours."""
    result = graphql.execute(
        ODD_SCHEMA._schema,  # noqa: SLF001 - the types themselves
        graphql.parse(document),
        context_value=Odd(tree),
    )
    return result if isinstance(result, graphql.ExecutionResult) else await result


async def to_the_end(comparison: Coroutine[Any, Any, None]) -> None:
    """Let what an error made superfluous come to its end too, as in a process that goes on."""
    await comparison
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)


async def compare(document: str, tree: list[Any]) -> None:
    expected = told(await by_core(document, tree))
    # Twice: what is worked out while executing is used then.
    for _ in range(2):
        assert told(await ODD_SCHEMA.execute(document, context_value=Odd(tree))) == expected


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(documents, trees)
def test_random_documents_over_right_and_wrong_values(document: str, tree: list[Any]) -> None:
    assume(not ODD_SCHEMA.documents.prepare(document, None).errors)
    asyncio.run(to_the_end(compare(document, tree)))


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
@pytest.mark.parametrize("place", ["branches", "branch"])
async def test_each_wrong_value_in_each_place(wrong: object, place: str) -> None:
    document = f"{{ {place} {{ {EVERYTHING} }} }}"
    for name in Leaf.__annotations__ | {"name": str}:
        await compare(document, [a_branch(**{name: wrong})])
    for name in BRANCH_FIELDS:
        await compare(document, [a_branch(), replace(a_branch(), **cast("Any", {name: wrong}))])
    await compare(document, [wrong])


@pytest.mark.parametrize("yes", [True, False])
async def test_what_variables_leave_out(yes: bool) -> None:  # noqa: FBT001 - the choice itself
    document = """query($yes: Boolean!) { branches {
      name @include(if: $yes) leaf { count @skip(if: $yes) at } ... @include(if: $yes) { key: name }
    } }"""
    result = await ODD_SCHEMA.execute(
        document, variable_values={"yes": yes}, context_value=Odd([a_branch()])
    )
    assert result.errors is None
    assert result.data is not None
    (branch,) = result.data["branches"]
    assert list(branch) == (["name", "leaf", "key"] if yes else ["leaf"])
    assert list(branch["leaf"]) == (["at"] if yes else ["count", "at"])
