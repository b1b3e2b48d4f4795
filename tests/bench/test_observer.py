import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from bench.gates import Gates
from bench.observer import BadAnswer, Observer, versions_in
from runtime.resources import Resources


def answer(*stocks: tuple[str, int, int]) -> bytes:
    nodes = [
        {"stock": {"dealId": deal_id, "epoch": epoch, "version": version}}
        for deal_id, epoch, version in stocks
    ]
    return orjson.dumps({"data": {"deals": {"nodes": nodes}}})


class Board:
    """Answers every request with the list, of which every other answer is an old one."""

    def __init__(self, resources: Resources, deal: str, *, forgets: bool) -> None:
        self._resources = resources
        self._deal = deal
        self._forgets = forgets
        self.asked: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                self.asked.append(await reader.readexactly(length))
                body = answer((self._deal, *await self._version()))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    async def _version(self) -> tuple[int, int]:
        if self._forgets and len(self.asked) % 2:
            return 1, 0
        seen = (await self._resources.stock.read([self._deal]))[self._deal]
        assert seen is not None
        return seen.epoch, seen.version

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        async with server:
            yield server.sockets[0].getsockname()[1]


async def watch(resources: Resources, *, forgets: bool) -> tuple[dict[str, Any], Board]:
    gates = Gates(resources)
    (deal,) = (await gates.open(deals=1))["deals"]
    board = Board(resources, deal, forgets=forgets)
    async with board.listening() as port:
        seen = await Observer(gates).observe(
            port=port, body='{"query":"{ deals }"}', deals=[deal], per_second=50, seconds=0.1
        )
    return seen, board


async def test_a_change_that_is_told_at_once_is_seen_in_the_first_answer(
    resources: Resources,
) -> None:
    seen, board = await watch(resources, forgets=False)
    assert 1 <= seen["changes"] == seen["asked"] == len(seen["ages_ms"])
    assert (seen["missed"], seen["backwards"]) == (0, 0)
    assert seen["most_ms"] == max(seen["ages_ms"])
    assert set(board.asked) == {b'{"query":"{ deals }"}'}


async def test_it_asks_on_until_it_sees_the_change_and_notices_what_goes_backwards(
    resources: Resources,
) -> None:
    seen, _ = await watch(resources, forgets=True)
    assert seen["asked"] == 2 * seen["changes"]
    assert seen["missed"] == 0
    assert seen["backwards"] == seen["changes"] - 1


def test_versions_are_ordered_by_epoch_first() -> None:
    assert versions_in(answer(("a", 1, 900), ("b", 2, 3))) == [("a", (1, 900)), ("b", (2, 3))]


@pytest.mark.parametrize("told", [b"", b"{}", b'{"data":null}', b'{"errors":[{"message":"no"}]}'])
def test_an_answer_without_deals_is_refused(told: bytes) -> None:
    with pytest.raises(BadAnswer):
        versions_in(told)
