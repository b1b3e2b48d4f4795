"""Faults: each does exactly the harm that it is named for."""

import httpx
import pytest

from tests.sandbox.running import Receiver, RunningSandbox, until

AMOUNT = {"amount": "700", "currency": "usd"}


@pytest.mark.parametrize(("fault", "made"), [("fail_before_commit", 0), ("fail_after_commit", 1)])
async def test_a_500_before_the_commit_does_nothing_and_one_after_it_does_all(
    sandbox: RunningSandbox, fault: str, made: int
) -> None:
    await sandbox.faults(**{fault: 1.0, "strikes": 1})
    key = {"Idempotency-Key": "harmed"}
    failed = await sandbox.merchant.post("/v1/payment_intents", data=AMOUNT, headers=key)
    assert (failed.status_code, failed.json()["error"]["type"]) == (500, "api_error")
    ledger = await sandbox.ledger()
    assert len(ledger["intents"]) == made
    again = await sandbox.merchant.post("/v1/payment_intents", data=AMOUNT, headers=key)
    assert again.status_code == 200
    assert ("idempotent-replayed" in again.headers) == bool(made)
    ledger = await sandbox.ledger()
    assert [intent["id"] for intent in ledger["intents"]] == [again.json()["id"]]


async def test_silence_after_the_commit_leaves_the_effect(sandbox: RunningSandbox) -> None:
    intent = await sandbox.create()
    await sandbox.faults(silent_after_commit=1.0, operations=["confirm"], strikes=1)
    with pytest.raises(httpx.ReadTimeout):
        await sandbox.merchant.post(
            f"/v1/payment_intents/{intent['id']}/confirm",
            data={"payment_method": "pm_card_visa"},
            timeout=0.2,
        )
    assert (await sandbox.state(intent))["status"] == "succeeded"


async def test_faults_harm_the_named_operations_alone(sandbox: RunningSandbox) -> None:
    await sandbox.faults(fail_before_commit=1.0, operations=["cancel"])
    intent = await sandbox.create()
    assert (await sandbox.cancel(intent)).status_code == 500
    assert (await sandbox.state(intent))["status"] == "requires_payment_method"
    cleared = await sandbox.merchant.delete("/sandbox/faults")
    assert cleared.json()["fail_before_commit"] == 0
    assert (await sandbox.cancel(intent)).json()["status"] == "canceled"


async def test_a_fraction_with_a_seed_does_the_same_harm_each_time(
    sandbox: RunningSandbox,
) -> None:
    runs = []
    for _ in range(2):
        await sandbox.faults(fail_before_commit=0.5, operations=["create"], seed=41)
        runs.append(
            [
                (await sandbox.merchant.post("/v1/payment_intents", data=AMOUNT)).status_code
                for _ in range(20)
            ]
        )
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 500}


async def test_every_event_comes_as_often_as_it_is_duplicated(
    telling: RunningSandbox, receiver: Receiver
) -> None:
    await telling.faults(duplicate_events=4, shuffle_events_ms=50)
    for _ in range(3):
        await telling.confirm(await telling.create())
    await until(lambda: len(receiver.bodies) == 15)
    assert len(set(receiver.bodies)) == 3
    assert all(receiver.bodies.count(body) == 5 for body in receiver.bodies)


async def test_shuffled_events_come_in_another_order(
    telling: RunningSandbox, receiver: Receiver
) -> None:
    await telling.faults(shuffle_events_ms=400, seed=7)
    order = []
    for _ in range(8):
        intent = await telling.create()
        await telling.confirm(intent)
        order.append(intent["id"])
    await until(lambda: len(receiver.bodies) == 8)
    came = [event["data"]["object"]["id"] for event in receiver.events()]
    assert sorted(came) == sorted(order)
    assert came != order


async def test_a_dropped_event_is_listed_and_never_sent(
    telling: RunningSandbox, receiver: Receiver
) -> None:
    await telling.faults(drop_events=1.0)
    dropped = await telling.create()
    await telling.confirm(dropped)
    await telling.faults(drop_events=0.0)
    sent = await telling.create()
    await telling.confirm(sent)
    await until(lambda: bool(receiver.bodies))
    assert [event["data"]["object"]["id"] for event in receiver.events()] == [sent["id"]]
    ledger = await telling.ledger()
    assert len(ledger["deliveries"]) == 1
    told = [e["intent_id"] for e in ledger["events"] if e["type"] == "payment_intent.succeeded"]
    assert told == [dropped["id"], sent["id"]]


@pytest.mark.parametrize(
    "wrong", [{"fail_after_commit": 1.1}, {"delay_ms": "long"}, {"explode": True}, [1]]
)
async def test_a_fault_that_does_not_exist_is_refused(
    sandbox: RunningSandbox, wrong: object
) -> None:
    refused = await sandbox.merchant.post("/sandbox/faults", json=wrong)
    assert refused.status_code == 400
    faults = (await sandbox.merchant.get("/sandbox/faults")).json()
    assert faults["fail_after_commit"] == faults["delay_ms"] == 0


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/sandbox/faults"),
        ("POST", "/sandbox/faults"),
        ("DELETE", "/sandbox/faults"),
        ("GET", "/sandbox/ledger"),
        ("POST", "/sandbox/forget_keys"),
        ("POST", "/sandbox/intents/pi_1/settle"),
    ],
)
async def test_the_controls_need_the_secret_key(
    sandbox: RunningSandbox, method: str, path: str
) -> None:
    assert (await sandbox.buyer.request(method, path)).status_code == 401
