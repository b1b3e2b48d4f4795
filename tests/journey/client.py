"""A client as a stranger would write it: HTTP, one WebSocket, and the documents of the docs."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from graphql import parse, print_ast
from graphql.language import FragmentDefinitionNode, OperationDefinitionNode
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

JOURNEY = Path(__file__).parents[2] / "docs" / "journey.graphql"
ANSWER_SECONDS = 15.0


def documents() -> dict[str, str]:
    """Each operation of docs/journey.graphql with the fragments it needs, by name."""
    parsed = parse(JOURNEY.read_text(encoding="utf-8"))
    fragments = {
        node.name.value: node
        for node in parsed.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    found: dict[str, str] = {}
    for node in parsed.definitions:
        if isinstance(node, OperationDefinitionNode):
            assert node.name is not None
            text = print_ast(node)
            needed: dict[str, str] = {}
            todo = [text]
            while todo:
                part = todo.pop()
                for name, fragment in fragments.items():
                    if f"...{name}" in part and name not in needed:
                        needed[name] = print_ast(fragment)
                        todo.append(needed[name])
            found[node.name.value] = "\n".join([text, *needed.values()])
    return found


@dataclass
class Api:
    """The API at one address, signed in or not."""

    http: httpx.AsyncClient
    address: str
    token: str | None = None
    documents: dict[str, str] = field(default_factory=documents)

    async def send(self, name: str, **variables: Any) -> dict[str, Any]:
        """The whole answer to an operation of the journey."""
        return await self.post({"query": self.documents[name], "variables": variables})

    async def post(self, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self.http.post(
            f"{self.address}/graphql", json=body, headers=self._headers(), timeout=ANSWER_SECONDS
        )
        answered: dict[str, Any] = answer.json()
        return answered

    async def run(self, name: str, **variables: Any) -> Any:
        """The one field of an operation of the journey; an error fails the test."""
        answer = await self.send(name, **variables)
        assert "errors" not in answer, answer
        data = {key: value for key, value in answer["data"].items() if key != "serverTime"}
        (value,) = data.values()
        return value

    def as_(self, token: str | None) -> "Api":
        return Api(self.http, self.address, token, self.documents)

    @asynccontextmanager
    async def subscribe(self, name: str, **variables: Any) -> AsyncIterator["Stream"]:
        """What a subscription of the journey sends."""
        address = self.address.replace("http", "ws", 1) + "/graphql"
        async with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
            payload = {"authorization": f"Bearer {self.token}"} if self.token else {}
            await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
            assert json.loads(await socket.recv())["type"] == "connection_ack"
            subscribe = {"query": self.documents[name], "variables": variables}
            await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": subscribe}))
            yield Stream(socket)

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"} if self.token else {}


@dataclass
class Stream:
    """The values of one subscription."""

    socket: ClientConnection

    async def next(self) -> Any:
        async with asyncio.timeout(ANSWER_SECONDS):
            while True:
                message = json.loads(await self.socket.recv())
                if message["type"] == "ping":
                    await self.socket.send(json.dumps({"type": "pong"}))
                    continue
                assert message["type"] == "next", message
                assert "errors" not in message["payload"], message
                (value,) = message["payload"]["data"].values()
                return value

    async def until(self, **wanted: Any) -> Any:
        """The first value whose fields are these."""
        while True:
            value = await self.next()
            if all(value[key] == expected for key, expected in wanted.items()):
                return value
