import random
from collections import Counter

import orjson
import pytest

from bench.headline.shoppers import ADD, CHECKOUT, DETAIL, LIST, PLACE, Shoppers
from bench.headline.zipf import allotments, draw, shares
from bench.openloop.answers import Outcome
from bench.openloop.driver import Ask

DEALS = [f"deal_{number}" for number in range(40)]


def test_the_second_deal_is_wanted_half_as_often_as_the_first() -> None:
    of = shares(1_000)
    assert sum(of) == pytest.approx(1)
    assert of[0] / of[1] == pytest.approx(2)
    assert of[0] / of[99] == pytest.approx(100)
    drawn = Counter(draw(of, 50_000, random.Random(1)))  # noqa: S311 - not for secrets
    assert drawn[0] / 50_000 == pytest.approx(of[0], rel=0.05)


def test_hot_deals_get_half_of_what_is_wanted_of_them() -> None:
    of = shares(100)
    units = allotments(of, 10_000, hot=20)
    assert units[0] == round(of[0] * 5_000)
    assert units[21] == round(of[21] * 20_000)
    assert units[40] == round(of[40] * 5_000)
    assert min(allotments(of, 1, hot=20)) == 1


def shoppers() -> Shoppers:
    tokens = [f"fss_{number}" for number in range(10_000)]
    return Shoppers(deals=DEALS, tokens=tokens, seed=1)


def tell(source: Shoppers, ask: Ask, body: object, status: int = 200) -> Outcome:
    told = orjson.dumps(body)
    data = bytearray(b"HTTP/1.1 %d \r\n\r\n" % status + told + b" of an answer before")
    begin = data.find(b"\r\n\r\n") + 4
    return source.answered(ask, data, begin, begin + len(told))


def first(source: Shoppers, kind: int) -> Ask:
    return next(ask for ask in iter(source.next, None) if ask.kind == kind)


def test_the_mix_is_what_it_says() -> None:
    source = shoppers()
    kinds = Counter(source.next().kind for _ in range(100_000))
    assert kinds == {LIST: 49_000, DETAIL: 47_000, ADD: 4_000}
    # Nobody had a cart yet, so the steps were lists.
    assert source.facts.idle_steps == 1_000


def test_each_add_is_another_buyers_and_half_of_them_have_a_key() -> None:
    source = shoppers()
    adds = [ask for ask in (source.next() for _ in range(100_000)) if ask.kind == ADD]
    assert len({ask.note.buyer for ask in adds}) == len(adds) == 4_000
    assert sum(b"idempotencyKey" in ask.request for ask in adds) == 2_000


def test_a_buyer_with_a_cart_goes_on_to_checkout_and_order() -> None:
    source = shoppers()
    ask = first(source, ADD)
    assert tell(source, ask, {"data": {"addToCart": {"__typename": "CartUpdated"}}}) == (
        Outcome.ACCEPTED
    )
    assert source.facts.added[ask.note.deal] == 1
    checkout = first(source, CHECKOUT)
    assert checkout.note == ask.note
    total = {"amountMinor": 1_990, "currency": "USD"}
    made = {"__typename": "Checkout", "id": "chk_1", "total": total}
    tell(source, checkout, {"data": {"checkout": made}})
    place = first(source, PLACE)
    head, _, body = place.request.partition(b"\r\n\r\n")
    assert b"Bearer fss_%d\r\n" % ask.note.buyer in head
    assert orjson.loads(body)["variables"]["input"] == {
        "checkoutId": "chk_1",
        "idempotencyKey": "chk_1",
        "expectedTotal": total,
    }
    placed = {"__typename": "OrderPlaced", "order": {"id": "ord_1"}}
    assert tell(source, place, {"data": {"placeOrder": placed}}) == Outcome.ACCEPTED
    assert source.facts.orders == [("ord_1", ask.note.deal)]


@pytest.mark.parametrize(
    ("word", "outcome", "unknown"),
    [
        ("SoldOut", Outcome.REFUSED, 0),
        ("TryLater", Outcome.SHED, 1),
        ("SomethingNew", Outcome.FAILED, 1),
    ],
)
def test_refusals_are_told_apart(word: str, outcome: Outcome, unknown: int) -> None:
    source = shoppers()
    ask = first(source, ADD)
    assert tell(source, ask, {"data": {"addToCart": {"__typename": word}}}) == outcome
    assert source.facts.words == {f"addToCart: {word}": 1}
    assert sum(source.facts.added) == 0
    assert source.facts.unknown[ask.note.deal] == unknown


@pytest.mark.parametrize("kind", [LIST, ADD])
def test_what_is_shed_before_execution_has_no_effect(kind: int) -> None:
    source = shoppers()
    ask = first(source, kind)
    body = {"errors": [{"message": "Later.", "extensions": {"code": "OVERLOADED"}}]}
    assert tell(source, ask, body, 503) == Outcome.SHED
    assert sum(source.facts.unknown) == 0
    assert not source.facts.wrong


def test_an_answer_about_another_deal_is_wrong() -> None:
    source = shoppers()
    ask = first(source, DETAIL)
    assert tell(source, ask, {"data": {"deal": {"id": "deal_of_another"}}}) == Outcome.FAILED
    assert len(source.facts.wrong) == 1
    assert "deal_of_another" in source.facts.wrong[0]


def test_a_sampled_list_with_impossible_stock_is_wrong() -> None:
    source = shoppers()
    stock = {"available": 3, "allotment": 5}
    good = {"data": {"deals": {"nodes": [{"stock": stock}] * 20}}}
    assert tell(source, first(source, LIST), good) == Outcome.ACCEPTED
    assert (source.facts.sampled, source.facts.wrong) == (1, [])
    source = shoppers()
    bad = {"data": {"deals": {"nodes": [{"stock": {**stock, "available": 6}}] * 20}}}
    tell(source, first(source, LIST), bad)
    assert len(source.facts.wrong) == 1
