"""Alterations of a sound sale that break what is promised about money."""

from tests.faults.altered import BEN, breach, last
from tests.faults.evidence import Evidence


@breach("I2")
def a_capture_has_no_order(found: Evidence) -> None:
    found.intents[0]["metadata"]["order_id"] = "ord_nobody"


@breach("I2")
def an_expired_order_was_charged(found: Evidence) -> None:
    found.intents[1].update(status="succeeded", amount_received=1_000)


@breach("I2")
def a_capture_has_another_buyers_order(found: Evidence) -> None:
    found.intents[0]["metadata"]["user_id"] = BEN.user_id


@breach("I2")
def a_paid_order_was_paid_by_another_intent(found: Evidence) -> None:
    found.orders[0]["paid_by"] = "pi_other"


@breach("I3")
def a_paid_order_has_no_payment(found: Evidence) -> None:
    del found.intents[0]


@breach("I3")
def a_paid_order_was_refunded(found: Evidence) -> None:
    found.intents[0]["amount_refunded"] = 2_000


@breach("I3")
def another_amount_was_charged(found: Evidence) -> None:
    found.intents[0]["amount_received"] = 1_999


@breach("I3")
def another_currency_was_charged(found: Evidence) -> None:
    found.intents[0]["currency"] = "eur"


@breach("I3")
def an_ended_order_kept_the_money(found: Evidence) -> None:
    found.intents[1].update(status="succeeded", amount_received=1_000)


@breach("I3")
def an_ended_order_can_still_be_paid(found: Evidence) -> None:
    found.intents[1]["status"] = "requires_payment_method"


@breach("I4")
def an_order_was_paid_twice(found: Evidence) -> None:
    found.intents.append({**found.intents[0], "id": "pi_again"})


@breach("I4")
def an_intent_was_charged_twice(found: Evidence) -> None:
    found.charges.append({**found.charges[0]})


@breach("I4")
def more_was_sent_back_than_received(found: Evidence) -> None:
    found.refunds = [{"intent_id": "pi_ann", "amount": 2_001}]


@breach("I11")
def a_line_costs_more_than_its_checkout_fixed(found: Evidence) -> None:
    found.lines[0]["unit_price_minor"] = 1_001
    found.orders[0]["total_minor"] = 2_002


@breach("I11")
def an_order_costs_more_than_its_lines(found: Evidence) -> None:
    found.orders[0]["total_minor"] = 2_001


@breach("I11")
def another_price_was_shown(found: Evidence) -> None:
    last(found, "checkout").told["items"][0]["unitPrice"]["amountMinor"] = 999


@breach("I11")
def an_order_has_no_checkout(found: Evidence) -> None:
    del found.checkouts[0]
