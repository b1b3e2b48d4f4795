"""Refunds: never more than was captured, whoever asks how often."""

import asyncio
from collections import Counter

import pytest

from tests.sandbox.running import RunningSandbox


async def test_a_refund_without_an_amount_sends_back_what_is_left(
    sandbox: RunningSandbox,
) -> None:
    intent = await sandbox.create(1_000)
    await sandbox.confirm(intent)
    part = await sandbox.merchant.post(
        "/v1/refunds", data={"payment_intent": intent["id"], "amount": 300}
    )
    assert (part.status_code, part.json()["amount"], part.json()["status"]) == (
        200,
        300,
        "succeeded",
    )
    rest = await sandbox.merchant.post("/v1/refunds", data={"payment_intent": intent["id"]})
    assert rest.json()["amount"] == 700
    none = await sandbox.merchant.post("/v1/refunds", data={"payment_intent": intent["id"]})
    assert (none.status_code, none.json()["error"]["code"]) == (400, "charge_already_refunded")
    (row,) = (await sandbox.ledger())["intents"]
    assert (row["amount_received"], row["amount_refunded"]) == (1_000, 1_000)


async def test_refunds_at_once_never_exceed_the_capture(sandbox: RunningSandbox) -> None:
    intent = await sandbox.create(1_000)
    await sandbox.confirm(intent)
    answers = await asyncio.gather(
        *(
            sandbox.merchant.post(
                "/v1/refunds", data={"payment_intent": intent["id"], "amount": 300}
            )
            for _ in range(10)
        )
    )
    assert Counter(answer.status_code for answer in answers) == {200: 3, 400: 7}
    ledger = await sandbox.ledger()
    assert sum(refund["amount"] for refund in ledger["refunds"]) == 900
    assert ledger["intents"][0]["amount_refunded"] == 900


@pytest.mark.parametrize("state", ["unpaid", "cancelled", "declined", "unknown"])
async def test_what_was_not_captured_is_not_refunded(sandbox: RunningSandbox, state: str) -> None:
    intent = await sandbox.create()
    if state == "cancelled":
        await sandbox.cancel(intent)
    if state == "declined":
        await sandbox.confirm(intent, "pm_card_chargeDeclined")
    wanted = "pi_unknown" if state == "unknown" else intent["id"]
    refused = await sandbox.merchant.post("/v1/refunds", data={"payment_intent": wanted})
    assert refused.status_code == (404 if state == "unknown" else 400)
    assert (await sandbox.ledger())["refunds"] == []


async def test_a_refund_is_found_by_its_id_and_by_its_intent(sandbox: RunningSandbox) -> None:
    intent, other = await sandbox.create(), await sandbox.create()
    for each in (intent, other):
        await sandbox.confirm(each)
    made = (
        await sandbox.merchant.post(
            "/v1/refunds",
            data={"payment_intent": intent["id"], "metadata[order_id]": "ord_1"},
        )
    ).json()
    await sandbox.merchant.post("/v1/refunds", data={"payment_intent": other["id"]})
    assert (await sandbox.merchant.get(f"/v1/refunds/{made['id']}")).json() == made
    listed = await sandbox.merchant.get("/v1/refunds", params={"payment_intent": intent["id"]})
    assert listed.json()["data"] == [made]
    assert made["metadata"] == {"order_id": "ord_1"}
