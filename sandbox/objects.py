"""Rows of the books as the objects of Stripe's API (version 2026-10-28.endive)."""

import sqlite3
from typing import Any

import orjson

API_VERSION = "2026-10-28.endive"


def intent_object(row: sqlite3.Row) -> dict[str, Any]:
    """A payment intent as its merchant sees it."""
    failure = row["last_payment_error"]
    action = None
    if row["challenge_url"] is not None:
        action = {
            "type": "redirect_to_url",
            "redirect_to_url": {"url": row["challenge_url"], "return_url": row["return_url"]},
        }
    return {
        "id": row["id"],
        "object": "payment_intent",
        "amount": row["amount"],
        "amount_capturable": 0,
        "amount_received": row["amount_received"],
        "canceled_at": row["canceled_at"],
        "cancellation_reason": row["cancellation_reason"],
        "capture_method": "automatic",
        "client_secret": row["client_secret"],
        "confirmation_method": "automatic",
        "created": row["created"],
        "currency": row["currency"],
        "customer": None,
        "description": row["description"],
        "last_payment_error": orjson.loads(failure) if failure else None,
        "latest_charge": row["latest_charge"],
        "livemode": False,
        "metadata": orjson.loads(row["metadata"]),
        "next_action": action,
        "payment_method": row["payment_method"],
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": row["receipt_email"],
        "status": row["status"],
    }


# A buyer's page needs these and no more: the metadata is the merchant's own.
_FOR_CLIENTS = (
    "id",
    "object",
    "amount",
    "canceled_at",
    "cancellation_reason",
    "capture_method",
    "client_secret",
    "confirmation_method",
    "created",
    "currency",
    "description",
    "last_payment_error",
    "livemode",
    "next_action",
    "payment_method",
    "payment_method_types",
    "processing",
    "receipt_email",
    "status",
)


def intent_for_client(intent: dict[str, Any]) -> dict[str, Any]:
    """The part of a payment intent that whoever holds its client secret may see."""
    return {name: intent[name] for name in _FOR_CLIENTS}


def charge_object(row: sqlite3.Row, intent: sqlite3.Row) -> dict[str, Any]:
    """A charge: one attempt at an intent's money."""
    paid = row["status"] == "succeeded"
    refunded = intent["amount_refunded"] if paid else 0
    return {
        "id": row["id"],
        "object": "charge",
        "amount": row["amount"],
        "amount_captured": row["amount"] if paid else 0,
        "amount_refunded": refunded,
        "captured": paid,
        "created": row["created"],
        "currency": row["currency"],
        "failure_code": row["failure_code"],
        "failure_message": row["failure_message"],
        "livemode": False,
        "metadata": orjson.loads(intent["metadata"]),
        "paid": paid,
        "payment_intent": row["intent_id"],
        "payment_method": row["payment_method"],
        "refunded": paid and refunded == row["amount"],
        "status": row["status"],
    }


def refund_object(row: sqlite3.Row) -> dict[str, Any]:
    """A refund; here they succeed at once."""
    return {
        "id": row["id"],
        "object": "refund",
        "amount": row["amount"],
        "charge": row["charge_id"],
        "created": row["created"],
        "currency": row["currency"],
        "metadata": orjson.loads(row["metadata"]),
        "payment_intent": row["intent_id"],
        "reason": row["reason"],
        "status": "succeeded",
    }
