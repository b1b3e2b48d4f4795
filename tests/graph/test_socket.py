"""graphql-transport-ws over real sockets: the protocol, its close codes, its limits."""

import asyncio
import json

import pytest
from websockets.exceptions import InvalidStatus

from tests.graph.edge import SHOP, Edge, Talk, until

FOREVER = "subscription { forever }"


async def test_a_subscription_tells_each_result_and_then_completes(talk: Talk) -> None:
    await talk.subscribe("1", "subscription { count(upTo: 2) }")
    assert [await talk.read() for _ in range(3)] == [
        {"id": "1", "type": "next", "payload": {"data": {"count": 1}}},
        {"id": "1", "type": "next", "payload": {"data": {"count": 2}}},
        {"id": "1", "type": "complete"},
    ]


async def test_queries_and_mutations_go_over_the_socket_too(talk: Talk) -> None:
    payload = {"query": "query($n: String!) { hello(name: $n) }", "variables": {"n": "Ada"}}
    await talk.send(type="subscribe", id="q", payload=payload)
    assert (await talk.read())["payload"] == {"data": {"hello": "hello Ada"}}
    assert await talk.read() == {"id": "q", "type": "complete"}
    await talk.subscribe("m", 'mutation { placeOrder(key: "k") }')
    assert (await talk.read())["payload"] == {"data": {"placeOrder": "k"}}
    assert await talk.read() == {"id": "m", "type": "complete"}


async def test_an_id_is_free_again_after_complete(edge: Edge, talk: Talk) -> None:
    await talk.subscribe("1", FOREVER)
    assert (await talk.read())["type"] == "next"
    edge.calls.clear()
    await talk.send(type="complete", id="1")
    await until(lambda: "forever ended" in edge.calls)
    await talk.subscribe("1", "{ hello }")
    assert (await talk.read())["payload"] == {"data": {"hello": "hello you"}}
    assert await talk.read() == {"id": "1", "type": "complete"}
    await talk.subscribe("1", "{ hello }")
    assert (await talk.read())["type"] == "next"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("subscription { count(upTo: ", "BAD_USER_INPUT"),
        ("subscription { nothing }", "BAD_USER_INPUT"),
        ('subscription { count(upTo: "1") }', "BAD_USER_INPUT"),
        ("subscription($n: Int!) { count(upTo: $n) }", "BAD_USER_INPUT"),
        ("query A { hello } query B { hello }", "BAD_USER_INPUT"),
        ("{ " + " ".join(f"a{n}: hello" for n in range(101)) + " }", "QUERY_TOO_COMPLEX"),
        ("{ " + "hello " * 1_001 + "}", "QUERY_TOO_COMPLEX"),
        ("subscription { mine }", "UNAUTHENTICATED"),
    ],
    ids=["syntax", "field", "type", "variable", "which", "aliases", "tokens", "signed out"],
)
async def test_an_operation_that_is_refused_ends_alone(talk: Talk, query: str, code: str) -> None:
    await talk.subscribe("lives", FOREVER)
    assert (await talk.read())["id"] == "lives"
    await talk.subscribe("bad", query)
    refused = await talk.read()
    assert (refused["id"], refused["type"]) == ("bad", "error")
    assert [error["extensions"]["code"] for error in refused["payload"]] == [code]
    await talk.subscribe("bad", "{ hello }")
    assert (await talk.read())["payload"] == {"data": {"hello": "hello you"}}


async def test_our_own_mistake_in_a_subscription_is_masked(talk: Talk) -> None:
    await talk.subscribe("1", "subscription { breaks }")
    assert (await talk.read())["payload"] == {"data": {"breaks": 1}}
    refused = await talk.read()
    assert "hunter2" not in json.dumps(refused)
    (error,) = refused["payload"]
    assert error["extensions"]["code"] == "INTERNAL"
    assert error["extensions"]["requestId"].startswith("req_")


async def test_each_operation_has_a_context_of_its_own(edge: Edge, talk: Talk) -> None:
    edge.contexts.clear()
    await talk.subscribe("1", "{ hello }")
    await talk.subscribe("2", "{ hello }")
    for _ in range(4):
        await talk.read()
    one, two = edge.contexts
    assert one is not two
    assert one.request.request_id != two.request.request_id


async def test_a_ping_is_answered_with_its_payload(talk: Talk) -> None:
    await talk.send(type="ping")
    assert await talk.read() == {"type": "pong"}
    await talk.send(type="ping", payload={"n": 1})
    assert await talk.read() == {"type": "pong", "payload": {"n": 1}}


async def test_the_server_pings_by_itself(talk: Talk) -> None:
    async with asyncio.timeout(10):
        assert json.loads(await talk.connection.recv()) == {"type": "ping"}
    await talk.send(type="pong")


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("{", 4400),
        ("[]", 4400),
        ('"x"', 4400),
        ("{}", 4400),
        ('{"type": 5}', 4400),
        ('{"type": "start"}', 4400),
        ('{"type": "connection_terminate"}', 4400),
        (b'{"type": "ping"}', 4400),
        ("[" * 60_000, 4400),
        ('{"type": "ping", "payload": "x"}', 4400),
        ('{"type": "ping", "payload": {"a":' + "[" * 400 + "]" * 400 + "}}", 4400),
        ('{"type": "complete"}', 4400),
        ('{"type": "subscribe", "id": 1, "payload": {"query": "{ hello }"}}', 4400),
        ('{"type": "subscribe", "id": "", "payload": {"query": "{ hello }"}}', 4400),
        ('{"type": "subscribe", "id": "1"}', 4400),
        ('{"type": "subscribe", "id": "1", "payload": [{"query": "{ hello }"}]}', 4400),
        ('{"type": "subscribe", "id": "1", "payload": {"query": 5}}', 4400),
        (json.dumps({"type": "ping", "payload": {"x": "x" * 65_536}}), 1009),
        (json.dumps({"type": "ping", "payload": {"x": "\U0001f353" * 6_000}}), 1009),
        ('{"type": "connection_init"}', 4429),
    ],
    ids=lambda value: str(value)[:50],
)
async def test_a_message_that_breaks_the_protocol_closes_the_socket(
    talk: Talk, frame: str | bytes, code: int
) -> None:
    await talk.connection.send(frame)
    assert (await talk.closed())[0] == code


async def test_subscribing_before_the_init_is_4401(edge: Edge) -> None:
    async with edge.socket() as connection:
        talk = Talk(connection)
        await talk.subscribe("1", "{ hello }")
        assert await talk.closed() == (4401, "Unauthorized")


async def test_no_init_in_time_is_4408(edge: Edge) -> None:
    async with edge.socket() as connection:
        assert (await Talk(connection).closed())[0] == 4408


async def test_a_second_subscription_of_one_id_is_4409(edge: Edge, talk: Talk) -> None:
    edge.calls.clear()
    await talk.subscribe("\U0001f353" * 60, FOREVER)
    await talk.read()
    await talk.subscribe("\U0001f353" * 60, FOREVER)
    code, reason = await talk.closed()
    assert (code, (reason or "")[:14]) == (4409, "Subscriber for")
    await until(lambda: "forever ended" in edge.calls)


async def test_what_runs_on_a_socket_ends_with_it(edge: Edge) -> None:
    async with edge.socket() as connection:
        talk = Talk(connection)
        await talk.init()
        await talk.subscribe("1", FOREVER)
        await talk.read()
        edge.calls.clear()
    await until(lambda: "forever ended" in edge.calls)


@pytest.mark.parametrize("protocols", [("graphql-ws",), ()])
async def test_other_protocols_are_refused(edge: Edge, protocols: tuple[str, ...]) -> None:
    async with edge.socket(protocols=protocols) as connection:
        assert (await Talk(connection).closed())[0] == 4406


async def test_ours_is_chosen_among_several(edge: Edge) -> None:
    async with edge.socket(protocols=("graphql-ws", "graphql-transport-ws")) as connection:
        assert connection.subprotocol == "graphql-transport-ws"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://shop.example"])
async def test_a_socket_from_a_foreign_page_is_403(edge: Edge, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with edge.socket(Origin=origin):
            pass
    assert refused.value.response.status_code == 403


async def test_a_socket_from_an_allowed_page_is_let_in(edge: Edge) -> None:
    async with edge.socket(Origin=SHOP) as connection:
        await Talk(connection).init()


async def test_more_operations_than_are_allowed_on_a_socket_are_refused_one_by_one(
    talk: Talk,
) -> None:
    for number in range(5):
        await talk.subscribe(str(number), FOREVER)
        assert (await talk.read())["type"] == "next"
    await talk.subscribe("sixth", "{ hello }")
    refused = await talk.read()
    assert (refused["id"], refused["type"]) == ("sixth", "error")
    await talk.send(type="complete", id="0")
    await talk.subscribe("sixth", "{ hello }")
    assert (await talk.read())["type"] == "next"
