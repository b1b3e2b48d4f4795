"""Several whole processes in one event loop, and what the stores would answer without any cache."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from graph.app import create_app, front_door
from graph.context import Context, RequestFacts
from graph.execution import Execution
from graph.metrics import Metrics
from graph.negotiation import GRAPHQL_JSON
from graph.requests import Operation
from graph.schema import build_schema
from kit.broadcast import RedisPubSub
from kit.ids import new_id
from kit.settings import Settings
from loaders.loaders import Loaders
from runtime import connections
from runtime.resources import Resources, open_resources
from tests.graph.edge import serve

HIT = "flashsale; hit"
TELL = {"Tell-Cache-Status": "?1"}


@dataclass
class Process:
    """One application on a socket of its own, with all that a process holds open."""

    resources: Resources
    http: httpx.AsyncClient

    async def ask(
        self,
        operation: Operation,
        token: str | None = None,
        *,
        method: str = "POST",
        media_type: str = GRAPHQL_JSON,
        tell: bool = True,
    ) -> httpx.Response:
        """The answer to one operation; a busy machine's OVERLOADED is asked again."""
        headers = {"Accept": media_type} | (TELL if tell else {})
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        while True:
            if method == "POST":
                response = await self.http.post("/graphql", json=_body(operation), headers=headers)
            else:
                response = await self.http.get(f"/graphql?{_query(operation)}", headers=headers)
            if "OVERLOADED" not in response.text or "data" in response.json():
                return response
            await asyncio.sleep(0.01)


@dataclass
class Oracle:
    """Executes what it is asked against the stores alone: whatever remembers forgets before."""

    resources: Resources
    execution: Execution

    async def ask(self, operation: Operation, token: str | None = None) -> dict[str, Any]:
        self.resources.dealbook.forget_all()
        self.resources.productbook.forget_all()
        facts = RequestFacts(new_id("req"), token, "192.0.2.1", None, secure=False)
        async for answer, _ in self.execution.run(operation, facts):
            body: dict[str, Any] = json.loads(answer.to_json())
            return body
        raise AssertionError("no answer")


@asynccontextmanager
async def serve_process(
    settings: Settings, *, listens_at: str | None = None
) -> AsyncIterator[Process]:
    """One more process, which may listen to announcements at an address of its own."""
    async with open_another(settings, listens_at=listens_at) as resources:
        app = create_app(settings, resources=resources)
        async with (
            serve(app, front_door=front_door(app)) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http,
        ):
            yield Process(resources, http)


@asynccontextmanager
async def open_oracle(settings: Settings) -> AsyncIterator[Oracle]:
    """What the stores say."""
    async with open_another(settings) as resources:

        def make_context(request: RequestFacts) -> Context:
            hub: Any = None  # only subscriptions ask it
            return Context(
                resources=resources, hub=hub, loaders=Loaders(resources), request=request
            )

        yield Oracle(resources, Execution(build_schema(settings), make_context, Metrics()))


@asynccontextmanager
async def open_another(
    settings: Settings, *, listens_at: str | None = None
) -> AsyncIterator[Resources]:
    """Resources beside the session's, whose records are global and stay as they are."""

    def backend(url: str, **given: Any) -> RedisPubSub:
        return RedisPubSub(listens_at or url, **given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections, "TortoiseContext", _NoRecords)
        patch.setattr(connections, "init_beanie", _nothing)
        patch.setattr(connections, "RedisPubSub", backend)
        opening = open_resources(settings)
        resources = await opening.__aenter__()
    try:
        yield resources
    finally:
        await opening.__aexit__(None, None, None)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that no event tells, for at most ten seconds."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


class _NoRecords:
    """In place of one more set of records."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None

    async def init(self, **_: object) -> None:
        return None

    async def close_connections(self) -> None:
        return None


async def _nothing(**_: object) -> None:
    return None


def _body(operation: Operation) -> dict[str, object]:
    body: dict[str, object] = {"query": operation.query}
    if operation.variables:
        body["variables"] = operation.variables
    if operation.name is not None:
        body["operationName"] = operation.name
    return body


def _query(operation: Operation) -> str:
    return urlencode(
        {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in _body(operation).items()
        }
    )
