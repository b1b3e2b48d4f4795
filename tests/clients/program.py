"""A node program that works a client: orders go in, what the client saw comes out."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.clients.packages import FOLDER

LIMIT_SECONDS = 30.0


class Program:
    """One client of the npm registry, in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.seen: list[dict[str, Any]] = []
        """All that was read so far, in its order."""

    async def read(self) -> dict[str, Any]:
        """The next thing that the client saw."""
        assert self._process.stdout is not None
        async with asyncio.timeout(LIMIT_SECONDS):
            line = await self._process.stdout.readline()
        assert line, f"The program ended after {self.seen}"
        told: dict[str, Any] = json.loads(line)
        self.seen.append(told)
        return told

    async def until(self, saw: str, **wanted: Any) -> dict[str, Any]:
        """Read on to something with these entries."""
        wanted["saw"] = saw
        while True:
            told = await self.read()
            if wanted.items() <= told.items():
                return told

    async def value(self, of: str = "1") -> Any:
        """The one field of the next result of an operation."""
        told = await self.until("next", of=of)
        assert "errors" not in told["payload"], told
        (value,) = told["payload"]["data"].values()
        return value

    async def value_with(self, of: str = "1", **wanted: Any) -> Any:
        """The next value of an operation that has these entries."""
        while True:
            value = await self.value(of)
            if wanted.items() <= value.items():
                return value

    def subscribe(self, query: str, of: str = "1", **variables: Any) -> None:
        """Start an operation of any type; `of` is what its results are told under."""
        self.order("subscribe", of=of, query=query, variables=variables)

    def order(self, do: str, **more: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **more}).encode() + b"\n")


@asynccontextmanager
async def running(script: str, **options: Any) -> AsyncIterator[Program]:
    """The program while the block runs; it ends when its input does."""
    process = await asyncio.create_subprocess_exec(
        "node",
        script,
        json.dumps(options),
        cwd=FOLDER,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1024 * 1024,
    )
    try:
        yield Program(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(LIMIT_SECONDS):
            await process.communicate()
