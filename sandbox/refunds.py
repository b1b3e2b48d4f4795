"""Refunds: never more than was captured."""

import sqlite3
from typing import Any

import orjson

from sandbox.calls import Call, fresh_id
from sandbox.errors import Refused, WireError, no_such
from sandbox.intents import MOST_MINOR
from sandbox.objects import charge_object, refund_object
from sandbox.pages import Listing

_REASONS = ("duplicate", "fraudulent", "requested_by_customer")

listing = Listing(
    url="/v1/refunds",
    kind="refund",
    statement=(
        "SELECT * FROM refunds WHERE seq < :below AND created BETWEEN :since AND :until"
        " AND (:filter IS NULL OR intent_id = :filter) ORDER BY seq DESC LIMIT :limit"
    ),
    place="SELECT seq FROM refunds WHERE id = ?",
    filter_by="payment_intent",
    show=refund_object,
)


def create(call: Call) -> dict[str, Any]:
    """Send all or a part of a captured payment back."""
    intent_id = call.params.needed_text("payment_intent", longest=255)
    amount = call.params.integer("amount", least=1, most=MOST_MINOR)
    reason = call.params.choice("reason", _REASONS)
    metadata = {key: value for key, value in call.params.metadata().items() if value}
    call.params.end()
    intent, charge = _captured(call, intent_id)
    left = intent["amount_received"] - intent["amount_refunded"]
    if left == 0:
        raise Refused(
            f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
        )
    amount = amount or left
    if amount > left:
        raise Refused(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})",
            param="amount",
        )
    refund_id = fresh_id("re")
    call.db.execute(
        "INSERT INTO refunds (id, intent_id, charge_id, amount, currency, reason, metadata,"
        " created) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            refund_id,
            intent_id,
            charge["id"],
            amount,
            intent["currency"],
            reason,
            orjson.dumps(metadata).decode(),
            call.now,
        ),
    )
    sent = refund_object(_refund(call, refund_id))
    intent, charge = _captured(call, intent_id)
    call.tell("refund.created", intent_id, sent)
    call.tell("charge.refunded", intent_id, charge_object(charge, intent))
    return sent


def retrieve(call: Call) -> dict[str, Any]:
    """One refund."""
    call.params.end()
    return refund_object(_refund(call, call.path["refund"]))


def _captured(call: Call, intent_id: str) -> tuple[sqlite3.Row, sqlite3.Row]:
    """The intent and its one captured charge."""
    intent = call.db.execute("SELECT * FROM intents WHERE id = ?", (intent_id,)).fetchone()
    if intent is None:
        raise no_such("payment_intent", intent_id, param="payment_intent")
    charge = call.db.execute(
        "SELECT * FROM charges WHERE intent_id = ? AND status = 'succeeded'", (intent_id,)
    ).fetchone()
    if charge is None:
        # Not remembered under the key: once it is paid, the same refund makes sense.
        raise WireError(
            f"This PaymentIntent ({intent_id}) does not have a successful charge to refund.",
            param="payment_intent",
        )
    return intent, charge


def _refund(call: Call, refund_id: str) -> sqlite3.Row:
    row: sqlite3.Row | None = call.db.execute(
        "SELECT * FROM refunds WHERE id = ?", (refund_id,)
    ).fetchone()
    if row is None:
        raise no_such("refund", refund_id, param="refund")
    return row
