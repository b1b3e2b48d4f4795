"""What @skip and @include choose is planned once for each choice, and never out of bounds."""

import strawberry
from graphql import graphql
from strawberry.types import ExecutionResult

from graph.edge_schema import EdgeSchema
from graph.plans import KeptPlans
from tests.graph.edge import edge_settings

done: list[str] = []


@strawberry.type
class Order:
    id: str
    total: int


@strawberry.type
class Query:
    @strawberry.field
    def order(self) -> Order | None:
        return Order(id="a", total=1)


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def place(self, key: str) -> Order | None:
        done.append(key)
        return Order(id=key, total=1)


SCHEMA = EdgeSchema(Query, Mutation, settings=edge_settings())


async def test_a_choice_that_is_null_is_an_error_where_it_belongs_and_undoes_nothing() -> None:
    document = """mutation($hide: Boolean = false) {
      first: place(key: "a") { id } second: place(key: "b") { id total @skip(if: $hide) }
    }"""
    ours = await SCHEMA.execute(document, variable_values={"hide": None}, context_value=None)
    assert isinstance(ours, ExecutionResult)
    assert ours.data == {"first": {"id": "a"}, "second": None}
    assert [error.path for error in ours.errors or ()] == [["second"]]
    assert done == ["a", "b"]


async def test_the_same_is_true_of_a_query() -> None:
    document = "query($hide: Boolean = false) { order { id total @skip(if: $hide) } }"
    ours = await SCHEMA.execute(document, variable_values={"hide": None}, context_value=None)
    core = await graphql(SCHEMA._schema, document, variable_values={"hide": None})  # noqa: SLF001 - the types themselves
    assert isinstance(ours, ExecutionResult)
    assert ours.data == core.data == {"order": None}
    told = [[error.path for error in result.errors or ()] for result in (ours, core)]
    assert told == [[["order"]], [["order"]]]


async def test_of_many_operations_with_many_choices_the_plans_used_last_are_kept() -> None:
    schema = EdgeSchema(Query, settings=edge_settings())
    kept = schema.documents._plans = KeptPlans(most=10)  # noqa: SLF001 - a smaller one
    operations = [
        f"query N{number}($a: Boolean!, $b: Boolean!)"
        " { order { id @skip(if: $a) total @skip(if: $b) } }"
        for number in range(8)
    ]
    document = "\n".join(operations)
    for number in range(8):
        for a in (True, False):
            result = await schema.execute(
                document,
                variable_values={"a": a, "b": False},
                context_value=None,
                operation_name=f"N{number}",
            )
            assert isinstance(result, ExecutionResult)
            assert result.data == {"order": {"total": 1} if a else {"id": "a", "total": 1}}
            assert len(kept) <= 10
    assert len(kept) == 10
