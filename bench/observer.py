"""Changes stock, and asks a server over and over until it tells the change: how stale it is."""

import asyncio
from typing import Any, Final

import orjson

from bench.figures import percentile
from bench.gates import Gates

_ASK_SECONDS: Final = 0.005
_GIVE_UP_SECONDS: Final = 5.0
_LENGTH: Final = b"content-length: "

Version = tuple[int, int]


class BadAnswer(Exception):
    """Not a list of deals."""


class Observer:
    """One buyer who watches a list of deals on one connection."""

    def __init__(self, gates: Gates) -> None:
        self._gates = gates

    async def observe(
        self, *, port: int, body: str, deals: list[str], per_second: float, seconds: float
    ) -> dict[str, Any]:
        """Change the deals in turn, and ask for the list until each change is in it.

        A change is in it when the list tells its version or a later one. Its age is from the
        gate's answer on. `backwards` are versions that went back from one answer to the next.
        """
        loop = asyncio.get_running_loop()
        ages_ms: list[float] = []
        missed = backwards = asked = 0
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        last: dict[str, Version] = {}
        try:
            until = loop.time() + seconds
            while loop.time() < until:
                next_at = loop.time() + 1 / per_second
                answer = await self._gates.change_one(deals[len(ages_ms) % len(deals)])
                counters, changed_at = answer.counters, loop.time()
                while True:
                    told = versions_in(await _ask(reader, writer, port, body.encode()))
                    asked += 1
                    backwards += sum(version < last.get(id_, version) for id_, version in told)
                    last.update(told)
                    age = loop.time() - changed_at
                    seen = last.get(counters.deal_id, (0, 0))
                    if seen >= (counters.epoch, counters.version):
                        ages_ms.append(age * 1000)
                        break
                    if age > _GIVE_UP_SECONDS:
                        missed += 1
                        break
                    await asyncio.sleep(_ASK_SECONDS)
                await asyncio.sleep(next_at - loop.time())
        finally:
            writer.close()
        ordered = sorted(ages_ms)
        return {
            "changes": len(ages_ms) + missed,
            "missed": missed,
            "asked": asked,
            "backwards": backwards,
            "ages_ms": ordered,
            "p50_ms": percentile(ordered, 0.5),
            "most_ms": ordered[-1] if ordered else None,
        }


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, body: bytes
) -> bytes:
    """POST once more on an open connection."""
    writer.write(
        f"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    start = head.find(_LENGTH)
    if start < 0:
        raise BadAnswer(head.decode(errors="replace"))
    length = head[start + len(_LENGTH) :].partition(b"\r\n")[0]
    return await reader.readexactly(int(length))


def versions_in(answer: bytes) -> list[tuple[str, Version]]:
    """Of each deal in a list, by id.

    Raises:
        BadAnswer: it is none.
    """
    try:
        nodes = orjson.loads(answer)["data"]["deals"]["nodes"]
        stocks = [node["stock"] for node in nodes]
        return [(told["dealId"], (told["epoch"], told["version"])) for told in stocks]
    except (ValueError, KeyError, TypeError) as error:
        raise BadAnswer(f"{error!r} in {answer[:200]!r}") from None
