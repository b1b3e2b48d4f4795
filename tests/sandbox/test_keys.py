"""Idempotency keys: same key, same answer, one effect."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

from kit.clock import Clock
from tests.sandbox.running import RunningSandbox, config_for, run_sandbox

AMOUNT = {"amount": "700", "currency": "usd"}


class LateClock(Clock):
    late = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.late


async def test_fifty_requests_at_once_with_one_key_make_one_intent(
    sandbox: RunningSandbox,
) -> None:
    answers = await asyncio.gather(
        *(
            sandbox.merchant.post(
                "/v1/payment_intents", data=AMOUNT, headers={"Idempotency-Key": "one"}
            )
            for _ in range(50)
        )
    )
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert len((await sandbox.ledger())["intents"]) == 1


async def test_requests_at_once_with_different_keys_make_an_intent_each(
    sandbox: RunningSandbox,
) -> None:
    keys = [f"key-{number % 10}" for number in range(60)]
    answers = await asyncio.gather(
        *(
            sandbox.merchant.post(
                "/v1/payment_intents", data=AMOUNT, headers={"Idempotency-Key": key}
            )
            for key in keys
        )
    )
    ids: dict[str, set[str]] = {}
    for key, answer in zip(keys, answers, strict=True):
        ids.setdefault(key, set()).add(answer.json()["id"])
    assert all(len(made) == 1 for made in ids.values())
    assert len({next(iter(made)) for made in ids.values()}) == 10
    assert len((await sandbox.ledger())["intents"]) == 10


async def test_a_replay_repeats_the_first_answer_word_for_word(sandbox: RunningSandbox) -> None:
    key = {"Idempotency-Key": "first"}
    first = await sandbox.merchant.post("/v1/payment_intents", data=AMOUNT, headers=key)
    await sandbox.confirm(first.json())
    again = await sandbox.merchant.post("/v1/payment_intents", data=AMOUNT, headers=key)
    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["original-request"] == first.headers["request-id"]


async def test_a_key_with_another_request_is_refused(sandbox: RunningSandbox) -> None:
    key = {"Idempotency-Key": "taken"}
    intent = (await sandbox.merchant.post("/v1/payment_intents", data=AMOUNT, headers=key)).json()
    other = await sandbox.merchant.post(
        "/v1/payment_intents", data=AMOUNT | {"amount": "701"}, headers=key
    )
    elsewhere = await sandbox.merchant.post(
        f"/v1/payment_intents/{intent['id']}/cancel", headers=key
    )
    for refused in (other, elsewhere):
        assert refused.status_code == 400
        assert refused.json()["error"]["type"] == "idempotency_error"
    ledger = await sandbox.ledger()
    assert [(each["id"], each["status"]) for each in ledger["intents"]] == [
        (intent["id"], "requires_payment_method")
    ]


async def test_a_declined_charge_is_replayed_and_not_repeated(sandbox: RunningSandbox) -> None:
    intent = await sandbox.create()
    answers = [
        await sandbox.merchant.post(
            f"/v1/payment_intents/{intent['id']}/confirm",
            data={"payment_method": "pm_card_chargeDeclined"},
            headers={"Idempotency-Key": "try"},
        )
        for _ in range(3)
    ]
    assert [answer.status_code for answer in answers] == [402, 402, 402]
    assert len({answer.content for answer in answers}) == 1
    assert len((await sandbox.ledger())["charges"]) == 1


async def test_a_request_that_made_no_sense_leaves_its_key_free(sandbox: RunningSandbox) -> None:
    key = {"Idempotency-Key": "free"}
    wrong = await sandbox.merchant.post(
        "/v1/payment_intents", data=AMOUNT | {"amount": "-1"}, headers=key
    )
    assert wrong.status_code == 400
    right = await sandbox.merchant.post("/v1/payment_intents", data=AMOUNT, headers=key)
    assert right.status_code == 200


async def test_keys_are_forgotten_after_a_day_and_on_demand(tmp_path: Path) -> None:
    clock = LateClock()
    async with run_sandbox(config_for(tmp_path), clock=clock) as sandbox:
        key = {"Idempotency-Key": "old"}

        async def create() -> str:
            answer = await sandbox.merchant.post("/v1/payment_intents", data=AMOUNT, headers=key)
            return str(answer.json()["id"])

        first = await create()
        clock.late = timedelta(hours=23, minutes=59)
        assert await create() == first
        clock.late = timedelta(hours=24, seconds=1)
        second = await create()
        assert second != first
        forgotten = await sandbox.merchant.post("/sandbox/forget_keys")
        assert forgotten.json() == {"forgotten": 1}
        assert await create() not in (first, second)
        assert len((await sandbox.ledger())["intents"]) == 3


async def test_a_storefront_cannot_replay_the_merchants_answers(sandbox: RunningSandbox) -> None:
    intent = await sandbox.create()
    path = f"/v1/payment_intents/{intent['id']}/confirm"
    form = {"client_secret": intent["client_secret"], "payment_method": "pm_card_visa"}
    key = {"Idempotency-Key": "shared"}
    whole = await sandbox.merchant.post(path, data=form, headers=key)
    assert "metadata" in whole.json()
    part = await sandbox.buyer.post(path, data=form, headers=key)
    assert part.status_code == 400
    assert "metadata" not in part.json()["error"]["payment_intent"]
