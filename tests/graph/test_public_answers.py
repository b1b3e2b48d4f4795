"""Public queries are executed once for all who ask, and nobody sees what is another's."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from graph.response_cache import STALE_SECONDS
from tests.graph.edge import Edge, edge_settings, serve_edge, until

SHOWN = '{ shown(of: "tea") }'
TELL = {"Tell-Cache-Status": "?1"}


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    """Of each test's own: what it remembers is what is tested."""
    async with serve_edge(edge_settings()) as served:
        yield served


def told(response: httpx.Response) -> tuple[str, str]:
    """What was answered, and whether it came from memory."""
    assert response.status_code == 200
    return response.json()["data"]["shown"], response.headers["cache-status"]


async def test_the_second_answer_comes_from_memory_and_says_so_on_request(edge: Edge) -> None:
    first = await edge.post(SHOWN, headers=TELL)
    again = await edge.post(SHOWN, headers=TELL)
    plain = await edge.post(SHOWN)
    assert told(first) == ("tea 0 anybody", "flashsale; fwd=miss; stored")
    assert told(again) == ("tea 0 anybody", "flashsale; hit")
    assert "cache-status" not in plain.headers
    assert edge.calls == ["shown tea"]
    counted = (await edge.http.get("/metrics")).text
    assert "flashsale_response_cache_hits_total 2.0" in counted
    assert "flashsale_response_cache_misses_total 1.0" in counted


async def test_the_same_question_in_other_bytes_is_the_same_question(edge: Edge) -> None:
    query = "query($of: String!) { shown(of: $of) }"
    await edge.post(query, {"of": "milk"})
    response = await edge.http.post(
        "/graphql",
        content=b'{ "variables": {"of":"milk"},  "query": "%s" }' % query.encode(),
        headers={"Content-Type": "application/json", **TELL},
    )
    assert told(response) == ("milk 0 anybody", "flashsale; hit")


@pytest.mark.parametrize(
    "other",
    [
        {"query": SHOWN, "variables": {"unused": 1}},
        {"query": SHOWN + " "},
        {"query": '{ shown(of: "milk") }'},
        {"query": f"query A {SHOWN}", "operationName": "A"},
    ],
)
async def test_another_question_has_an_answer_of_its_own(edge: Edge, other: object) -> None:
    await edge.post(SHOWN)
    response = await edge.http.post("/graphql", json=other, headers=TELL)
    assert told(response)[1] == "flashsale; fwd=miss; stored"


async def test_a_change_is_seen_in_time_and_the_old_answer_is_given_until_then(edge: Edge) -> None:
    await edge.post(SHOWN)
    edge.fakes.board.present["tea"] = 1
    edge.cache.stock_changed("tea", 1, 1, 5)
    assert told(await edge.post(SHOWN, headers=TELL)) == ("tea 0 anybody", "flashsale; hit")
    async with asyncio.timeout(STALE_SECONDS + 10):
        while told(await edge.post(SHOWN, headers=TELL))[0] != "tea 1 anybody":
            await asyncio.sleep(0.01)
    # Renewed while the old one was still given: nobody had to wait for it.
    assert told(await edge.post(SHOWN, headers=TELL))[1] == "flashsale; hit"


async def test_of_many_who_ask_at_once_one_is_executed_for(edge: Edge) -> None:
    edge.fakes.board.reading.clear()
    asked = [asyncio.create_task(edge.post(SHOWN, headers=TELL)) for _ in range(20)]
    await until(lambda: edge.fakes.board.reads == 1)
    edge.fakes.board.reading.set()
    answers = [told(response) for response in await asyncio.gather(*asked)]
    assert {answer for answer, _ in answers} == {"tea 0 anybody"}
    assert edge.calls == ["shown tea"]


async def test_whoever_is_asked_for_by_a_public_field_gets_an_answer_of_their_own(
    edge: Edge,
) -> None:
    query = "{ shown(whose: true) }"
    alice, bob = edge.sessions.open(), edge.sessions.open()
    seen = [
        told(await edge.post(query, headers={"Authorization": f"Bearer {token}", **TELL}))
        for token in (alice, bob, alice, "nobody")
    ]
    bypass = "flashsale; fwd=bypass"
    assert seen == [
        ("tea 0 usr_0", bypass),
        ("tea 0 usr_1", bypass),
        ("tea 0 usr_0", bypass),
        ("tea 0 anybody", bypass),
    ]


async def test_who_waited_for_an_answer_that_is_not_theirs_gets_their_own(edge: Edge) -> None:
    query = "{ shown(whose: true) }"
    edge.fakes.board.reading.clear()
    tokens = [edge.sessions.open() for _ in range(5)]
    asked = [
        asyncio.create_task(edge.post(query, headers={"Authorization": f"Bearer {token}"}))
        for token in tokens
    ]
    await until(lambda: edge.fakes.board.reads == 1)
    edge.fakes.board.reading.set()
    answers = [(await each).json()["data"]["shown"] for each in asked]
    assert sorted(answers) == [f"tea 0 usr_{number}" for number in range(5)]


async def test_an_answer_with_errors_is_not_kept(edge: Edge) -> None:
    query = '{ shown(of: "trouble") }'
    first, again = [await edge.post(query, headers=TELL) for _ in range(2)]
    assert first.headers["cache-status"] == again.headers["cache-status"] == "flashsale; fwd=bypass"
    assert again.json()["errors"][0]["extensions"]["code"] == "OVERLOADED"


@pytest.mark.parametrize("query", ["{ me }", "{ me shown }", "{ hello }", "mutation { logout }"])
async def test_what_is_not_declared_public_is_executed_for_each(edge: Edge, query: str) -> None:
    token = edge.sessions.open()
    response = await edge.post(query, headers={"Authorization": f"Bearer {token}", **TELL})
    assert response.headers["cache-status"] == "flashsale; fwd=bypass"
    assert len(edge.cache) == 0


async def test_nothing_comes_from_memory_while_no_announcement_is_heard(edge: Edge) -> None:
    await edge.post(SHOWN)
    edge.fakes.hears = False
    assert told(await edge.post(SHOWN, headers=TELL))[1] == "flashsale; fwd=bypass"


async def test_a_cache_without_room_keeps_nothing() -> None:
    async with serve_edge(edge_settings(response_cache_bytes=0)) as edge:
        for _ in range(2):
            assert told(await edge.post(SHOWN, headers=TELL))[1] == "flashsale; fwd=bypass"


async def test_a_get_is_kept_by_caches_and_asked_for_again_by_its_tag(edge: Edge) -> None:
    first = await edge.http.get("/graphql", params={"query": SHOWN})
    assert first.headers["cache-control"] == "public, max-age=1, stale-while-revalidate=1"
    tag = {"If-None-Match": first.headers["etag"]}
    again = await edge.http.get("/graphql", params={"query": SHOWN}, headers=tag)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    edge.fakes.board.present["tea"] = 1
    edge.cache.stock_changed("tea", 1, 1, 0)
    changed = await edge.http.get("/graphql", params={"query": SHOWN}, headers=tag)
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]


async def test_a_personal_get_is_nobody_elses(edge: Edge) -> None:
    for query in ("{ me }", "{ shown(whose: true) }", '{ shown(of: "trouble") }', "{"):
        response = await edge.http.get("/graphql", params={"query": query})
        assert response.headers["cache-control"] == "private, no-store"
        assert "etag" not in response.headers
