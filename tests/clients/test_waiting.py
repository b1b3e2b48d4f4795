"""The server's own pace, at its real length: these began with the first test of this folder."""

from tests.clients.program import Program


async def test_a_client_that_never_introduces_itself_is_4408(silent: Program) -> None:
    told = await silent.until("closed")
    assert (told["code"], told["reason"]) == (4408, "Connection initialisation timeout")


async def test_a_silent_client_answers_our_pings_and_stays(idle: Program) -> None:
    for _ in range(3):
        await idle.until("ping", received=True)
        assert await idle.read() == {"saw": "pong", "received": False}
    idle.subscribe("{ deals(first: 1) { pageInfo { hasNextPage } } }")
    await idle.value()
    assert [told["saw"] for told in idle.seen].count("closed") == 0
