"""Alterations of a sound sale that break what buyers were told."""

from tests.faults.altered import BEN, CEM, DEAL, ask, breach, last
from tests.faults.evidence import Evidence


@breach("I5")
def an_answered_order_is_not_there(found: Evidence) -> None:
    del found.orders[1]


@breach("I5")
def an_answered_order_has_other_lines(found: Evidence) -> None:
    last(found, "place").told["order"]["lines"][0]["quantity"] = 1


@breach("I5")
def a_paid_order_was_unsaid(found: Evidence) -> None:
    found.orders[0]["status"] = "CANCELLED"


@breach("I5")
def an_answered_refund_was_never_made(found: Evidence) -> None:
    found.history.ok(ask(found, "usr_op", "refund"), id="ord_ann", status="REFUND_PENDING")


@breach("I7")
def an_order_is_stuck(found: Evidence) -> None:
    found.orders[1]["status"] = "EXPIRING"


@breach("I7")
def a_job_is_left(found: Evidence) -> None:
    found.jobs = [{"id": 1, "entrypoint": "settle", "status": "queued", "attempts": 9}]


@breach("I7")
def an_event_is_not_handled(found: Evidence) -> None:
    found.inbox[0]["handled_at"] = None


@breach("I7")
def a_hold_never_lapses(found: Evidence) -> None:
    found.gates[DEAL].holds[BEN.user_id] = (1, "FROZEN", 1)


@breach("I7")
def an_order_waits_for_a_person(found: Evidence) -> None:
    found.orders[0]["status"] = "UNDER_REVIEW"


@breach("I9")
def a_buyer_was_not_told_of_the_payment(found: Evidence) -> None:
    found.notifications.clear()


@breach("I9")
def a_fact_was_told_twice(found: Evidence) -> None:
    found.notifications.append({**found.notifications[0]})


@breach("I9")
def an_unpaid_order_was_confirmed(found: Evidence) -> None:
    fact = {"user_id": BEN.user_id, "fact": "order_confirmed:ord_ben"}
    found.notifications.append(fact)


@breach("I9")
def a_buyer_was_not_told_of_the_refund(found: Evidence) -> None:
    found.orders[0]["status"] = "REFUNDED"
    found.intents[0]["amount_refunded"] = 2_000


@breach("I9")
def an_event_is_in_the_inbox_twice(found: Evidence) -> None:
    found.inbox.append({**found.inbox[0]})


@breach("I10")
def a_token_lives_on_after_logout(found: Evidence) -> None:
    tried = ask(found, CEM.user_id, "cart")
    found.history.ok(tried, items=[])
    tried.invoked += 60


@breach("I10")
def a_revoked_session_is_open(found: Evidence) -> None:
    found.sessions[0]["revoked_at"] = None


@breach("I13")
def one_key_had_two_answers(found: Evidence) -> None:
    last(found, "place").told["order"]["id"] = "ord_ben"


@breach("I13")
def a_key_is_not_remembered(found: Evidence) -> None:
    del found.keys[1]


@breach("I13")
def a_checkout_has_two_orders(found: Evidence) -> None:
    found.orders.append({**found.orders[1], "id": "ord_twin"})


@breach("I13")
def a_repeated_key_held_twice(found: Evidence) -> None:
    asked = {"dealId": DEAL, "quantity": 1, "idempotencyKey": "again"}
    found.history.unknown(ask(found, BEN.user_id, "add", **asked))
    cart = {"items": [{"deal": {"id": DEAL}, "quantity": 2}]}
    found.history.ok(ask(found, BEN.user_id, "add", **asked), cart=cart)


@breach("I14")
def sales_do_not_go_on(found: Evidence) -> None:
    last(found, "place").outcome = "unknown"


@breach("I14")
def sales_go_on_late(found: Evidence) -> None:
    answered = last(found, "place")
    assert answered.answered is not None
    answered.answered += 11


@breach("INTERNAL")
def somebody_was_told_internal(found: Evidence) -> None:
    found.history.unknown(ask(found, BEN.user_id, "cart"), code="INTERNAL")
