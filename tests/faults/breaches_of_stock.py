"""Alterations of a sound sale that break what is promised about units."""

from tests.faults.altered import ANN, BEN, DEAL, breach, last
from tests.faults.evidence import Evidence


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


@breach("I8")
def a_buyer_owns_more_than_the_limit(found: Evidence) -> None:
    found.lines[0]["quantity"] = 3


@breach("I8")
def a_buyers_units_are_miscounted(found: Evidence) -> None:
    found.deal_buyers[1]["units"] = 1


@breach("I8")
def a_buyer_holds_beside_the_limit(found: Evidence) -> None:
    found.gates[DEAL].holds[ANN.user_id] = (1, "HELD", 1)


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
