"""Kept answers are true: dropped, renewed, and never found while nothing is heard."""

from dataclasses import dataclass, field

import pytest

from graph.context import CATALOGUE
from graph.response_cache import (
    MOST_RAW,
    MOST_SECONDS,
    RENEW_SECONDS,
    STALE_SECONDS,
    CachedAnswer,
    Key,
    Raw,
    ResponseCache,
)

KEY: Key = ("{ deals }", None, b"{}")
OTHER: Key = ("{ deal }", None, b"{}")
RAW: Raw = (b"", b'{"query":"{ deals }"}')
DEAL = "deal:deal_a"
STOCK = "stock:deal_a"
PLENTY = 1_000_000
BODY = b'{"data":{}}'


@dataclass
class Kept:
    """A cache, its clock, and whether it hears."""

    most_bytes: int = PLENTY
    now: float = 100.0
    hears: bool = True
    cache: ResponseCache = field(init=False)

    def __post_init__(self) -> None:
        self.cache = ResponseCache(
            most_bytes=self.most_bytes, hears=lambda: self.hears, now=lambda: self.now
        )

    def put(
        self, key: Key = KEY, *tags: str, body: bytes = BODY, seconds: float | None = None
    ) -> CachedAnswer | None:
        return self.cache.put(key, body, began_at=self.now, tags=tags, seconds=seconds)

    def change(self, available: int = 5) -> None:
        self.cache.stock_changed("deal_a", 1, 1, available)


def test_an_answer_is_found_by_what_was_asked_and_by_how_it_was_asked() -> None:
    kept = Kept()
    answer = kept.put()
    assert answer is not None
    kept.cache.name(RAW, answer)

    assert kept.cache.find(KEY) is kept.cache.find_raw(RAW) is answer
    assert kept.cache.find(OTHER) is None
    assert kept.cache.find_raw((b"another client", RAW[1])) is None


def test_a_change_of_stock_lets_an_answer_be_renewed_and_then_forgotten() -> None:
    kept = Kept()
    answer = kept.put(KEY, STOCK)
    assert answer is not None
    assert not kept.cache.is_due(answer)

    kept.change()
    kept.now += RENEW_SECONDS
    assert kept.cache.find(KEY) is answer
    assert kept.cache.is_due(answer)
    kept.change()  # the first change counts: the answer is as old as that
    kept.now += STALE_SECONDS - RENEW_SECONDS
    assert kept.cache.find(KEY) is None


@pytest.mark.parametrize(("first", "then"), [(5, 0), (0, 5)])
def test_selling_out_and_coming_back_drop_an_answer_at_once(first: int, then: int) -> None:
    kept = Kept()
    kept.change(first)
    kept.put(KEY, STOCK)
    kept.change(then)
    assert kept.cache.find(KEY) is None


def test_terms_drop_the_deal_and_all_lists_but_nothing_else() -> None:
    kept = Kept()
    kept.put(KEY, CATALOGUE)
    kept.put(OTHER, DEAL, "product:prod_a")
    kept.put(("{ other }", None, b"{}"), "deal:deal_b")
    kept.cache.deal_changed("deal_a")
    assert kept.cache.find(KEY) is kept.cache.find(OTHER) is None
    assert kept.cache.find(("{ other }", None, b"{}")) is not None


def test_a_product_drops_what_shows_it() -> None:
    kept = Kept()
    kept.put(KEY, "product:prod_a")
    kept.cache.product_changed("prod_b")
    assert kept.cache.find(KEY) is not None
    kept.cache.product_changed("prod_a")
    assert kept.cache.find(KEY) is None


@pytest.mark.parametrize("seconds", [None, 3.0, 100.0])
def test_time_alone_ends_every_answer(seconds: float | None) -> None:
    kept = Kept()
    kept.put(seconds=seconds)
    kept.now += min(MOST_SECONDS, seconds or MOST_SECONDS) - 0.001
    assert kept.cache.find(KEY) is not None
    kept.now += 0.002
    assert kept.cache.find(KEY) is None


def test_what_is_over_already_is_not_kept() -> None:
    assert Kept().put(seconds=0.0) is None


def test_nothing_is_found_or_kept_while_nothing_is_heard() -> None:
    kept = Kept()
    kept.put()
    kept.hears = False
    assert kept.cache.find(KEY) is None
    assert kept.put(OTHER) is None
    kept.hears = True
    assert kept.cache.find(KEY) is not None, "it was heard of nothing: the gap itself drops it"
    kept.cache.forget_all()
    assert kept.cache.find(KEY) is None


def test_a_change_while_an_answer_is_read_makes_it_as_old_as_the_change() -> None:
    kept = Kept()
    began_at = kept.now
    kept.change()
    kept.now += RENEW_SECONDS
    answer = kept.cache.put(KEY, BODY, began_at=began_at, tags=[STOCK], seconds=None)
    assert answer is not None
    assert kept.cache.is_due(answer)
    kept.now += STALE_SECONDS - RENEW_SECONDS
    assert kept.cache.find(KEY) is None


@pytest.mark.parametrize("happening", ["sold out", "terms", "gap", "slow"])
def test_an_answer_that_was_read_before_something_decisive_is_not_kept(happening: str) -> None:
    kept = Kept()
    kept.put(KEY, DEAL, STOCK)  # nor is the one before it
    began_at = kept.now
    match happening:
        case "sold out":
            kept.change(0)
        case "terms":
            kept.cache.deal_changed("deal_a")
        case "gap":
            kept.cache.forget_all()
        case "slow":
            kept.change()
            kept.now += STALE_SECONDS
    assert kept.cache.put(KEY, BODY, began_at=began_at, tags=[DEAL, STOCK], seconds=None) is None
    assert kept.cache.find(KEY) is None


def test_a_renewed_answer_keeps_the_ways_in_which_it_is_asked_for() -> None:
    kept = Kept()
    answer = kept.put(KEY, STOCK)
    assert answer is not None
    kept.cache.name(RAW, answer)
    kept.change()
    kept.now += 0.001
    assert kept.put(KEY, STOCK, body=b"newer") is answer
    kept.now += STALE_SECONDS
    found = kept.cache.find_raw(RAW)
    assert found is not None
    assert found.body == b"newer"


def test_bytes_are_bounded_and_what_was_not_asked_for_goes_first() -> None:
    kept = Kept(most_bytes=50_000)
    keys: list[Key] = [(f"{{ n{number} }}", None, b"{}") for number in range(40)]
    for key in keys:
        kept.put(key, DEAL, body=b"x" * 900)
        kept.cache.find(keys[0])
        assert kept.cache.bytes <= 50_000
    assert kept.cache.find(keys[0]) is not None
    assert kept.cache.find(keys[1]) is None
    assert kept.cache.find(keys[-1]) is not None
    kept.cache.deal_changed("deal_a")
    assert (len(kept.cache), kept.cache.bytes) == (0, 0)


def test_an_answer_that_would_take_most_of_the_room_is_not_kept() -> None:
    kept = Kept(most_bytes=16_000)
    assert kept.put(body=b"x" * 1_000) is None
    assert (len(kept.cache), kept.cache.bytes) == (0, 0)


def test_one_answer_has_so_many_ways_of_being_asked_for() -> None:
    kept = Kept()
    answer = kept.put()
    assert answer is not None
    raws: list[Raw] = [(b"", b"%d" % number) for number in range(MOST_RAW + 1)]
    before = kept.cache.bytes
    for raw in raws:
        kept.cache.name(raw, answer)
    assert kept.cache.find_raw(raws[MOST_RAW - 1]) is answer
    assert kept.cache.find_raw(raws[MOST_RAW]) is None
    assert kept.cache.bytes > before
    kept.cache.drop(answer)
    assert kept.cache.find_raw(raws[0]) is None
    assert kept.cache.bytes == 0


def test_what_was_begun_before_something_decisive_is_for_nobody_who_asks_later() -> None:
    kept = Kept()
    began_at = kept.now
    kept.now += 0.001
    assert kept.cache.is_fresh(began_at)
    kept.change(5)
    kept.change(0)
    assert kept.cache.is_fresh(began_at), "stock may be so old"
    kept.cache.deal_changed("deal_b")
    assert not kept.cache.is_fresh(began_at)
    kept.now += 0.001
    began_at = kept.now
    kept.now += 1.01 * STALE_SECONDS
    assert not kept.cache.is_fresh(began_at), "it is as old as an answer may be"


def test_a_reading_that_took_longer_than_changes_are_remembered_is_not_kept() -> None:
    kept = Kept()
    began_at = kept.now
    kept.cache.product_changed("prod_a")
    kept.now += 20
    kept.cache.product_changed("prod_b")  # what happened to the other is forgotten by now
    assert (
        kept.cache.put(KEY, BODY, began_at=began_at, tags=["product:prod_a"], seconds=None) is None
    )


def test_more_news_of_a_deal_that_is_sold_out_drop_nothing_at_once() -> None:
    kept = Kept()
    kept.change(0)
    answer = kept.put(KEY, STOCK)
    kept.now += 0.001
    answer = kept.put(KEY, STOCK)
    kept.change(0)
    assert kept.cache.find(KEY) is answer
    kept.change(1)
    assert kept.cache.find(KEY) is None
