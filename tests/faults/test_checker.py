"""The checker finds nothing in a sound sale, and each invariant's breach when there is one."""

import pytest

from tests.faults import breaches_of_money, breaches_of_promises, breaches_of_stock
from tests.faults.altered import BEN, BREACHES, DEAL, Alteration, ask, sound
from tests.faults.checker import INVARIANTS, check
from tests.faults.history import SET_BACK
from tests.faults.promise_checks import frozen_holds_kept

# Importing them is what fills BREACHES.
BREACHING = (breaches_of_money, breaches_of_promises, breaches_of_stock)


def test_a_sound_sale_has_no_violation() -> None:
    assert check(sound()) == []


@pytest.mark.parametrize(
    ("invariant", "alter"), [pytest.param(one, alter, id=name) for one, name, alter in BREACHES]
)
def test_a_breach_is_found(invariant: str, alter: Alteration) -> None:
    found = sound()
    alter(found)
    assert INVARIANTS[invariant](found) != []
    assert any(line.startswith(f"{invariant}: ") for line in check(found))


def test_every_invariant_has_a_breach() -> None:
    assert {invariant for invariant, _, _ in BREACHES} == set(INVARIANTS)
    modules = {alter.__module__ for _, _, alter in BREACHES}
    assert modules == {one.__name__ for one in BREACHING}


def test_an_unknown_add_may_have_happened() -> None:
    found = sound()
    asked = {"dealId": DEAL, "quantity": 1}
    found.history.unknown(ask(found, BEN.user_id, "add", **asked))
    cart = {"items": [{"deal": {"id": DEAL}, "quantity": 2}]}
    found.history.ok(ask(found, BEN.user_id, "add", **asked), cart=cart)
    assert INVARIANTS["I13"](found) == []


def test_a_hold_that_became_an_order_may_come_back_with_an_older_memory_alone() -> None:
    found = sound()
    cart = {"items": [{"deal": {"id": DEAL}, "quantity": 1}]}
    asked = {"dealId": DEAL, "quantity": 1}
    found.history.ok(ask(found, BEN.user_id, "add", **asked), cart=cart)
    line = {"quantity": 1, "deal": {"id": DEAL}}
    order = {"id": "ord_1", "lines": [line]}
    placed = ask(found, BEN.user_id, "place", idempotencyKey="k", checkoutId="c")
    found.history.ok(placed, order=order)
    found.history.ok(ask(found, BEN.user_id, "cart"), items=cart["items"])
    revived = [one for one in INVARIANTS["I13"](found) if "holds 1" in one]
    assert len(revived) == 1
    found.history.marks.append((0.0, SET_BACK))
    assert [one for one in INVARIANTS["I13"](found) if "holds" in one] == []


def test_what_was_wiped_out_on_purpose_is_not_missed_but_its_money_is() -> None:
    found = sound()
    del found.orders[0]
    found.history.lose(0.0, found.history.now)
    assert INVARIANTS["I5"](found) == []
    assert INVARIANTS["I2"](found) != []


def test_a_checkout_that_was_wiped_out_is_known_to_its_buyer() -> None:
    found = sound()
    del found.checkouts[0]
    found.history.lose(0.0, found.history.now)
    assert INVARIANTS["I11"](found) == []
    found.lines[0]["unit_price_minor"] = 1_001
    assert INVARIANTS["I11"](found) != []


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
