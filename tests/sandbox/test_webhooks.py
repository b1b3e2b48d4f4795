"""Webhooks: signed, repeated until taken, and never about something that did not happen."""

from pathlib import Path

import pytest
import stripe

from tests.sandbox.running import (
    WEBHOOK_SECRET,
    Receiver,
    RunningSandbox,
    config_for,
    run_sandbox,
    until,
)


async def test_a_payment_is_told_with_a_signature_that_stripe_accepts(
    telling: RunningSandbox, receiver: Receiver
) -> None:
    intent = await telling.create()
    await telling.confirm(intent)
    await until(lambda: bool(receiver.bodies))
    body, signature = receiver.bodies[0], receiver.signatures[0]
    event = stripe.Webhook.construct_event(body, signature, WEBHOOK_SECRET)
    assert event.type == "payment_intent.succeeded"
    assert event.data.object["id"] == intent["id"]
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body + b" ", signature, WEBHOOK_SECRET)


async def test_only_what_the_merchant_subscribed_to_is_sent_and_everything_is_listed(
    telling: RunningSandbox, receiver: Receiver
) -> None:
    intent = await telling.create()
    await telling.confirm(intent, "pm_card_chargeDeclined")
    await telling.confirm(intent)
    await telling.merchant.post("/v1/refunds", data={"payment_intent": intent["id"]})
    await telling.cancel(await telling.create())
    await until(lambda: len(receiver.bodies) == 4)
    assert sorted(receiver.types()) == [
        "charge.refunded",
        "payment_intent.canceled",
        "payment_intent.payment_failed",
        "payment_intent.succeeded",
    ]
    listed = (await telling.merchant.get("/v1/events", params={"limit": "100"})).json()["data"]
    assert [event["type"] for event in listed][::-1] == [
        "payment_intent.created",
        "charge.failed",
        "payment_intent.payment_failed",
        "charge.succeeded",
        "payment_intent.succeeded",
        "refund.created",
        "charge.refunded",
        "payment_intent.created",
        "payment_intent.canceled",
    ]
    sent = receiver.events()[0]
    assert (await telling.merchant.get(f"/v1/events/{sent['id']}")).json() == sent


async def test_a_refused_delivery_is_repeated_until_it_is_taken(
    telling: RunningSandbox, receiver: Receiver
) -> None:
    receiver.answers = [500, 302, 404, 200]
    await telling.confirm(await telling.create())
    await until(lambda: len(receiver.bodies) == 4)
    assert len(set(receiver.bodies)) == 1
    await telling.confirm(await telling.create())
    await until(lambda: len(receiver.bodies) == 5)
    states = [
        (delivery["attempts"], delivery["state"])
        for delivery in (await telling.ledger())["deliveries"]
    ]
    assert states[0] == (4, "delivered")


async def test_an_endpoint_that_is_down_is_tried_until_the_attempts_are_used_up(
    tmp_path: Path,
) -> None:
    config = config_for(tmp_path, webhook_url="http://127.0.0.1:9/")
    async with run_sandbox(config) as sandbox:
        await sandbox.confirm(await sandbox.create())
        found: dict[str, object] = {}
        while found.get("state") != "given_up":
            (found,) = (await sandbox.ledger())["deliveries"]
    assert found["attempts"] == config.webhook_attempts


async def test_a_restarted_sandbox_delivers_what_was_left(
    tmp_path: Path, receiver: Receiver
) -> None:
    config = config_for(tmp_path, webhook_url=receiver.url)
    async with run_sandbox(config) as sandbox:
        await sandbox.faults(delay_events_ms=1_000)
        intent = await sandbox.create()
        await sandbox.confirm(intent)
        assert receiver.bodies == []
    async with run_sandbox(config) as sandbox:
        await until(lambda: bool(receiver.bodies))
        assert receiver.events()[0]["data"]["object"]["id"] == intent["id"]


async def test_a_refused_request_tells_nobody(telling: RunningSandbox, receiver: Receiver) -> None:
    intent = await telling.create()
    await telling.cancel(intent)
    await until(lambda: bool(receiver.bodies))
    before = await telling.ledger()
    await telling.confirm(intent)
    await telling.cancel(intent)
    assert await telling.ledger() == before
