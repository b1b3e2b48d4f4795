"""What is answered before it is parsed is answered as it would have been, and to nobody else."""

import asyncio
import json
import re
from collections.abc import AsyncIterator

import pytest

from tests.graph.edge import SHOP, Edge, edge_settings, serve_edge

SHOWN = json.dumps({"query": '{ shown(of: "tea") }'}).encode()
GRAB = json.dumps({"query": 'mutation { grab(dealId: "deal_a") }'}).encode()
SAME = {"Host": "shop.local", "Content-Type": "application/json"}
HITS = re.compile(r"^flashsale_response_cache_hits_total (\S+)$", re.MULTILINE)


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    """Of each test's own: what it remembers is what is tested."""
    async with serve_edge(edge_settings()) as served:
        yield served


class Wire:
    """A connection that sends exactly what it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, edge: Edge) -> "Wire":
        return cls(*await asyncio.open_connection("127.0.0.1", edge.port))

    def send(self, body: bytes, headers: dict[str, str], *, line: str = "POST /graphql") -> None:
        sent = {**headers, "Content-Length": str(len(body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        self.send_raw(f"{line} HTTP/1.1\r\n{head}\r\n".encode() + body)

    def send_raw(self, data: bytes) -> None:
        self._writer.write(data)

    async def answer(self) -> tuple[str, dict[str, str], bytes]:
        """Its status line, its headers by lower-case name, and its body."""
        async with asyncio.timeout(10):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:-2])
            assert len(headers) == len(head) - 3, "no header twice"
            body = await self._reader.readexactly(int(headers["content-length"]))
        return head[0], headers, body

    async def is_closed(self) -> bool:
        async with asyncio.timeout(10):
            return await self._reader.read() == b""

    def close(self) -> None:
        self._writer.close()


@pytest.fixture
async def wire(edge: Edge) -> AsyncIterator[Wire]:
    opened = await Wire.open(edge)
    yield opened
    opened.close()


async def asked(wire: Wire, body: bytes, headers: dict[str, str]) -> tuple[str, bytes]:
    wire.send(body, headers)
    line, _, answer = await wire.answer()
    return line, answer


async def is_express(edge: Edge, wire: Wire, body: bytes, headers: dict[str, str]) -> bool:
    """Whether the endpoint never saw this request: it makes a context for each that it sees."""
    before = len(edge.contexts)
    await asked(wire, body, headers)
    return len(edge.contexts) == before


@pytest.mark.parametrize(
    "headers",
    [
        SAME,
        {**SAME, "Accept": "*/*", "User-Agent": "wrk"},
        {**SAME, "Accept": "application/graphql-response+json"},
        {**SAME, "Content-Type": "application/json; charset=utf-8", "Accept": "application/json"},
        {**SAME, "Origin": SHOP, "Cookie": "a=b"},
        {**SAME, "Origin": "http://shop.local"},
        {**SAME, "X-Client-Name": "app"},
    ],
)
async def test_the_second_answer_is_the_first_but_for_its_date_and_name(
    edge: Edge, wire: Wire, headers: dict[str, str]
) -> None:
    wire.send(SHOWN, headers)
    line, first, body = await wire.answer()
    seen = len(edge.contexts)
    wire.send(SHOWN, headers)
    again = await wire.answer()
    assert len(edge.contexts) == seen, "the endpoint did not see it"
    assert (again[0], again[2]) == (line, body)
    assert again[1].pop("x-request-id") != first.pop("x-request-id")
    for told in (again[1], first):
        del told["date"]
    assert again[1] == first
    counted = HITS.search((await edge.http.get("/metrics")).text)
    assert counted is not None
    assert float(counted[1]) == 1


@pytest.mark.parametrize(
    ("headers", "line"),
    [
        ({**SAME, "Accept": "image/png"}, "HTTP/1.1 406"),
        ({**SAME, "Content-Type": "text/plain"}, "HTTP/1.1 415"),
        ({**SAME, "Origin": "https://evil.example"}, "HTTP/1.1 403"),
        ({"Host": "shop.local"}, "HTTP/1.1 415"),
    ],
)
async def test_what_the_endpoint_refuses_is_not_answered_for_it(
    edge: Edge, wire: Wire, headers: dict[str, str], line: str
) -> None:
    await asked(wire, SHOWN, SAME)
    assert await is_express(edge, wire, SHOWN, SAME)
    status, _ = await asked(wire, SHOWN, headers)
    assert status.startswith(line)


@pytest.mark.parametrize(
    "header",
    [
        {"Tell-Cache-Status": "?1"},
        {"X-Client-Name": "another"},
        {"Accept": "text/event-stream"},
        {"Connection": "close"},
    ],
)
async def test_what_asks_for_more_than_the_answer_goes_its_way(
    edge: Edge, wire: Wire, header: dict[str, str]
) -> None:
    await asked(wire, SHOWN, SAME)
    before = len(edge.contexts)
    wire.send(SHOWN, {**SAME, **header})
    async with asyncio.timeout(10):
        while len(edge.contexts) == before:
            await asyncio.sleep(0.005)


async def test_a_caller_keeps_the_name_of_its_request(edge: Edge, wire: Wire) -> None:
    """A proxy names each request: it is answered at once all the same."""
    await asked(wire, SHOWN, SAME)
    before = len(edge.contexts)
    for given, kept in (("of-the-caller-42", True), ("not fit for a log", False), ("", False)):
        wire.send(SHOWN, {**SAME, "X-Request-Id": given})
        _, headers, _ = await wire.answer()
        assert (headers["x-request-id"] == given) is kept
        assert kept or headers["x-request-id"].startswith("req_")
    assert len(edge.contexts) == before


async def test_a_request_that_comes_in_pieces_is_answered_all_the_same(
    edge: Edge, wire: Wire
) -> None:
    _, whole = await asked(wire, SHOWN, SAME)
    head = b"POST /graphql HTTP/1.1\r\nHost: shop.local\r\nContent-Type: application/json\r\n"
    head += b"Content-Length: %d\r\n\r\n" % len(SHOWN)
    data = head + SHOWN
    for cut in (10, len(head) - 1, len(head), len(head) + 1, len(data) - 1):
        wire.send_raw(data[:cut])
        await edge.http.get("/metrics")  # the server has its turn
        wire.send_raw(data[cut:])
        line, _, body = await wire.answer()
        assert (line, body) == ("HTTP/1.1 200 OK", whole)


async def test_requests_in_one_piece_are_answered_in_order(edge: Edge, wire: Wire) -> None:
    await asked(wire, SHOWN, SAME)
    slow = json.dumps({"query": '{ hello(name: "you") }'}).encode()
    for body in (SHOWN, slow, SHOWN, SHOWN, slow):
        wire.send(body, SAME)
    answers = [(await wire.answer())[2] for _ in range(5)]
    assert [b"hello" in answer for answer in answers] == [False, True, False, False, True]
    edge.contexts.clear()


async def test_a_chunked_body_and_http_1_0_are_answered(wire: Wire) -> None:
    _, whole = await asked(wire, SHOWN, SAME)
    head = b"POST /graphql HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\n"
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(SHOWN), SHOWN)
    wire.send_raw(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
    assert (await wire.answer())[2] == whole
    old = head.replace(b"1.1", b"1.0") + b"Content-Length: %d\r\n\r\n" % len(SHOWN) + SHOWN
    wire.send_raw(old)
    assert (await wire.answer())[2] == whole
    assert await wire.is_closed()


async def test_a_sold_out_deal_is_refused_to_whoever_is_signed_in_and_to_nobody_else(
    edge: Edge, wire: Wire
) -> None:
    alice = {**SAME, "Authorization": f"Bearer {edge.sessions.open()}"}
    bob = {**SAME, "Authorization": f"Bearer {edge.sessions.open()}"}
    edge.fakes.sold_out.add("deal_a")
    line, refused = await asked(wire, GRAB, alice)

    assert await asked(wire, GRAB, bob) == (line, refused)
    assert edge.fakes.refused == [("usr_1", "deal_a")]
    assert edge.calls == ["grab usr_0"]
    stranger = await asked(wire, GRAB, {**SAME, "Authorization": "Bearer fss_nobody"})
    assert b"UNAUTHENTICATED" in stranger[1]
    assert b"UNAUTHENTICATED" in (await asked(wire, GRAB, SAME))[1]

    edge.fakes.sold_out.clear()  # somebody has to look whether that is still so
    await asked(wire, GRAB, bob)
    assert edge.calls == ["grab usr_0", "grab usr_1"]


async def test_a_deal_whose_terms_changed_is_refused_by_the_endpoint_again(
    edge: Edge, wire: Wire
) -> None:
    alice = {**SAME, "Authorization": f"Bearer {edge.sessions.open()}"}
    edge.fakes.sold_out.add("deal_a")
    await asked(wire, GRAB, alice)
    assert await is_express(edge, wire, GRAB, alice)
    edge.express.deal_changed("deal_b")
    assert await is_express(edge, wire, GRAB, alice)
    edge.express.deal_changed("deal_a")
    assert not await is_express(edge, wire, GRAB, alice)


@pytest.mark.parametrize(
    "query",
    [
        'mutation { a: grab(dealId: "deal_a") b: grab(dealId: "deal_b") }',
        'mutation { grab(dealId: "deal_a") placeOrder(key: "k") }',
    ],
)
async def test_a_document_that_does_more_is_never_refused_at_once(
    edge: Edge, wire: Wire, query: str
) -> None:
    alice = {**SAME, "Authorization": f"Bearer {edge.sessions.open()}"}
    edge.fakes.sold_out |= {"deal_a", "deal_b"}
    body = json.dumps({"query": query}).encode()
    await asked(wire, body, alice)
    assert not await is_express(edge, wire, body, alice)


async def test_the_bytes_of_a_get_are_never_those_of_a_post(edge: Edge, wire: Wire) -> None:
    query = "query=%7B%20shown%20%7D"
    kept = await edge.http.get(f"/graphql?{query}")
    assert kept.status_code == 200
    for body in (f"?{query}", query):
        line, _ = await asked(wire, body.encode(), SAME)
        assert line.startswith("HTTP/1.1 400")
