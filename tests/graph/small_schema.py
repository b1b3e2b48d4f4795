"""A schema that needs no stores."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Final

import strawberry

from graph.context import ApiError, Info
from graph.edge_schema import EdgeSchema
from kit.settings import Settings
from orders.errors import TryLater
from resolvers.described import field, subscription
from tests.graph.fakes import fakes_of

# Versions that end a subscription to a state, well and badly.
ENDED: Final = 1_000_001
BROKEN: Final = 1_000_002


@strawberry.type
class Line:
    title: str
    deal: "Deal"


@strawberry.type
class Deal:
    id: str

    @strawberry.field
    def lines(self) -> list[Line]:
        return []

    @strawberry.field
    def more(self, first: int = 20) -> "DealConnection":
        return DealConnection(nodes=[Deal(id=str(n)) for n in range(first)])

    @strawberry.field
    def same(self) -> "Deal":
        return self


@strawberry.type
class DealConnection:
    nodes: list[Deal]


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, name: str = "you") -> str:
        return f"hello {name}"

    @strawberry.field
    def quantity(self, info: Info, of: int) -> int:
        _note(info, "quantity")
        return of

    @strawberry.field
    def deals(self, first: int = 20) -> DealConnection:
        return DealConnection(nodes=[Deal(id=str(n)) for n in range(first)])

    @strawberry.field
    def deal(self) -> Deal:
        return Deal(id="1")

    @field("The version of a thing, once the gate lets it through.", public=True)
    async def shown(self, info: Info, of: str = "tea", *, whose: bool = False) -> str:
        """Read a public thing; with `whose` it asks who wants to know, although it is public."""
        fakes = fakes_of(info)
        fakes.calls.append(f"shown {of}")
        info.context.depends_on(f"stock:{of}")
        version = await fakes.board.read(of)
        if of == "trouble":
            raise TryLater(retry_after_ms=250, reason="the till is busy")
        viewer = await info.context.viewer_or_none() if whose else None
        return f"{of} {version} {viewer.user_id if viewer else 'anybody'}"

    @strawberry.field
    async def me(self, info: Info) -> str | None:
        viewer = await info.context.viewer_or_none()
        return None if viewer is None else viewer.user_id

    @strawberry.field
    async def cart(self, info: Info) -> str:
        return (await info.context.viewer()).user_id

    @strawberry.field
    async def desk(self, info: Info) -> str:
        return (await info.context.operator()).user_id

    @strawberry.field
    def boom(self) -> str | None:
        raise RuntimeError("the password is hunter2")

    @strawberry.field
    def later(self) -> str:
        raise TryLater(retry_after_ms=250, reason="the till is busy")

    @strawberry.field
    def bad_page(self) -> str | None:
        raise ApiError("BAD_USER_INPUT", "first must be 1 to 100.", field="first")

    @strawberry.field
    async def wait(self, info: Info) -> str:
        fakes = fakes_of(info)
        fakes.calls.append("wait")
        await fakes.gate.wait()
        return "waited"


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def login(self, info: Info, name: str) -> str:
        await info.context.admit("sign_in", buyer=name)
        _note(info, "login")
        info.context.sign_in_browser("fss_token", datetime.now(UTC) + timedelta(days=1))
        return name

    @strawberry.mutation
    async def place_order(self, info: Info, key: str) -> str:
        _note(info, "placeOrder")
        return key

    @strawberry.mutation
    async def add_to_cart(self, info: Info, name: str) -> str:
        await info.context.admit("cart", buyer=name)
        return name

    @strawberry.mutation
    async def grab(self, info: Info, deal_id: str) -> str:
        """Refuse whoever is signed in: the deal is sold out, until the end of the day."""
        viewer = await info.context.viewer()
        _note(info, f"grab {viewer.user_id}")
        info.context.refused_as_sold_out(deal_id, datetime.now(UTC) + timedelta(days=1))
        return f"{deal_id} is sold out"

    @strawberry.mutation
    async def logout(self, info: Info) -> bool:
        viewer = await info.context.viewer()
        fakes = fakes_of(info)
        fakes.sessions.end(str(info.context.request.token))
        info.context.sign_out_browser()
        fakes.open_sessions.close_session(viewer.token_hash)
        for _ in range(20):  # the event that ends the session may well overtake the answer
            await asyncio.sleep(0)
        return True


@strawberry.type
class State:
    key: str
    version: int

    @strawberry.field
    def padding(self, info: Info, size: int = 0) -> str:
        """Tells of each execution, and makes it as large as one likes."""
        _note(info, f"{self.key} {self.version}")
        return "x" * size


async def _states(info: Info, key: str) -> AsyncGenerator[State, None]:
    """The present state, then newer ones."""
    board = fakes_of(info).board
    if info.context.present_only:
        version = await board.read(key)
        info.context.tell_of(key, (version,))
        yield State(key=key, version=version)
        return
    with board.watching.watch([key]) as mailbox:
        mailbox.put(key, await board.read(key))
        while True:
            version = await mailbox.take()
            info.context.tell_of(key, (version,))
            yield State(key=key, version=version)


@strawberry.type
class Subscription:
    @subscription("For everybody.", shared="EVERYBODY")
    async def state(self, info: Info, of: str = "tea") -> AsyncGenerator[State, None]:
        """Push the states of a thing; one that is called nothing is not to be found."""
        if of == "nothing":
            raise ApiError("NOT_FOUND", "There is no such thing.")
        async with aclosing(_states(info, of)) as states:
            async for state in states:
                if state.version == ENDED:
                    return
                if state.version == BROKEN:
                    raise RuntimeError("the password is hunter2")
                yield state

    @subscription("As many things as the last version put.", shared="EVERYBODY")
    async def states(self, info: Info) -> AsyncGenerator[State, None]:
        """Push what happens to many things; there is no present state to begin with."""
        board = fakes_of(info).board
        if info.context.present_only:
            await board.read("*")
            return
        with board.watching.watch(["*"]) as mailbox:
            while True:
                for number in range(await mailbox.take()):
                    info.context.tell_of(str(number))
                    yield State(key=str(number), version=1)

    @subscription("For a session.", shared="SESSION")
    async def cart_changed(self, info: Info) -> AsyncGenerator[State, None]:
        """Push the states of what belongs to the viewer."""
        viewer = await info.context.viewer()
        async with aclosing(_states(info, viewer.user_id)) as states:
            async for state in states:
                yield state

    @strawberry.subscription
    async def count(self, up_to: int) -> AsyncGenerator[int, None]:
        for number in range(1, up_to + 1):
            yield number

    @strawberry.subscription
    async def forever(self, info: Info) -> AsyncGenerator[int, None]:
        fakes = fakes_of(info)
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            fakes.calls.append("forever ended")

    @strawberry.subscription
    async def mine(self, info: Info) -> AsyncGenerator[str, None]:
        yield (await info.context.viewer()).user_id
        await asyncio.Event().wait()

    @strawberry.subscription
    async def breaks(self) -> AsyncGenerator[int, None]:
        yield 1
        raise RuntimeError("the password is hunter2")


def _note(info: Info, call: str) -> None:
    fakes_of(info).calls.append(call)


def small_schema(settings: Settings) -> EdgeSchema:
    return EdgeSchema(Query, Mutation, Subscription, settings=settings)
