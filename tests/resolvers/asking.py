"""Asking the schema in process, as somebody, with the documents of docs/journey.graphql."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from auth.seeding import seed_buyers
from auth.sessions import hash_token
from graph.context import Context, RequestFacts
from graph.edge_schema import EdgeSchema
from graph.errors import present_errors
from kit.ids import new_id
from loaders.loaders import Loaders
from runtime.resources import Resources
from tests.journey.client import documents
from tests.subscriptions.listening import Listening

LIMIT_SECONDS = 15.0

journey = cache(documents)


@dataclass
class Counter:
    """The schema, what it stands on, and how one gets an account."""

    schema: EdgeSchema
    resources: Resources
    listening: Listening

    async def new_buyer(self) -> "Asker":
        (token,) = await seed_buyers(self.resources.pool, buyers=1, session_days=1)
        return await self.signed_in(token)

    async def new_operator(self) -> "Asker":
        (token,) = await seed_buyers(self.resources.pool, buyers=1, session_days=1)
        await self.resources.pool.execute(
            "UPDATE users SET role = 'OPERATOR' WHERE id ="
            " (SELECT user_id FROM sessions WHERE token_hash = $1)",
            hash_token(token),
        )
        return await self.signed_in(token)

    async def signed_in(self, token: str) -> "Asker":
        viewer = await self.resources.sessions.viewer(token)
        return Asker(self, token, viewer.user_id)


@dataclass
class Asker:
    """Somebody who asks the schema; signed in or not, on a page or not."""

    counter: Counter
    token: str | None = None
    user_id: str = ""
    origin: str | None = None
    contexts: list[Context] = field(default_factory=list)

    async def ask(self, document: str, **variables: Any) -> dict[str, Any]:
        """The whole answer, its errors as clients see them."""
        result = await self.counter.schema.execute(
            document, variable_values=variables, context_value=self._context()
        )
        return {
            "data": result.data,
            "errors": present_errors(result.errors or [], request_id="req"),
        }

    async def run(self, name: str, **variables: Any) -> Any:
        """The one field of an operation of the journey; an error fails the test."""
        answer = await self.ask(journey()[name], **variables)
        assert answer["errors"] == [], answer
        (value,) = (value for key, value in answer["data"].items() if key != "serverTime")
        return value

    async def code(self, document: str, **variables: Any) -> str:
        """The code of the one top-level error that the answer has."""
        answer = await self.ask(document, **variables)
        (error,) = answer["errors"]
        found: str = error["extensions"]["code"]
        return found

    @asynccontextmanager
    async def subscribe(self, name: str, **variables: Any) -> AsyncIterator["Stream"]:
        """What a subscription of the journey pushes while the block runs."""
        results = await self.counter.schema.stream(
            journey()[name], variable_values=variables, context_value=self._context()
        )
        async with aclosing(results):
            yield Stream(results)

    def _context(self) -> Context:
        resources = self.counter.resources
        context = Context(
            resources=resources,
            hub=self.counter.listening.hub,
            loaders=Loaders(resources),
            request=RequestFacts(
                request_id=new_id("req"),
                token=self.token,
                address="192.0.2.1",
                origin=self.origin,
                secure=False,
            ),
        )
        self.contexts.append(context)
        return context


@dataclass
class Stream:
    """The values of one subscription."""

    results: Any

    async def next(self) -> Any:
        async with asyncio.timeout(LIMIT_SECONDS):
            result = await anext(self.results)
        assert not result.errors, result.errors
        (value,) = result.data.values()
        return value

    async def until(self, **wanted: Any) -> Any:
        """The first value whose fields are these."""
        while True:
            value = await self.next()
            if all(value[key] == expected for key, expected in wanted.items()):
                return value
