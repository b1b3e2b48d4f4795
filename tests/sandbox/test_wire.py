"""The wire: who may speak, and what is said to those who speak nonsense."""

import pytest

from tests.sandbox.running import SECRET_KEY, RunningSandbox

CREATE = "/v1/payment_intents"


@pytest.mark.parametrize(
    "authorization", ["Bearer sk_test_wrong_key_000", "Basic !!!", "Digest x", "Bearer"]
)
async def test_a_wrong_key_is_refused(sandbox: RunningSandbox, authorization: str) -> None:
    refused = await sandbox.buyer.post(
        CREATE, data={"amount": 1, "currency": "usd"}, headers={"Authorization": authorization}
    )
    assert refused.status_code == 401
    assert refused.json()["error"]["type"] == "invalid_request_error"
    assert "wrong_key" not in refused.text
    assert (await sandbox.ledger())["intents"] == []


async def test_the_secret_key_may_come_as_basic_auth(sandbox: RunningSandbox) -> None:
    made = await sandbox.buyer.post(
        CREATE, data={"amount": 1, "currency": "usd"}, auth=(SECRET_KEY, "")
    )
    assert made.status_code == 200


@pytest.mark.parametrize(
    ("form", "code", "param"),
    [
        ({"currency": "usd"}, "parameter_missing", "amount"),
        ({"amount": "10"}, "parameter_missing", "currency"),
        ({"amount": "0", "currency": "usd"}, "amount_too_small", "amount"),
        ({"amount": "100000000", "currency": "usd"}, "amount_too_large", "amount"),
        ({"amount": "1.5", "currency": "usd"}, "parameter_invalid_integer", "amount"),
        ({"amount": "٣", "currency": "usd"}, "parameter_invalid_integer", "amount"),
        ({"amount[a]": "1", "currency": "usd"}, None, "amount"),
        ({"amount": "1", "currency": "dollars"}, None, "currency"),
        ({"amount": "1", "currency": "usd", "discount": "1"}, "parameter_unknown", "discount"),
        (
            {"amount": "1", "currency": "usd", "payment_method_types[0]": "card"},
            "payment_method_types_no_longer_supported",
            "payment_method_types",
        ),
        ({"amount": "1", "currency": "usd", "metadata": "x"}, None, "metadata"),
        ({"amount": "1", "currency": "usd", f"metadata[{'k' * 41}]": "v"}, None, "metadata"),
        ({"amount": "1", "currency": "usd", "metadata[k]": "v" * 501}, None, "metadata"),
        (
            {"amount": "1", "currency": "usd", "confirm": "true", "payment_method": "pm_x"},
            "resource_missing",
            "payment_method",
        ),
    ],
)
async def test_a_senseless_intent_is_refused_by_name_and_not_made(
    sandbox: RunningSandbox, form: dict[str, str], code: str | None, param: str
) -> None:
    refused = await sandbox.merchant.post(CREATE, data=form)
    assert refused.status_code == 400
    error = refused.json()["error"]
    assert (error["type"], error.get("code"), error["param"]) == (
        "invalid_request_error",
        code,
        param,
    )
    assert (await sandbox.ledger())["intents"] == []


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b'{"amount": 1, "currency": "usd"}', "application/json", 400),
        (b"amount=%ff%fe", "application/x-www-form-urlencoded", 400),
        (b"a[b][c][d][e][f]=1", "application/x-www-form-urlencoded", 400),
        (b"a=1&a[b]=2", "application/x-www-form-urlencoded", 400),
        (b"[=1", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a=1" for _ in range(501)), "application/x-www-form-urlencoded", 400),
        (b"a=" + b"x" * 70_000, "application/x-www-form-urlencoded", 413),
    ],
)
async def test_a_body_that_is_no_form_is_refused(
    sandbox: RunningSandbox, content: bytes, content_type: str, status: int
) -> None:
    refused = await sandbox.merchant.post(
        CREATE, content=content, headers={"Content-Type": content_type}
    )
    assert refused.status_code == status
    assert refused.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/payment_intents/pi_unknown"),
        ("POST", "/v1/payment_intents/pi_unknown/cancel"),
        ("GET", "/v1/refunds/re_unknown"),
        ("GET", "/v1/events/evt_unknown"),
        ("GET", "/v1/payment_intents?starting_after=pi_unknown"),
    ],
)
async def test_what_is_not_there_is_missing(
    sandbox: RunningSandbox, method: str, path: str
) -> None:
    missing = await sandbox.merchant.request(method, path)
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "resource_missing")


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/charges"), ("PUT", CREATE)])
async def test_what_is_not_spoken_here_is_said_so(
    sandbox: RunningSandbox, method: str, path: str
) -> None:
    missing = await sandbox.merchant.request(method, path)
    assert missing.status_code == 404
    assert "Unrecognized request URL" in missing.json()["error"]["message"]


async def test_a_page_of_any_origin_may_pay(sandbox: RunningSandbox) -> None:
    intent = await sandbox.create()
    path = f"{CREATE}/{intent['id']}/confirm"
    asked = await sandbox.buyer.options(
        path,
        headers={
            "Origin": "https://shop.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type,idempotency-key",
        },
    )
    assert asked.status_code == 200
    paid = await sandbox.buyer.post(
        path,
        data={"client_secret": intent["client_secret"], "payment_method": "pm_card_visa"},
        headers={"Origin": "https://shop.example"},
    )
    assert paid.headers["access-control-allow-origin"] == "*"


async def test_every_answer_carries_its_own_request_id(sandbox: RunningSandbox) -> None:
    answers = [await sandbox.merchant.get(CREATE) for _ in range(3)]
    ids = {answer.headers["request-id"] for answer in answers}
    assert len(ids) == 3
    assert (await sandbox.buyer.get("/healthz")).json() == {"status": "ok"}
