"""Apollo Client and urql, which name documents by their hash: what they send, and what they get."""

from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from kit.settings import Settings
from runtime.resources import Resources
from tests.clients.api_process import ApiProcess
from tests.clients.conftest import Connect
from tests.clients.program import Program, running
from tests.orders.shop import Shop

CLIENTS = ("apollo", "urql")


@pytest.fixture(scope="session")
def documents(npm_packages: Path, api_process: ApiProcess) -> Connect:
    """A client: `async with documents(client="urql", get=True) as client`."""
    assert npm_packages.is_dir()
    return partial(running, "documents.mjs", url=f"{api_process.address}/graphql")


def new_query() -> str:
    """A document that nobody has sent before."""
    return f"query Q{uuid4().hex}($deal: ID!) {{ deal(id: $deal) {{ title }} }}"


async def asked(client: Program, query: str, **variables: Any) -> tuple[list[Any], dict[str, Any]]:
    """What went over the wire, as (method, with its text, with its hash), and what came of it."""
    client.order("ask", query=query, variables=variables)
    sent = []
    while (told := await client.read())["saw"] == "sent":
        sent.append((told["method"], told["text"], told["sha256"] is not None))
    return sent, {"data": told["data"], "error": told["error"]}


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize("get", [False, True], ids=["post", "get"])
async def test_the_text_is_sent_once_and_the_hash_from_then_on(
    documents: Connect, shop: Shop, name: str, *, get: bool
) -> None:
    query, deal_id = new_query(), await shop.deal()
    by_hash = ("GET" if get else "POST", False, True)
    async with documents(client=name, get=get) as client:
        sent, first = await asked(client, query, deal=deal_id)
        assert sent[0] == by_hash
        assert [each[1:] for each in sent[1:]] == [(True, True)]
        assert first["error"] is None
        assert first["data"]["deal"]["title"] == "Tea, by the tin"
        assert await asked(client, query, deal=deal_id) == ([by_hash], first)
    async with documents(client=name, get=get) as another_visitor:
        assert await asked(another_visitor, query, deal=deal_id) == ([by_hash], first)


@pytest.mark.parametrize("name", CLIENTS)
async def test_a_mutation_by_its_hash_is_posted(documents: Connect, name: str) -> None:
    query = f"mutation M{uuid4().hex} {{ logout }}"
    async with documents(client=name, get=True, mutations=True) as client:
        sent, answer = await asked(client, query)
        assert sent == [("POST", False, True), ("POST", True, True)]
        assert answer["error"] is None
        assert await asked(client, query) == ([("POST", False, True)], answer)


async def test_urql_that_enforces_hashes_is_told_that_one_is_unknown(
    documents: Connect, shop: Shop
) -> None:
    query, deal_id = new_query(), await shop.deal()
    async with documents(client="urql", get=True, enforce=True) as client:
        sent, answer = await asked(client, query, deal=deal_id)
        assert sent == [("GET", False, True)]
        assert answer == {"data": None, "error": "[GraphQL] PersistedQueryNotFound"}


@pytest.mark.parametrize("name", CLIENTS)
async def test_a_client_with_trusted_documents_needs_no_text(
    npm_packages: Path,
    settings: Settings,
    stores_folder: Path,
    resources: Resources,
    tmp_path: Path,
    name: str,
) -> None:
    assert npm_packages.is_dir()
    assert resources.settings is settings  # the stores are migrated by now
    (tmp_path / name).mkdir()
    # Both print what they hash; this is how both print it.
    (tmp_path / name / "me.graphql").write_text(PRINTED[name], encoding="utf-8")
    registry = {
        "FLASHSALE_TRUSTED_DOCUMENTS": str(tmp_path),
        "FLASHSALE_ONLY_TRUSTED_DOCUMENTS": "true",
    }
    async with ApiProcess(settings, stores_folder, **registry) as process:
        options = {"url": f"{process.address}/graphql", "client": name, "get": True}
        async with running("documents.mjs", name=name, **options) as client:
            sent, answer = await asked(client, "query Me { me { id } }")
            assert (sent, answer["error"]) == ([("GET", False, True)], None)
            sent, answer = await asked(client, "query Other { me { id } }")
            assert sent == [("GET", False, True)]
            assert "Only registered documents are executed here" in answer["error"]
        async with running("documents.mjs", name="somebody", **options) as client:
            assert (await asked(client, "query Me { me { id } }"))[1]["data"] is None


# Apollo's cache asks for the type's name of every object that it keeps.
PRINTED = {
    "apollo": "query Me {\n  me {\n    id\n    __typename\n  }\n}",
    "urql": "query Me {\n  me {\n    id\n  }\n}",
}
