"""3-D Secure: the question is answered once, and only while it is open."""

import asyncio
import re
from typing import Any

import httpx
import pytest

from tests.sandbox.running import RunningSandbox

ASKS = "pm_card_authenticationRequired"


async def asked(sandbox: RunningSandbox, **more: str) -> tuple[dict[str, Any], str]:
    intent = await sandbox.create()
    answer = (await sandbox.confirm(intent, ASKS, **more)).json()
    assert answer["status"] == "requires_action"
    assert answer["next_action"]["type"] == "redirect_to_url"
    return intent, answer["next_action"]["redirect_to_url"]["url"]


async def answered(sandbox: RunningSandbox, page: str, outcome: str) -> httpx.Response:
    return await sandbox.buyer.post(page, data={"outcome": outcome})


async def test_a_completed_question_pays(sandbox: RunningSandbox) -> None:
    intent, page = await asked(sandbox)
    assert page.startswith(sandbox.url)
    shown = await sandbox.buyer.get(page)
    assert (shown.status_code, "19.99 USD" in shown.text) == (200, True)
    assert (await sandbox.ledger())["charges"] == []
    assert (await answered(sandbox, page, "complete")).status_code == 200
    state = await sandbox.state(intent)
    assert (state["status"], state["next_action"]) == ("succeeded", None)


async def test_a_failed_question_takes_nothing_and_another_card_may_follow(
    sandbox: RunningSandbox,
) -> None:
    intent, page = await asked(sandbox)
    await answered(sandbox, page, "fail")
    state = await sandbox.state(intent)
    assert state["status"] == "requires_payment_method"
    assert state["last_payment_error"]["code"] == "payment_intent_authentication_failure"
    assert state["amount_received"] == 0
    assert (await sandbox.confirm(intent)).json()["status"] == "succeeded"


async def test_the_buyer_returns_to_the_merchants_page(sandbox: RunningSandbox) -> None:
    intent, page = await asked(sandbox, return_url="https://shop.example/thanks?a=1")
    answer = await answered(sandbox, page, "complete")
    assert answer.status_code == 303
    assert answer.headers["location"] == (
        f"https://shop.example/thanks?a=1&payment_intent={intent['id']}"
        f"&payment_intent_client_secret={intent['client_secret']}&redirect_status=succeeded"
    )


async def test_a_cancelled_intents_question_is_over(sandbox: RunningSandbox) -> None:
    intent, page = await asked(sandbox)
    assert (await sandbox.cancel(intent)).json()["status"] == "canceled"
    assert (await answered(sandbox, page, "complete")).status_code == 410
    assert (await sandbox.buyer.get(page)).status_code == 410
    assert (await sandbox.state(intent))["status"] == "canceled"
    assert (await sandbox.ledger())["charges"] == []


async def test_a_second_confirmation_voids_the_question_before_it(
    sandbox: RunningSandbox,
) -> None:
    intent, first = await asked(sandbox)
    second = (await sandbox.confirm(intent, ASKS)).json()["next_action"]["redirect_to_url"]["url"]
    assert second != first
    assert (await answered(sandbox, first, "complete")).status_code == 410
    assert (await sandbox.state(intent))["status"] == "requires_action"
    assert (await answered(sandbox, second, "complete")).status_code == 200


async def test_a_question_is_answered_once(sandbox: RunningSandbox) -> None:
    intent, page = await asked(sandbox)
    answers = await asyncio.gather(
        *(answered(sandbox, page, outcome) for outcome in ["complete", "fail"] * 5)
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [410] * 9
    ledger = await sandbox.ledger()
    assert len(ledger["charges"]) == 1
    paid = ledger["charges"][0]["status"] == "succeeded"
    assert (ledger["intents"][0]["status"] == "succeeded") == paid
    assert ledger["intents"][0]["id"] == intent["id"]


@pytest.mark.parametrize("outcome", ["", "maybe", "complete&outcome=fail"])
async def test_an_unclear_answer_changes_nothing(sandbox: RunningSandbox, outcome: str) -> None:
    intent, page = await asked(sandbox)
    answer = await sandbox.buyer.post(
        page,
        content=f"outcome={outcome}",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 400
    assert (await sandbox.state(intent))["status"] == "requires_action"


async def test_a_return_address_is_a_web_address(sandbox: RunningSandbox) -> None:
    intent = await sandbox.create()
    for nowhere in ("javascript:alert(1)", "http://[x/", "https://", "shop.example"):
        refused = await sandbox.confirm(intent, ASKS, return_url=nowhere)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "url_invalid")
    assert (await sandbox.state(intent))["status"] == "requires_payment_method"


async def test_a_page_within_a_page_is_returned_to(sandbox: RunningSandbox) -> None:
    intent, page = await asked(sandbox, return_url="http://shop.example/#/order/ord_1")
    answer = await answered(sandbox, page, "fail")
    assert answer.headers["location"] == (
        f"http://shop.example/?payment_intent={intent['id']}"
        f"&payment_intent_client_secret={intent['client_secret']}&redirect_status=failed"
        "#/order/ord_1"
    )


async def test_the_question_names_its_answers_and_loads_nothing(sandbox: RunningSandbox) -> None:
    _, page = await asked(sandbox)
    shown = await sandbox.buyer.get(page)
    assert re.findall(r'value="(\w+)"[^>]*>([^<]+)</button>', shown.text) == [
        ("complete", "Yes, it is me"),
        ("fail", "No, decline"),
    ]
    assert shown.headers["content-security-policy"].startswith("default-src 'none';")
    assert re.findall(r"<script|src=|href=|url\(", shown.text) == []
