"""Who is signed in on a socket, and what becomes of the socket when the session ends."""

import asyncio

import pytest

from auth.cookie import SESSION_COOKIE
from auth.sessions import hash_token, new_token
from tests.graph.edge import PACE, SHOP, Edge, Talk, until

FOREVER = "subscription { forever }"


@pytest.mark.parametrize("entry", ["authorization", "Authorization"])
async def test_the_init_signs_in(edge: Edge, entry: str) -> None:
    token = edge.sessions.open()
    async with edge.socket() as connection:
        talk = Talk(connection)
        await talk.send(type="connection_init", payload={entry: f"Bearer {token}"})
        assert await talk.read() == {"type": "connection_ack"}
        await talk.subscribe("1", "subscription { mine }")
        user_id = edge.sessions.viewers[token].user_id
        assert (await talk.read())["payload"] == {"data": {"mine": user_id}}


@pytest.mark.parametrize("value", [f"Bearer {new_token()}", "Bearer", "Basic x", "", 5, {}])
async def test_an_init_with_a_token_that_opens_nothing_is_4403(edge: Edge, value: object) -> None:
    async with edge.socket() as connection:
        talk = Talk(connection)
        await talk.send(type="connection_init", payload={"authorization": value})
        assert await talk.closed() == (4403, "Forbidden")


async def test_the_handshakes_cookie_signs_a_browser_in(edge: Edge) -> None:
    token = edge.sessions.open()
    async with edge.socket(Origin=SHOP, Cookie=f"{SESSION_COOKIE}={token}") as connection:
        talk = Talk(connection)
        await talk.init()
        await talk.subscribe("1", "{ me }")
        assert (await talk.read())["payload"]["data"]["me"] is not None


async def test_a_browser_with_an_old_cookie_may_still_watch(edge: Edge) -> None:
    async with edge.socket(Origin=SHOP, Cookie=f"{SESSION_COOKIE}={new_token()}") as connection:
        talk = Talk(connection)
        await talk.init()
        await talk.subscribe("1", "{ me }")
        assert (await talk.read())["payload"] == {"data": {"me": None}}


async def test_logging_out_elsewhere_closes_the_sessions_sockets_and_no_others(
    edge: Edge, talk: Talk
) -> None:
    token = edge.sessions.open()
    async with edge.socket() as one, edge.socket() as two:
        first, second = Talk(one), Talk(two)
        await first.init(token)
        await second.init(token)
        await second.subscribe("1", FOREVER)
        await second.read()
        response = await edge.post(
            "mutation { logout }", headers={"Authorization": f"Bearer {token}"}
        )
        assert response.json() == {"data": {"logout": True}}
        assert await first.closed() == (4403, "Session ended")
        assert await second.closed() == (4403, "Session ended")
    await talk.subscribe("1", "{ hello }")
    assert (await talk.read())["type"] == "next"


async def test_logging_out_over_the_socket_is_answered_before_it_closes(edge: Edge) -> None:
    token = edge.sessions.open()
    async with edge.socket() as connection:
        talk = Talk(connection)
        await talk.init(token)
        await talk.subscribe("1", FOREVER)
        await talk.read()
        await talk.subscribe("2", "mutation { logout }")
        assert (await talk.read())["payload"] == {"data": {"logout": True}}
        assert await talk.read() == {"id": "2", "type": "complete"}
        assert await talk.closed() == (4403, "Session ended")


async def test_a_session_whose_end_was_not_heard_of_is_found_out(edge: Edge) -> None:
    token = edge.sessions.open()
    async with edge.socket() as connection:
        talk = Talk(connection)
        await talk.init(token)
        edge.sessions.end(token)
        async with asyncio.timeout(PACE.ping_every * 10):
            assert await talk.closed() == (4403, "Session ended")


async def test_nothing_is_kept_of_sockets_that_are_gone(edge: Edge) -> None:
    token = edge.sessions.open()
    async with edge.socket() as connection:
        await Talk(connection).init(token)
    await until(lambda: hash_token(token) not in edge.fakes.open_sessions._enders)  # noqa: SLF001 - what must not grow
    await until(lambda: edge.metrics.registry.get_sample_value("flashsale_sockets") == 0)
    operations = edge.metrics.registry.get_sample_value("flashsale_socket_operations")
    assert operations == 0


async def test_an_outage_of_the_sessions_signs_nobody_out(edge: Edge) -> None:
    token = edge.sessions.open()
    async with edge.socket() as connection:
        talk = Talk(connection)
        await talk.init(token)
        edge.sessions.out_of_reach = True
        before = edge.sessions.lookups
        try:
            await until(lambda: edge.sessions.lookups >= before + 2)
        finally:
            edge.sessions.out_of_reach = False
        await talk.subscribe("1", "{ cart }")
        assert (await talk.read())["payload"]["data"] is not None


async def test_a_socket_that_cannot_be_signed_in_for_an_outage_is_closed(edge: Edge) -> None:
    token = edge.sessions.open()
    edge.sessions.out_of_reach = True
    try:
        async with edge.socket() as connection:
            talk = Talk(connection)
            await talk.send(type="connection_init", payload={"authorization": f"Bearer {token}"})
            # Clients of graphql-ws come back after 1013, and give up after 1011.
            assert await talk.closed() == (1013, "Sign-in is out of reach; come back later")
    finally:
        edge.sessions.out_of_reach = False
