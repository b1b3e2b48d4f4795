"""Attempts to pay: what a test card does to an intent, with 3-D Secure in between."""

import sqlite3
from typing import Any, Final, assert_never
from urllib.parse import urlsplit

import orjson

from sandbox.calls import Call, fresh_id
from sandbox.cards import BY_NAME, BY_NUMBER, Card
from sandbox.errors import Refused, WireError
from sandbox.objects import charge_object, intent_object

_NOT_AUTHENTICATED: Final = (
    "The provided payment method has failed authentication. You can provide payment_method_data"
    " or a new PaymentMethod to attempt to fulfill this PaymentIntent again."
)


def attempt(call: Call, row: sqlite3.Row) -> dict[str, Any]:
    """Charge the card that the parameters name; the intent as it is afterwards.

    Raises:
        Refused: the intent has ended or money is moving (nothing was written), or the card was
            declined (the failed charge was written).
    """
    card = _card(call, row)
    return_url = call.params.text("return_url", longest=2_000)
    if return_url is not None and not _is_address(return_url):
        raise WireError("Not a valid URL", code="url_invalid", param="return_url")
    call.params.end()
    if row["status"] in ("succeeded", "canceled", "processing"):
        raise Refused(
            "You cannot confirm this PaymentIntent because it has"
            + (
                " already succeeded after being previously confirmed."
                if row["status"] == "succeeded"
                else f" a status of {row['status']}."
            ),
            code="payment_intent_unexpected_state",
            payment_intent=intent_object(row),
        )
    if card is None:
        raise WireError(
            "You cannot confirm this PaymentIntent because it's missing a payment method.",
            code="payment_intent_unexpected_state",
            param="payment_method",
        )
    match card.behaviour:
        case "pays":
            return capture(call, row, card.name)
        case "declines":
            declined = _decline(call, row, card)
            raise Refused(
                str(card.message),
                status=402,
                kind="card_error",
                code="card_declined",
                decline_code=card.decline_code,
                charge=declined["latest_charge"],
                payment_intent=declined,
            )
        case "asks":
            return _ask(call, row, card, return_url)
        case "processes":
            return _process(call, row, card)
        case _:
            assert_never(card.behaviour)


def capture(call: Call, row: sqlite3.Row, payment_method: str) -> dict[str, Any]:
    """Take the money of an intent that has not ended. The books refuse a second capture."""
    charge_id = fresh_id("ch")
    call.db.execute(
        "UPDATE intents SET status = 'succeeded', amount_received = amount, payment_method = ?,"
        " latest_charge = ?, last_payment_error = NULL, challenge = NULL, challenge_url = NULL"
        " WHERE id = ?",
        (payment_method, charge_id, row["id"]),
    )
    _charge(call, row, charge_id, payment_method, None, None)
    paid = _row(call, row)
    call.tell("charge.succeeded", row["id"], _charge_object(call, charge_id, paid))
    call.tell("payment_intent.succeeded", row["id"], intent_object(paid))
    return intent_object(paid)


def answer_challenge(call: Call, challenge: str, *, completed: bool) -> dict[str, Any] | None:
    """What the buyer said to an open 3-D Secure question; None when it is not open any more."""
    row = call.db.execute("SELECT * FROM intents WHERE challenge = ?", (challenge,)).fetchone()
    if row is None:
        return None
    if completed:
        return capture(call, row, row["payment_method"])
    failed = Card("declines", row["payment_method"], None, _NOT_AUTHENTICATED)
    return _decline(call, row, failed, code="payment_intent_authentication_failure")


def settle(call: Call, *, succeeded: bool) -> dict[str, Any]:
    """End the waiting of an intent that is processing, as its bank would days later."""
    row = call.db.execute("SELECT * FROM intents WHERE id = ?", (call.path["intent"],)).fetchone()
    if row is None or row["status"] != "processing":
        raise WireError("No such intent is processing.", status=409)
    if succeeded:
        return capture(call, row, row["payment_method"])
    failed = Card("declines", row["payment_method"], None, "The bank returned the payment.")
    return _decline(call, row, failed, code="payment_intent_payment_attempt_failed")


def _is_address(url: str) -> bool:
    """Whether a browser could be sent there."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def _card(call: Call, row: sqlite3.Row) -> Card | None:
    """The card that a confirmation names: by payment method, by number, or the one before."""
    name = call.params.text("payment_method", longest=255)
    data = call.params.below("payment_method_data")
    if data is not None:
        data.choice("type", ("card",))
        details = data.below("card")
        number = details.needed_text("number").replace(" ", "") if details else ""
        if details is not None:
            # A test card takes any month, year and code.
            for given in ("exp_month", "exp_year", "cvc"):
                details.text(given)
            details.end()
        data.below("billing_details")
        data.end()
        if number not in BY_NUMBER:
            raise WireError(
                "Your card number is not one of the sandbox's test cards.",
                status=402,
                kind="card_error",
                code="incorrect_number",
                param="payment_method_data[card][number]",
            )
        return BY_NUMBER[number]
    name = name or row["payment_method"]
    if name is None:
        return None
    if name not in BY_NAME:
        raise WireError(
            f"No such PaymentMethod: '{name}'",
            code="resource_missing",
            param="payment_method",
        )
    return BY_NAME[name]


def _decline(
    call: Call, row: sqlite3.Row, card: Card, *, code: str = "card_declined"
) -> dict[str, Any]:
    charge_id = fresh_id("ch")
    error = {
        "type": "card_error",
        "code": code,
        "message": card.message,
        "charge": charge_id,
        **({"decline_code": card.decline_code} if card.decline_code else {}),
    }
    call.db.execute(
        "UPDATE intents SET status = 'requires_payment_method', payment_method = NULL,"
        " latest_charge = ?, last_payment_error = ?, challenge = NULL, challenge_url = NULL"
        " WHERE id = ?",
        (charge_id, orjson.dumps(error).decode(), row["id"]),
    )
    _charge(call, row, charge_id, card.name, code, card.message)
    failed = _row(call, row)
    call.tell("charge.failed", row["id"], _charge_object(call, charge_id, failed))
    call.tell("payment_intent.payment_failed", row["id"], intent_object(failed))
    return intent_object(failed)


def _ask(call: Call, row: sqlite3.Row, card: Card, return_url: str | None) -> dict[str, Any]:
    """Put a 3-D Secure question; a question put before is void."""
    challenge = fresh_id("3ds", 32)
    call.db.execute(
        "UPDATE intents SET status = 'requires_action', payment_method = ?, challenge = ?,"
        " challenge_url = ?, return_url = ?, last_payment_error = NULL WHERE id = ?",
        (card.name, challenge, f"{call.base_url}/3ds/{challenge}", return_url, row["id"]),
    )
    asked = intent_object(_row(call, row))
    call.tell("payment_intent.requires_action", row["id"], asked)
    return asked


def _process(call: Call, row: sqlite3.Row, card: Card) -> dict[str, Any]:
    call.db.execute(
        "UPDATE intents SET status = 'processing', payment_method = ?, challenge = NULL,"
        " challenge_url = NULL, last_payment_error = NULL WHERE id = ?",
        (card.name, row["id"]),
    )
    moving = intent_object(_row(call, row))
    call.tell("payment_intent.processing", row["id"], moving)
    return moving


def _charge(
    call: Call,
    row: sqlite3.Row,
    charge_id: str,
    payment_method: str,
    failure_code: str | None,
    failure_message: str | None,
) -> None:
    call.db.execute(
        "INSERT INTO charges (id, intent_id, status, amount, currency, payment_method,"
        " failure_code, failure_message, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            charge_id,
            row["id"],
            "failed" if failure_code else "succeeded",
            row["amount"],
            row["currency"],
            payment_method,
            failure_code,
            failure_message,
            call.now,
        ),
    )


def _row(call: Call, row: sqlite3.Row) -> sqlite3.Row:
    now: sqlite3.Row = call.db.execute(
        "SELECT * FROM intents WHERE id = ?", (row["id"],)
    ).fetchone()
    return now


def _charge_object(call: Call, charge_id: str, intent: sqlite3.Row) -> dict[str, Any]:
    row = call.db.execute("SELECT * FROM charges WHERE id = ?", (charge_id,)).fetchone()
    return charge_object(row, intent)
