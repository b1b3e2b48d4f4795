"""Variables that nobody foresaw are answered as an execution answers them, and never a crash."""

from typing import Any

import pytest

from graph.requests import Operation
from tests.cache.processes import Oracle, Process


def nested(levels: int) -> object:
    value: object = 0
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize(
    "value",
    [
        nested(250),
        nested(300),
        2**63,
        2**64,
        -(2**63),
        1e300,
        -0.0,
        "\N{FIRE}",
    ],
    ids=lambda value: str(value)[:12],
)
async def test_an_odd_variable_changes_no_answer(
    here: Process, oracle: Oracle, value: Any, method: str
) -> None:
    operation = Operation('{ deal(id: "x") { id } }', {"unused": value}, None)
    for _ in range(2):
        response = await here.ask(operation, method=method)
        assert response.status_code == 200, response.text
        assert response.json() == await oracle.ask(operation)
