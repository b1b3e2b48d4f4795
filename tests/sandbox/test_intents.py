"""Payment intents: what may become of them, and what never can."""

import asyncio
from collections import Counter

import pytest

from tests.sandbox.running import PUBLISHABLE_KEY, RunningSandbox


async def test_a_paid_intent_holds_its_whole_amount(sandbox: RunningSandbox) -> None:
    intent = await sandbox.create(2_500)
    assert (intent["status"], intent["amount_received"]) == ("requires_payment_method", 0)
    paid = (await sandbox.confirm(intent)).json()
    assert paid["status"] == "succeeded"
    state = await sandbox.state(intent)
    assert (state["status"], state["amount_received"]) == ("succeeded", 2_500)
    ledger = await sandbox.ledger()
    assert [(c["intent_id"], c["status"], c["amount"]) for c in ledger["charges"]] == [
        (intent["id"], "succeeded", 2_500)
    ]


async def test_a_paid_intent_cannot_be_cancelled(sandbox: RunningSandbox) -> None:
    intent = await sandbox.create()
    await sandbox.confirm(intent)
    refused = await sandbox.cancel(intent)
    assert refused.status_code == 400
    error = refused.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert error["code"] == "payment_intent_unexpected_state"
    assert error["payment_intent"]["status"] == "succeeded"
    assert (await sandbox.state(intent))["status"] == "succeeded"


@pytest.mark.parametrize(
    "card",
    ["pm_card_visa", "pm_card_chargeDeclined", "pm_card_authenticationRequired"],
)
async def test_a_cancelled_intent_cannot_be_confirmed(sandbox: RunningSandbox, card: str) -> None:
    intent = await sandbox.create()
    ended = (await sandbox.cancel(intent)).json()
    assert (ended["status"], ended["canceled_at"] is None) == ("canceled", False)
    refused = await sandbox.confirm(intent, card)
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "payment_intent_unexpected_state"
    assert (await sandbox.state(intent))["status"] == "canceled"
    assert (await sandbox.ledger())["charges"] == []


async def test_a_paid_intent_is_not_paid_again(sandbox: RunningSandbox) -> None:
    intent = await sandbox.create()
    answers = await asyncio.gather(*(sandbox.confirm(intent) for _ in range(20)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 400: 19}
    assert len((await sandbox.ledger())["charges"]) == 1


async def test_paying_and_cancelling_at_once_leave_one_end(sandbox: RunningSandbox) -> None:
    intents = [await sandbox.create() for _ in range(20)]
    await asyncio.gather(
        *(act(intent) for intent in intents for act in (sandbox.confirm, sandbox.cancel))
    )
    ledger = await sandbox.ledger()
    charged = {charge["intent_id"] for charge in ledger["charges"]}
    for intent in ledger["intents"]:
        assert intent["status"] in ("succeeded", "canceled")
        assert (intent["id"] in charged) == (intent["status"] == "succeeded")


@pytest.mark.parametrize(
    ("given", "decline_code"),
    [
        ({"payment_method": "pm_card_chargeDeclined"}, "generic_decline"),
        (
            {"payment_method": "pm_card_chargeDeclinedInsufficientFunds"},
            "insufficient_funds",
        ),
        (
            {
                "payment_method_data[type]": "card",
                "payment_method_data[card][number]": "4000 0000 0000 0002",
                "payment_method_data[card][exp_month]": "12",
                "payment_method_data[card][exp_year]": "2034",
                "payment_method_data[card][cvc]": "314",
            },
            "generic_decline",
        ),
    ],
)
async def test_a_declined_card_takes_nothing_and_another_may_follow(
    sandbox: RunningSandbox, given: dict[str, str], decline_code: str
) -> None:
    intent = await sandbox.create()
    declined = await sandbox.buyer.post(
        f"/v1/payment_intents/{intent['id']}/confirm",
        data={"client_secret": intent["client_secret"], **given},
    )
    assert declined.status_code == 402
    error = declined.json()["error"]
    assert (error["type"], error["code"]) == ("card_error", "card_declined")
    assert error["decline_code"] == decline_code
    state = await sandbox.state(intent)
    assert (state["status"], state["amount_received"]) == ("requires_payment_method", 0)
    assert state["last_payment_error"]["code"] == "card_declined"
    paid = await sandbox.buyer.post(
        f"/v1/payment_intents/{intent['id']}/confirm",
        data={
            "client_secret": intent["client_secret"],
            "payment_method_data[type]": "card",
            "payment_method_data[card][number]": "4242424242424242",
        },
    )
    assert paid.json()["status"] == "succeeded"
    assert (await sandbox.state(intent))["last_payment_error"] is None


async def test_a_storefront_needs_the_client_secret(sandbox: RunningSandbox) -> None:
    intent, other = await sandbox.create(), await sandbox.create()
    path = f"/v1/payment_intents/{intent['id']}/confirm"
    card = {"payment_method": "pm_card_visa"}
    wrong = await sandbox.buyer.post(path, data=card | {"client_secret": other["client_secret"]})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (404, "resource_missing")
    none = await sandbox.buyer.post(path, data=card | {"key": PUBLISHABLE_KEY})
    assert (none.status_code, none.json()["error"]["param"]) == (400, "client_secret")
    assert (await sandbox.state(intent))["status"] == "requires_payment_method"
    right = await sandbox.buyer.post(
        path, data=card | {"key": PUBLISHABLE_KEY, "client_secret": intent["client_secret"]}
    )
    assert right.json()["status"] == "succeeded"


async def test_a_storefront_sees_no_metadata(sandbox: RunningSandbox) -> None:
    intent = await sandbox.create()
    path = f"/v1/payment_intents/{intent['id']}"
    await sandbox.merchant.post(path, data={"metadata[order_id]": "ord_1"})
    assert (await sandbox.state(intent))["metadata"] == {"order_id": "ord_1"}
    seen = await sandbox.buyer.get(path, params={"client_secret": intent["client_secret"]})
    assert seen.status_code == 200
    assert "metadata" not in seen.json()
    declined = await sandbox.confirm(intent, "pm_card_chargeDeclined")
    assert "metadata" not in declined.json()["error"]["payment_intent"]


@pytest.mark.parametrize("action", ["cancel", "", "refund", "list", "create", "events"])
async def test_a_storefront_may_only_look_and_pay(sandbox: RunningSandbox, action: str) -> None:
    intent = await sandbox.create()
    secret = {"client_secret": intent["client_secret"]}
    one = f"/v1/payment_intents/{intent['id']}"
    match action:
        case "cancel":
            refused = await sandbox.buyer.post(f"{one}/cancel", data=secret)
        case "":
            refused = await sandbox.buyer.post(one, data=secret | {"metadata[a]": "b"})
        case "refund":
            refused = await sandbox.buyer.post("/v1/refunds", data=secret)
        case "create":
            refused = await sandbox.buyer.post("/v1/payment_intents", data=secret)
        case "list":
            refused = await sandbox.buyer.get("/v1/payment_intents", params=secret)
        case _:
            refused = await sandbox.buyer.get("/v1/events", params={"key": PUBLISHABLE_KEY})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "secret_key_required")
    assert (await sandbox.state(intent))["status"] == "requires_payment_method"


async def test_metadata_is_merged_and_empty_values_remove(sandbox: RunningSandbox) -> None:
    intent = await sandbox.create()
    path = f"/v1/payment_intents/{intent['id']}"
    await sandbox.merchant.post(path, data={"metadata[a]": "1", "metadata[b]": "2"})
    changed = await sandbox.merchant.post(path, data={"metadata[a]": "", "metadata[c]": "3"})
    assert changed.json()["metadata"] == {"b": "2", "c": "3"}


async def test_the_list_is_newest_first_and_pages_through_all(sandbox: RunningSandbox) -> None:
    made = [(await sandbox.create())["id"] for _ in range(7)]
    seen: list[str] = []
    params: dict[str, str] = {"limit": "3", "created[gte]": "0"}
    more = True
    while more:
        page = (await sandbox.merchant.get("/v1/payment_intents", params=params)).json()
        seen += [intent["id"] for intent in page["data"]]
        more = page["has_more"]
        params["starting_after"] = seen[-1]
    assert seen == made[::-1]
    later = {"created[gt]": "99999999999"}
    assert (await sandbox.merchant.get("/v1/payment_intents", params=later)).json()["data"] == []


async def test_an_intent_that_is_processing_ends_only_when_its_bank_says_so(
    sandbox: RunningSandbox,
) -> None:
    intent = await sandbox.create()
    moving = await sandbox.confirm(intent, "pm_usBankAccount_processing")
    assert moving.json()["status"] == "processing"
    assert (await sandbox.cancel(intent)).status_code == 400
    assert (await sandbox.confirm(intent)).status_code == 400
    settle = f"/sandbox/intents/{intent['id']}/settle"
    settled = await sandbox.merchant.post(settle, json={"outcome": "succeed"})
    assert settled.json()["status"] == "succeeded"
    again = await sandbox.merchant.post(settle, json={"outcome": "fail"})
    assert again.status_code == 409
    assert (await sandbox.state(intent))["status"] == "succeeded"
