"""The checker finds nothing in a sound sale, and each invariant's breach when there is one."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.altered import ANN, BEN, CEM, DEAL, sound
from tests.faults.checker import INVARIANTS, check
from tests.faults.evidence import Evidence
from tests.faults.history import Operation
from tests.faults.promise_checks import frozen_holds_kept

BREACHES: list[tuple[str, str, Callable[[Evidence], Any]]] = []


def breach(invariant: str) -> Callable[[Callable[[Evidence], Any]], Callable[[Evidence], Any]]:
    """Name the invariant that an alteration of a sound sale breaks."""

    def note(alter: Callable[[Evidence], Any]) -> Callable[[Evidence], Any]:
        BREACHES.append((invariant, alter.__name__, alter))
        return alter

    return note


def last(found: Evidence, name: str) -> Operation:
    return list(found.history.of(name))[-1]


def ask(found: Evidence, who: str, name: str, **asked: Any) -> Operation:
    return found.history.invoke(who, name, **asked)


@breach("I1")
def more_is_claimed_than_allotted(found: Evidence) -> None:
    found.deals[0]["allotment"] = 1


@breach("I1")
def a_live_line_is_not_counted(found: Evidence) -> None:
    found.lines[0]["quantity"] = 3


@breach("I1")
def a_sold_line_is_not_counted(found: Evidence) -> None:
    found.orders[0]["rank"] = 1


@breach("I1")
def an_expired_order_owns_units(found: Evidence) -> None:
    found.orders[1]["owns_units"] = True


@breach("I1")
def a_paid_order_owns_none(found: Evidence) -> None:
    found.orders[0]["owns_units"] = False


@breach("I1")
def a_stock_was_shown_that_does_not_add_up(found: Evidence) -> None:
    last(found, "shelf").told["stock"]["held"] = 1


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


@breach("I6")
def the_gate_is_gone(found: Evidence) -> None:
    found.gates.clear()


@breach("I6")
def the_gate_offers_a_phantom_unit(found: Evidence) -> None:
    found.gates[DEAL].stock["available"] = "9"


@breach("I6")
def the_gate_strands_a_claim(found: Evidence) -> None:
    found.gates[DEAL].claims["ord_gone"] = (1, 0, "CLAIMED", BEN.user_id)


@breach("I6")
def the_gate_is_of_another_epoch(found: Evidence) -> None:
    found.gates[DEAL].stock["epoch"] = "2"


@breach("I6")
def the_gate_counts_other_units_of_a_buyer(found: Evidence) -> None:
    found.gates[DEAL].bought[ANN.user_id] = 1


@breach("I6")
def the_gate_waits_for_a_confirmation(found: Evidence) -> None:
    found.gates[DEAL].unconfirmed = ("ord_ann",)


@breach("I6")
def a_drift_was_found_and_left(found: Evidence) -> None:
    open_drift = {"class": "LOST_HOLD", "deal_id": DEAL, "order_id": None, "note": "-"}
    found.drift.append(open_drift)


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


@breach("I8")
def a_buyer_owns_more_than_the_limit(found: Evidence) -> None:
    found.lines[0]["quantity"] = 3


@breach("I8")
def a_buyers_units_are_miscounted(found: Evidence) -> None:
    found.deal_buyers[1]["units"] = 1


@breach("I8")
def a_buyer_holds_beside_the_limit(found: Evidence) -> None:
    found.gates[DEAL].holds[ANN.user_id] = (1, "HELD", 1)


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


@breach("I12")
def an_entry_was_altered(found: Evidence) -> None:
    found.ledger[1]["note"] = "nothing to see"


@breach("I12")
def an_entry_is_missing(found: Evidence) -> None:
    del found.ledger[2]


@breach("I12")
def the_last_entry_is_missing(found: Evidence) -> None:
    del found.ledger[-1]


@breach("I12")
def units_of_an_order_are_sold_twice(found: Evidence) -> None:
    found.ledger[3].update(reason="SOLD", order_ids=["ord_ann"])


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


def test_a_sound_sale_has_no_violation() -> None:
    assert check(sound()) == []


@pytest.mark.parametrize(
    ("invariant", "alter"), [pytest.param(one, alter, id=name) for one, name, alter in BREACHES]
)
def test_a_breach_is_found(invariant: str, alter: Callable[[Evidence], Any]) -> None:
    found = sound()
    alter(found)
    assert INVARIANTS[invariant](found) != []
    assert any(line.startswith(f"{invariant}: ") for line in check(found))


def test_every_invariant_has_a_breach() -> None:
    assert {invariant for invariant, _, _ in BREACHES} == set(INVARIANTS)


def test_an_unknown_add_may_have_happened() -> None:
    found = sound()
    asked = {"dealId": DEAL, "quantity": 1}
    found.history.unknown(ask(found, BEN.user_id, "add", **asked))
    cart = {"items": [{"deal": {"id": DEAL}, "quantity": 2}]}
    found.history.ok(ask(found, BEN.user_id, "add", **asked), cart=cart)
    assert INVARIANTS["I13"](found) == []


def test_what_was_wiped_out_on_purpose_is_not_missed_but_its_money_is() -> None:
    found = sound()
    del found.orders[0]
    found.history.lose(0.0, found.history.now)
    assert INVARIANTS["I5"](found) == []
    assert INVARIANTS["I2"](found) != []


def test_a_refunded_order_may_have_been_told_paid() -> None:
    found = sound()
    found.orders[0].update(status="REFUNDED", owns_units=False)
    found.intents[0]["amount_refunded"] = 2_000
    for name in ("I2", "I3", "I4", "I5"):
        assert INVARIANTS[name](found) == [], name


def test_frozen_units_are_not_for_others() -> None:
    found = sound()
    assert frozen_holds_kept(found.history) == []
    found.history.fail(ask(found, BEN.user_id, "place"), code="SOLD_OUT")
    assert len(frozen_holds_kept(found.history)) == 1
