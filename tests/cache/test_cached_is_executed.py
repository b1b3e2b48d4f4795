"""Whatever is asked, by whomever, whatever happens: an answer is what an execution would be."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Final

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from auth.seeding import seed_buyers
from auth.sessions import hash_token
from graph.negotiation import GRAPHQL_JSON, JSON
from graph.requests import Operation
from graph.response_cache import MOST_SECONDS
from tests.cache.changes import CHANGES, Change, make_things
from tests.cache.documents import DOCUMENTS, Document, Things
from tests.cache.processes import HIT, Oracle, Process

# What is promised, and what a busy machine may add to it; a change that is lost shows for 5 s.
LATE_SECONDS: Final = 0.25
BUSY_SECONDS: Final = 1.75

_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")


@dataclass(frozen=True)
class Ask:
    """One question: which of the documents, of which process, by whom, in which way."""

    document: int
    process: int
    viewer: int
    method: str
    media_type: str
    tell: bool


ASKS: Final = st.builds(
    Ask,
    document=st.integers(0, 2),
    process=st.integers(0, 1),
    viewer=st.integers(0, 4),
    method=st.sampled_from(("POST", "POST", "GET")),
    media_type=st.sampled_from((GRAPHQL_JSON, JSON)),
    tell=st.booleans(),
)
STEPS: Final = st.tuples(CHANGES, st.integers(0, 1), st.lists(ASKS, min_size=2, max_size=4))


@dataclass
class Stage:
    """Two processes, the oracle, and who asks: nobody, two buyers, an operator, an old token."""

    processes: tuple[Process, Process]
    oracle: Oracle
    tokens: list[str | None]
    user_ids: list[str]
    statuses: Counter[str] = field(default_factory=Counter)

    async def make(self, change: Change, by: int, things: Things) -> None:
        await change.make(self.processes[by].resources, things, self.user_ids[:2])

    async def check(self, ask: Ask, document: Document, things: Things) -> None:
        """The answer is what the stores say, before long; it shows nothing of anybody else's."""
        operation, token = document.operation(things), self.tokens[ask.viewer]
        began = monotonic()
        earlier = await self._executed(operation, token)
        while True:
            response = await self.processes[ask.process].ask(
                operation, token, method=ask.method, media_type=ask.media_type, tell=ask.tell
            )
            self._look_at(response, document, token)
            answer, now = _compared(response.json()), await self._executed(operation, token)
            if answer in (earlier, now):
                break
            late = monotonic() - began
            assert late < LATE_SECONDS + BUSY_SECONDS, f"{operation}\n{answer}\nis not\n{now}"
            earlier = now
            await asyncio.sleep(0.02)
        _keep_cursors(response.json(), things)

    async def _executed(self, operation: Operation, token: str | None) -> Any:
        return _compared(await self.oracle.ask(operation, token))

    def _look_at(self, response: httpx.Response, document: Document, token: str | None) -> None:
        owner = self.tokens.index(token) - 1
        others = [each for n, each in enumerate(self.user_ids) if n != owner]
        assert not [each for each in others if each in response.text]
        status = response.headers.get("cache-status", "")
        self.statuses[status] += 1
        assert not (document.personal and status == HIT), document


@pytest.fixture(scope="module")
async def stage(here: Process, there: Process, oracle: Oracle) -> AsyncIterator[Stage]:
    pool = here.resources.pool
    tokens = await seed_buyers(pool, buyers=3, session_days=1)
    user_ids = []
    for token in tokens:
        user_ids.append((await here.resources.sessions.viewer(token)).user_id)
        here.resources.sessions.drop(hash_token(token))
    await pool.execute("UPDATE users SET role = 'OPERATOR' WHERE id = $1", user_ids[2])
    revoked, _ = await here.resources.sessions.open(user_ids[0])
    await here.resources.sessions.revoke(hash_token(revoked))
    made = Stage((here, there), oracle, [None, *tokens, revoked], user_ids)
    yield made
    # It was memory that was tried, and not only execution.
    assert made.statuses[HIT] > sum(made.statuses.values()) / 20, made.statuses


@settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
@given(
    documents=st.lists(DOCUMENTS, min_size=3, max_size=3),
    steps=st.lists(STEPS, min_size=3, max_size=6),
)
async def test_an_answer_is_what_an_execution_would_be(
    stage: Stage, documents: list[Document], steps: list[Any]
) -> None:
    things = await make_things(stage.processes[0].resources)
    for change, by, asks in steps:
        for ask in asks:
            await stage.check(ask, documents[ask.document], things)
        await stage.make(change, by, things)
        for ask in asks:
            await stage.check(ask, documents[ask.document], things)


async def test_each_operation_of_a_document_has_an_answer_of_its_own(
    here: Process, oracle: Oracle
) -> None:
    text = 'query A { deal(id: "x") { id } } query B { b: deal(id: "x") { id } }'
    for name in ("A", "B", "A", "B"):
        operation = Operation(text, None, name)
        assert (await here.ask(operation)).json() == await oracle.ask(operation)


def _compared(body: dict[str, Any]) -> Any:
    """What has to be the same: the data, and what went wrong where."""
    errors = [
        (each["message"], each.get("path"), each["extensions"].get("code"))
        for each in body.get("errors", ())
    ]
    return _still(body.get("data")), errors


def _still(value: Any, name: str = "") -> Any:
    """The same without what moves on its own: the time, where it is about now."""
    match value:
        case dict():
            return {each: _still(inner, each) for each, inner in value.items()}
        case list():
            return [_still(each) for each in value]
        case str() if name.startswith(("asOf", "f")) and _MOMENT.fullmatch(value):
            age = (datetime.now(UTC) - datetime.fromisoformat(value)).total_seconds()
            return "now" if -1 < age < MOST_SECONDS + BUSY_SECONDS else value
        case _:
            return value


def _keep_cursors(body: dict[str, Any], things: Things) -> None:
    for root in (body.get("data") or {}).values():
        if isinstance(root, dict) and (root.get("pageInfo") or {}).get("endCursor"):
            things.cursors.append(root["pageInfo"]["endCursor"])
