"""The whole journey of a buyer and of an operator, from outside, on a sale that `up` started."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.journey.client import Api
from tests.journey.conftest import Sale

OPERATOR = {"email": "operator@demo.example", "password": "demo-operator-1"}
DEMO_BUYER = {"email": "buyer@demo.example", "password": "demo-buyer-1"}


def in_(**duration: float) -> str:
    return (datetime.now(UTC) + timedelta(**duration)).isoformat()


async def signed_in(api: Api, who: dict[str, str]) -> Api:
    session = await api.run("Login", input=who)
    assert session["token"].startswith("fss_")
    return api.as_(session["token"])


async def new_buyer(api: Api) -> Api:
    name = secrets.token_hex(6)
    session = await api.run(
        "Register",
        input={"email": f"{name}@example.com", "password": "a long password", "name": name},
    )
    assert session["user"]["name"] == name
    return api.as_(session["token"])


async def new_deal(api: Api, **terms: Any) -> dict[str, Any]:
    """A deal of an operator's, live at once unless told otherwise."""
    operator = await signed_in(api, OPERATOR)
    saved = await operator.run(
        "CreateProduct",
        input={
            "sku": secrets.token_hex(8),
            "name": "Copper kettle",
            "description": "Sings when it is ready.",
            "category": "Kitchen",
            "attributes": [{"name": "Volume", "value": "1.5 l"}],
        },
    )
    deal = {
        "productId": saved["product"]["id"],
        "title": "Copper kettle, today only",
        "price": {"amountMinor": 4_990, "currency": "USD"},
        "listPrice": {"amountMinor": 9_900, "currency": "USD"},
        "startsAt": in_(minutes=-1),
        "endsAt": in_(hours=1),
        "allotment": 5,
        "purchaseLimit": 2,
    } | terms
    created = await operator.run("CreateDeal", input=deal)
    assert created["__typename"] == "DealSaved", created
    found: dict[str, Any] = created["deal"]
    return found


async def pay(sale: Sale, payment: dict[str, Any], card: str = "pm_card_visa") -> str:
    """What a storefront's page does with the client secret; the status of the intent after it."""
    async with httpx.AsyncClient(base_url=sale.sandbox) as provider:
        answer = await provider.post(
            f"/v1/payment_intents/{payment['intentId']}/confirm",
            data={"client_secret": payment["clientSecret"], "payment_method": card},
        )
    return str(answer.json().get("status", "refused"))


async def authenticate(sale: Sale, payment: dict[str, Any]) -> None:
    """Go to the bank's page and come back: 3-D Secure."""
    async with httpx.AsyncClient(base_url=sale.sandbox) as provider:
        intent = await provider.get(
            f"/v1/payment_intents/{payment['intentId']}",
            params={"client_secret": payment["clientSecret"]},
        )
        page = intent.json()["next_action"]["redirect_to_url"]["url"]
        done = await provider.post(page, data={"outcome": "complete"})
        assert done.status_code == httpx.codes.OK


async def shown_stock(api: Api, deal_id: str, **counters: int) -> dict[str, Any]:
    """The stock as a page shows it: what is in memory may be a moment old."""
    async with asyncio.timeout(10):
        while True:
            stock: dict[str, Any] = (await api.run("Deal", id=deal_id))["stock"]
            if all(stock[name] == value for name, value in counters.items()):
                return stock
            await asyncio.sleep(0.02)


async def place(buyer: Api, checkout: dict[str, Any], key: str) -> dict[str, Any]:
    placed: dict[str, Any] = await buyer.run(
        "PlaceOrder",
        input={
            "checkoutId": checkout["id"],
            "idempotencyKey": key,
            "expectedTotal": checkout["total"],
        },
    )
    return placed


async def test_a_buyer_goes_from_the_shelf_to_a_paid_order(sale: Sale, api: Api) -> None:
    deal = await new_deal(api)
    shelf = await api.run("Deals", sort="NEWEST", first=3)
    assert shelf["nodes"][0]["id"] == deal["id"]
    found = await api.run("Deal", id=deal["id"])
    assert found["product"]["attributes"] == [{"name": "Volume", "value": "1.5 l"}]
    assert (found["phase"], found["discountPercent"]) == ("LIVE", 49)

    buyer = await new_buyer(api)
    added = await buyer.run(
        "AddToCart", input={"dealId": deal["id"], "quantity": 1, "idempotencyKey": "tap"}
    )
    assert added["cart"]["items"][0]["hold"]["state"] == "HELD"
    updated = await buyer.run("UpdateCartItem", input={"dealId": deal["id"], "quantity": 2})
    assert updated["cart"]["total"] == {"amountMinor": 9_980, "currency": "USD"}
    checkout = await buyer.run("Checkout")
    assert checkout["items"][0]["hold"]["state"] == "FROZEN"
    assert (await buyer.run("Checkout"))["id"] == checkout["id"]

    placed = await place(buyer, checkout, "once")
    order = placed["order"]
    assert (order["status"], order["payment"]["status"]) == ("PENDING_PAYMENT", "REQUIRES_PAYMENT")
    assert (await place(buyer, checkout, "once"))["order"]["id"] == order["id"]
    assert (await buyer.run("Cart"))["items"] == []
    before = await shown_stock(api, deal["id"], available=3, held=2, sold=0)

    async with (
        buyer.subscribe("OrderChanged", orderId=order["id"]) as orders,
        api.subscribe("StockChanged", dealIds=[deal["id"]]) as stock,
    ):
        assert (await orders.next())["status"] == "PENDING_PAYMENT"
        assert (await stock.next())["held"] == 2
        assert await pay(sale, order["payment"]) == "succeeded"
        paid = await orders.until(status="PAID")
        assert paid["payment"]["status"] == "SUCCEEDED"
        sold = await stock.until(sold=2)
        assert (sold["available"], sold["held"]) == (3, 0)
        assert (sold["epoch"], sold["version"]) > (before["epoch"], before["version"])

    page = await buyer.run("Orders")
    assert [(node["id"], node["status"]) for node in page["nodes"]] == [(order["id"], "PAID")]
    refused = await buyer.run("CancelOrder", orderId=order["id"])
    assert (refused["__typename"], refused["status"]) == ("OrderNotCancellable", "PAID")
    stranger = await new_buyer(api)
    assert await stranger.run("Order", id=order["id"]) is None
    verified = sale.command("verify", "--deal", deal["id"])
    assert verified.returncode == 0, verified.stderr


async def test_the_worker_releases_what_a_sold_out_deal_withholds(sale: Sale, api: Api) -> None:
    rule = {"whenSoldOut": True}
    deal = await new_deal(api, allotment=1, safetyStock=3, safetyStockRelease=rule)
    buyer = await new_buyer(api)
    async with api.subscribe("StockChanged", dealIds=[deal["id"]]) as stock:
        assert (await stock.next())["available"] == 1
        await buyer.run("AddToCart", input={"dealId": deal["id"], "quantity": 1})
        released = await stock.until(available=3)
        assert (released["allotment"], released["held"], released["sold"]) == (4, 1, 0)
    assert sale.command("verify", "--deal", deal["id"]).returncode == 0


async def test_a_declined_card_and_3d_secure_end_well(sale: Sale, api: Api) -> None:
    deal = await new_deal(api)
    buyer = await new_buyer(api)
    await buyer.run("AddToCart", input={"dealId": deal["id"]})
    order = (await place(buyer, await buyer.run("Checkout"), "k"))["order"]
    async with buyer.subscribe("OrderChanged", orderId=order["id"]) as orders:
        await pay(sale, order["payment"], "pm_card_chargeDeclined")
        declined = await orders.next()
        while declined["payment"]["status"] != "FAILED":
            declined = await orders.next()
        assert declined["status"] == "PENDING_PAYMENT"
        assert declined["payment"]["failureMessage"]
        assert await pay(sale, order["payment"], "pm_card_authenticationRequired") == (
            "requires_action"
        )
        await shown_stock(api, deal["id"], available=4, held=1)
        await authenticate(sale, order["payment"])
        assert (await orders.until(status="PAID"))["payment"]["status"] == "SUCCEEDED"


async def test_a_cancelled_order_gives_its_units_back(api: Api) -> None:
    deal = await new_deal(api)
    buyer = await new_buyer(api)
    await buyer.run("AddToCart", input={"dealId": deal["id"], "quantity": 2})
    order = (await place(buyer, await buyer.run("Checkout"), "k"))["order"]
    async with api.subscribe("StockChanged", dealIds=[deal["id"]]) as stock:
        assert (await stock.next())["held"] == 2
        cancelled = await buyer.run("CancelOrder", orderId=order["id"])
        assert cancelled["status"] in ("CANCELLING", "CANCELLED")
        await stock.until(available=5, held=0, sold=0)
    assert (await buyer.run("Order", id=order["id"]))["status"] == "CANCELLED"


async def test_a_cart_is_told_of_every_change(api: Api) -> None:
    deal = await new_deal(api)
    buyer = await new_buyer(api)
    async with buyer.subscribe("CartChanged") as cart:
        assert (await cart.next())["items"] == []
        await buyer.run("AddToCart", input={"dealId": deal["id"]})
        changed = await cart.next()
        while not changed["items"]:
            changed = await cart.next()
        await buyer.run("RemoveFromCart", input={"dealId": deal["id"]})
        while changed["items"]:
            changed = await cart.next()


async def test_an_operator_runs_a_deal(api: Api) -> None:
    deal = await new_deal(api, startsAt=in_(seconds=3), endsAt=in_(hours=1))
    operator = await signed_in(api, OPERATOR)
    deal_id = deal["id"]
    async with api.subscribe("Countdown", dealId=deal_id) as countdown:
        assert (await countdown.next())["phase"] == "SCHEDULED"
        assert (await countdown.until(phase="LIVE"))["secondsRemaining"] > 3_000
        assert (await operator.run("PauseDeal", dealId=deal_id))["deal"]["phase"] == "PAUSED"
        assert (await countdown.until(phase="PAUSED"))["secondsRemaining"] == 0
    buyer = await new_buyer(api)
    refused = await buyer.run("AddToCart", input={"dealId": deal_id})
    assert (refused["__typename"], refused["phase"]) == ("DealNotLive", "PAUSED")
    assert (await operator.run("ResumeDeal", dealId=deal_id))["deal"]["phase"] == "LIVE"
    edited = await operator.run(
        "UpdateDeal",
        input={"dealId": deal_id, "price": {"amountMinor": 990, "currency": "USD"}},
    )
    assert edited["deal"]["discountPercent"] == 90
    more = await operator.run(
        "AdjustStock", input={"dealId": deal_id, "delta": 3, "reason": "a box turned up"}
    )
    assert more["deal"]["stock"]["allotment"] == 8
    less = await operator.run(
        "AdjustStock", input={"dealId": deal_id, "delta": -9, "reason": "too many"}
    )
    assert (less["__typename"], less["code"]) == ("InvalidInput", "INVALID_INPUT")
    assert (await operator.run("EndDeal", dealId=deal_id))["deal"]["phase"] == "ENDED"
    assert (await operator.run("DeleteDeal", dealId=deal_id))["id"] == deal_id
    assert await api.run("Deal", id=deal_id) is None


async def test_only_operators_run_deals(api: Api) -> None:
    buyer = await signed_in(api, DEMO_BUYER)
    deal = (await api.run("Deals", first=1))["nodes"][0]
    for who, code in ((buyer, "FORBIDDEN"), (api, "UNAUTHENTICATED")):
        answer = await who.send("PauseDeal", dealId=deal["id"])
        assert answer["errors"][0]["extensions"]["code"] == code
    assert (await api.run("Deal", id=deal["id"]))["phase"] == "LIVE"


async def test_after_logout_the_token_is_worth_nothing(api: Api) -> None:
    buyer = await new_buyer(api)
    assert await buyer.run("Logout") is True
    for _ in range(4):  # also in the other API process, once the event has reached it
        await asyncio.sleep(0)
        answer = await buyer.send("Cart")
    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_the_demo_sale_is_as_promised(api: Api) -> None:
    live = await api.run("Deals", phase="LIVE", first=100)
    scheduled = await api.run("Deals", phase="SCHEDULED", first=100)
    ended = await api.run("Deals", phase="ENDED", first=100)
    sold_out = [node for node in live["nodes"] if node["stock"]["level"] == "SOLD_OUT"]
    low = [node for node in live["nodes"] if node["stock"]["level"] == "LOW"]
    assert len(live["nodes"]) + len(scheduled["nodes"]) + len(ended["nodes"]) >= 40
    assert len(sold_out) >= 4
    assert len(low) >= 3
    assert len(scheduled["nodes"]) >= 1
    for node in (*live["nodes"], *scheduled["nodes"], *ended["nodes"]):
        stock = node["stock"]
        assert stock["allotment"] == stock["available"] + stock["held"] + stock["sold"]
