"""What an orchestrator learns of a process."""

import asyncio
import json

import pytest
from starlette.requests import Request

from graph.health import Check, Health

ASKED = Request({"type": "http", "method": "GET", "path": "/readyz", "headers": []})


async def _works() -> str:
    return "PONG"


async def _fails() -> str:
    raise ConnectionError("refused")


@pytest.mark.parametrize(
    ("postgres", "mongo", "status", "word"),
    [
        (_works, _works, 200, "ok"),
        (_works, _fails, 200, "degraded"),
        (_fails, _works, 503, "unavailable"),
    ],
)
async def test_a_process_is_ready_while_what_it_needs_answers(
    postgres: Check, mongo: Check, status: int, word: str
) -> None:
    health = Health(needed={"postgres": postgres}, wanted={"mongo": mongo})
    response = await health.ready(ASKED)
    assert response.status_code == status
    assert json.loads(bytes(response.body)) == {
        "status": word,
        "stores": {
            "postgres": "ok" if postgres is _works else "unreachable",
            "mongo": "ok" if mongo is _works else "unreachable",
        },
    }


async def test_a_store_that_hangs_does_not_hang_the_probe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("graph.health.CHECK_SECONDS", 0.05)
    health = Health(needed={"redis": asyncio.Event().wait}, wanted={})
    async with asyncio.timeout(5):
        assert (await health.ready(ASKED)).status_code == 503


async def test_a_process_lives_without_its_stores() -> None:
    assert (await Health(needed={"postgres": _fails}, wanted={}).alive(ASKED)).status_code == 200
