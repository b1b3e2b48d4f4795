"""Payment intents: made, found, listed, described, cancelled."""

import hmac
import sqlite3
from typing import Any, Final

import orjson

from sandbox.attempts import attempt
from sandbox.calls import Call, fresh_id
from sandbox.errors import Refused, WireError, no_such
from sandbox.objects import intent_for_client, intent_object
from sandbox.pages import Listing

# Eight digits: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
# Stripe's least amount depends on the currency; here it is one minor unit.
MOST_MINOR: Final = 99_999_999

_CANCELLABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
_REASONS = ("duplicate", "fraudulent", "requested_by_customer", "abandoned")

listing = Listing(
    url="/v1/payment_intents",
    kind="payment_intent",
    statement=(
        "SELECT * FROM intents WHERE seq < :below AND created BETWEEN :since AND :until"
        " AND :filter IS NULL ORDER BY seq DESC LIMIT :limit"
    ),
    place="SELECT seq FROM intents WHERE id = ?",
    filter_by="customer",
    show=intent_object,
)


def create(call: Call) -> dict[str, Any]:
    """Make an intent, and confirm it at once when asked to."""
    params = call.params
    amount = params.needed_integer("amount", least=1, most=MOST_MINOR)
    currency = params.needed_text("currency").lower()
    if not (len(currency) == 3 and currency.isascii() and currency.isalpha()):  # noqa: PLR2004 - ISO 4217
        raise WireError(f"Invalid currency: {currency[:40]}", param="currency")
    allowed = params.words("allowed_payment_method_types")
    if allowed is not None and "card" not in allowed:
        raise WireError("The sandbox takes cards alone.", param="allowed_payment_method_types")
    automatic = params.below("automatic_payment_methods")
    if automatic is not None:
        automatic.flag("enabled")
        automatic.choice("allow_redirects", ("always", "never"))
        automatic.end()
    params.choice("capture_method", ("automatic", "automatic_async"))
    description, receipt = params.text("description"), params.text("receipt_email")
    metadata = {key: value for key, value in params.metadata().items() if value}
    confirm_now = params.flag("confirm") or False
    if not confirm_now:
        params.end()
    intent_id = fresh_id("pi")
    call.db.execute(
        "INSERT INTO intents (id, client_secret, status, amount, currency, description,"
        " receipt_email, metadata, created) VALUES (?, ?, 'requires_payment_method', ?, ?, ?, ?,"
        " ?, ?)",
        (
            intent_id,
            f"{intent_id}_{fresh_id('secret')}",
            amount,
            currency,
            description,
            receipt,
            orjson.dumps(metadata).decode(),
            call.now,
        ),
    )
    made = intent_object(_row(call, intent_id))
    call.tell("payment_intent.created", intent_id, made)
    return attempt(call, _row(call, intent_id)) if confirm_now else made


def retrieve(call: Call) -> dict[str, Any]:
    """One intent, whole for its merchant, in part for who holds its client secret."""
    row = _named(call)
    call.params.end()
    return _shown(call, intent_object(row))


def update(call: Call) -> dict[str, Any]:
    """Change an intent's description and metadata; its amount is fixed."""
    row = _named(call)
    metadata = orjson.loads(row["metadata"]) | call.params.metadata()
    metadata = {key: value for key, value in metadata.items() if value}
    description = call.params.text("description") or row["description"]
    receipt = call.params.text("receipt_email") or row["receipt_email"]
    call.params.end()
    call.db.execute(
        "UPDATE intents SET metadata = ?, description = ?, receipt_email = ? WHERE id = ?",
        (orjson.dumps(metadata).decode(), description, receipt, row["id"]),
    )
    return intent_object(_row(call, row["id"]))


def confirm(call: Call) -> dict[str, Any]:
    """Try to pay an intent with a test card."""
    try:
        return _shown(call, attempt(call, _named(call)))
    except WireError as error:
        inner = error.body["error"]
        if "payment_intent" in inner:
            inner["payment_intent"] = _shown(call, inner["payment_intent"])
        raise


def cancel(call: Call) -> dict[str, Any]:
    """End an intent that has not been paid: from here on it never can be."""
    row = _named(call)
    reason = call.params.choice("cancellation_reason", _REASONS)
    call.params.end()
    if row["status"] not in _CANCELLABLE:
        raise Refused(
            "You cannot cancel this PaymentIntent because it has a status of"
            f" {row['status']}. Only a PaymentIntent with one of the following statuses may be"
            f" canceled: {', '.join(_CANCELLABLE)}.",
            code="payment_intent_unexpected_state",
            payment_intent=intent_object(row),
        )
    call.db.execute(
        "UPDATE intents SET status = 'canceled', canceled_at = ?, cancellation_reason = ?,"
        " challenge = NULL, challenge_url = NULL WHERE id = ?",
        (call.now, reason, row["id"]),
    )
    ended = intent_object(_row(call, row["id"]))
    call.tell("payment_intent.canceled", row["id"], ended)
    return ended


def _named(call: Call) -> sqlite3.Row:
    """The intent that the path names. A client proves with its secret that it is its own."""
    intent_id = call.path["intent"]
    secret = call.params.text("client_secret")
    row: sqlite3.Row | None = call.db.execute(
        "SELECT * FROM intents WHERE id = ?", (intent_id,)
    ).fetchone()
    if row is None:
        raise no_such("payment_intent", intent_id, param="intent")
    if call.caller == "client" and secret is None:
        raise WireError(
            "A publishable key needs the client_secret of the payment intent.",
            code="parameter_missing",
            param="client_secret",
        )
    if secret is not None and not hmac.compare_digest(
        secret.encode(), row["client_secret"].encode()
    ):
        # The same answer as for an intent that is not there: a secret cannot be tried out.
        raise no_such("payment_intent", intent_id, param="intent")
    return row


def _row(call: Call, intent_id: str) -> sqlite3.Row:
    row: sqlite3.Row = call.db.execute(
        "SELECT * FROM intents WHERE id = ?", (intent_id,)
    ).fetchone()
    return row


def _shown(call: Call, intent: dict[str, Any]) -> dict[str, Any]:
    return intent if call.caller == "secret" else intent_for_client(intent)
