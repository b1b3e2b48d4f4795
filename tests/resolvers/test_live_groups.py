"""The real subscriptions in groups: who shares what, and what a late joiner is told first."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from graphql import GraphQLObjectType, GraphQLUnionType, get_named_type
from strawberry import Schema

from graph.context import Context, RequestFacts
from graph.documents import shared_fields
from graph.execution import Execution
from graph.groups import Groups
from graph.metrics import Metrics
from graph.requests import Operation
from kit.money import Money
from loaders.loaders import Loaders
from tests.graph.members import Ear
from tests.orders.shop import Shop
from tests.resolvers.asking import Asker, Counter, journey
from tests.resolvers.test_orders import checkout, place
from tests.subscriptions.listening import until

PERSONAL = {
    "Cart",
    "CartItem",
    "Checkout",
    "ControlRoom",
    "Order",
    "OrderLine",
    "Payment",
    "Session",
    "User",
}


class Floor:
    """The groups of the real schema, and those who join them."""

    def __init__(self, counter: Counter) -> None:
        def make_context(request: RequestFacts) -> Context:
            return Context(
                resources=counter.resources,
                hub=counter.listening.hub,
                loaders=Loaders(counter.resources),
                request=request,
            )

        self.hub = counter.listening.hub
        self._sessions = counter.resources.sessions
        self._metrics = Metrics()
        execution = Execution(counter.schema, make_context, self._metrics)
        self.groups = Groups(execution, most_groups=100)

    @property
    def executions(self) -> float:
        return self._metrics.registry.get_sample_value("flashsale_live_executions_total") or 0

    async def join(self, asker: Asker, name: str, **variables: object) -> Ear:
        operation = Operation(journey()[name], variables, None)
        audience = self.groups.audience(operation)
        assert audience is not None, f"{name} is no subscription"
        session = None
        if asker.token is not None:
            session = (await self._sessions.viewer(asker.token)).token_hash
        facts = RequestFacts("", asker.token, "192.0.2.1", None, secure=False)
        ear = Ear()
        self.groups.join(ear, operation, audience, facts=facts, session=session)
        await until(lambda: bool(ear.payloads or ear.ends))
        return ear


@pytest.fixture
async def floor(counter: Counter) -> AsyncIterator[Floor]:
    opened = Floor(counter)
    before = opened.hub.watches
    yield opened
    await opened.groups.aclose()
    assert opened.hub.watches == before


def code(ear: Ear) -> str:
    (refused,) = ear.ends
    assert refused is not None
    (error,) = refused.errors
    found: str = error["extensions"]["code"]
    return found


async def test_two_buyers_never_share_a_cart(
    floor: Floor, anybody: Asker, alice: Asker, bob: Asker, shop: Shop
) -> None:
    hers, his = await floor.join(alice, "CartChanged"), await floor.join(bob, "CartChanged")
    assert len(floor.groups) == 2
    await alice.run("AddToCart", input={"dealId": await shop.deal(), "quantity": 2})
    await until(lambda: len(hers.payloads) == 2)
    assert hers.told[1]["cartChanged"]["items"][0]["quantity"] == 2
    tab = await floor.join(alice, "CartChanged")
    assert tab.told[0]["cartChanged"] == hers.told[1]["cartChanged"]
    assert len(floor.groups) == 2
    assert len(his.payloads) == 1
    assert code(await floor.join(anybody, "CartChanged")) == "UNAUTHENTICATED"


async def test_an_order_is_told_to_its_buyer_alone_whoever_asks_alike(
    floor: Floor, anybody: Asker, alice: Asker, bob: Asker, shop: Shop
) -> None:
    order = (await place(alice, await checkout(alice, await shop.deal())))["order"]
    hers = await floor.join(alice, "OrderChanged", orderId=order["id"])
    assert hers.told[0]["orderChanged"]["id"] == order["id"]
    tab = await floor.join(alice, "OrderChanged", orderId=order["id"])
    assert tab.told[0] == hers.told[0]
    assert len(floor.groups) == 1
    his = await floor.join(bob, "OrderChanged", orderId=order["id"])
    nobodys = await floor.join(anybody, "OrderChanged", orderId=order["id"])
    assert (his.payloads, code(his)) == ([], "NOT_FOUND")
    assert (nobodys.payloads, code(nobodys)) == ([], "UNAUTHENTICATED")
    assert hers.ends == []


async def test_an_order_that_did_not_change_is_not_told_again(
    floor: Floor, alice: Asker, counter: Counter, shop: Shop
) -> None:
    order = (await place(alice, await checkout(alice, await shop.deal())))["order"]
    hers = await floor.join(alice, "OrderChanged", orderId=order["id"])
    executions = floor.executions
    counter.resources.announcer.order(alice.user_id, order["id"])
    await until(lambda: floor.executions == executions + 1)
    assert len(hers.payloads) == 1
    await alice.run("CancelOrder", orderId=order["id"])
    await until(lambda: len(hers.payloads) > 1)
    assert hers.told[1]["orderChanged"]["status"] in ("CANCELLING", "CANCELLED")


async def test_stock_is_one_group_for_buyers_and_strangers(
    floor: Floor, anybody: Asker, alice: Asker, shop: Shop
) -> None:
    deal_ids = [await shop.deal(allotment=5), await shop.deal(allotment=6)]
    first = await floor.join(anybody, "StockChanged", dealIds=deal_ids)
    await until(lambda: len(first.payloads) == 2)
    await alice.run("AddToCart", input={"dealId": deal_ids[1], "quantity": 2})
    await until(lambda: len(first.payloads) == 3)
    late = await floor.join(alice, "StockChanged", dealIds=deal_ids)
    await until(lambda: len(late.payloads) == 2)
    assert len(floor.groups) == 1
    present = {each["stockChanged"]["dealId"]: each["stockChanged"] for each in late.told}
    assert (present[deal_ids[0]]["available"], present[deal_ids[1]]["available"]) == (5, 4)
    assert {id(each.body) for each in late.payloads} <= {id(each.body) for each in first.payloads}
    await alice.run("RemoveFromCart", input={"dealId": deal_ids[1]})
    await until(lambda: len(first.payloads) == 4 and len(late.payloads) == 3)
    assert late.payloads[-1].body is first.payloads[-1].body


async def test_who_joins_a_countdown_is_told_the_time_as_it_is_then(
    floor: Floor, anybody: Asker, shop: Shop
) -> None:
    deal_id = await shop.deal(ends_in=3_600)
    first = await floor.join(anybody, "Countdown", dealId=deal_id)
    late = await floor.join(anybody, "Countdown", dealId=deal_id)
    assert late.told[0]["countdown"]["serverTime"] > first.told[0]["countdown"]["serverTime"]
    await shop.resources.dealdesk.pause(deal_id)
    await until(lambda: len(first.payloads) == len(late.payloads) == 2)
    assert late.told[1]["countdown"]["phase"] == "PAUSED"
    assert late.payloads[1].body is first.payloads[1].body


async def test_who_joins_the_changes_of_deals_hears_of_the_next(
    floor: Floor, anybody: Asker, counter: Counter, shop: Shop
) -> None:
    deal_id = await shop.deal()
    await counter.listening.has_heard_all()
    joining = [asyncio.create_task(floor.join(anybody, "DealChanged")) for _ in range(2)]
    await until(lambda: counter.listening.hub.watches > 0)
    await shop.resources.dealdesk.update(deal_id, title="Tea, by the chest")
    first, second = await asyncio.gather(*joining)
    later = asyncio.create_task(floor.join(anybody, "DealChanged"))
    await asyncio.sleep(0)
    await shop.resources.dealdesk.update(deal_id, price=Money(700, "USD"))
    late = await later
    await until(lambda: len(first.payloads) == len(second.payloads) == 2)
    assert len(floor.groups) == 1
    assert [each["dealChanged"]["price"]["amountMinor"] for each in late.told] == [700]


def test_nothing_personal_can_be_reached_from_what_is_for_everybody(counter: Counter) -> None:
    shared = shared_fields(counter.schema)
    public = {name for name, audience in shared.items() if audience == "EVERYBODY"}
    assert public == {"stockChanged", "countdown", "dealChanged"}
    assert _reachable(counter.schema, public) & PERSONAL == set()
    assert _reachable(counter.schema, {"cartChanged", "orderChanged"}) & PERSONAL != set()


def test_every_type_that_is_called_personal_is_there(counter: Counter) -> None:
    assert set(counter.schema._schema.type_map) >= PERSONAL  # noqa: SLF001 - as a walk needs it


def _reachable(schema: Schema, subscriptions: set[str]) -> set[str]:
    """The names of the types that documents with these root fields can select from."""
    root = schema._schema.subscription_type  # noqa: SLF001 - the types themselves
    assert root is not None
    waiting = [get_named_type(root.fields[name].type) for name in subscriptions]
    found: set[str] = set()
    while waiting:
        kind = waiting.pop()
        if kind.name in found:
            continue
        found.add(kind.name)
        if isinstance(kind, GraphQLObjectType):
            waiting += [get_named_type(field.type) for field in kind.fields.values()]
        elif isinstance(kind, GraphQLUnionType):
            waiting += kind.types
    return found
