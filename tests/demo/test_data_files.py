"""The hand-written files of the demo sale keep the promises that the pages and guides build on."""

import json
import re
from collections import Counter
from importlib.resources import files
from typing import Any

import pytest

from graph.pages import WEB

Row = dict[str, Any]

HOUR_SECONDS = 3_600
LONGEST_LINE = 200  # a longer one cannot be read in a diff
SKU = re.compile(r"[A-Z]{3}-[A-Z0-9]{2,5}(-[A-Z0-9]{1,4}){1,2}")
DEAL_FIELDS = {
    "sku": str,
    "title": str,
    "price_minor": int,
    "list_price_minor": int,
    "starts_in_seconds": int,
    "ends_in_seconds": int,
    "allotment": int,
    "safety_stock": int,
    "purchase_limit": int,
    "sold_units": int,
}


def text_of(name: str) -> str:
    return files("demo").joinpath(name).read_text(encoding="utf-8")


def unique_keys(pairs: list[tuple[str, Any]]) -> Row:
    """Refuse what json.loads would settle silently: a key that is there twice."""
    assert len({key for key, _ in pairs}) == len(pairs), pairs
    return dict(pairs)


@pytest.fixture(scope="module")
def products() -> list[Row]:
    rows: list[Row] = json.loads(text_of("products.json"), object_pairs_hook=unique_keys)
    return rows


@pytest.fixture(scope="module")
def deals() -> list[Row]:
    rows: list[Row] = json.loads(text_of("deals.json"), object_pairs_hook=unique_keys)
    return rows


def units_left(deal: Row) -> int:
    left: int = deal["allotment"] - deal["sold_units"]
    return left


def live_when_loaded(deals: list[Row]) -> list[Row]:
    return [d for d in deals if d["starts_in_seconds"] <= 0 < d["ends_in_seconds"]]


def is_plain_text(text: str) -> bool:
    return text.isprintable() and text == text.strip() and "  " not in text


# Products --------------------------------------------------------------------------------------


def test_at_least_64_products_fill_at_least_7_categories(products: list[Row]) -> None:
    per_category = Counter(product["category"] for product in products)

    assert len(products) >= 64
    assert len(per_category) >= 7
    assert min(per_category.values()) >= 5


def test_no_two_products_share_a_sku_a_name_or_a_description(products: list[Row]) -> None:
    for field in ("sku", "name", "description"):
        counts = Counter(product[field] for product in products)
        assert [value for value, count in counts.items() if count > 1] == []


def test_every_sku_looks_like_one(products: list[Row]) -> None:
    assert [p["sku"] for p in products if not SKU.fullmatch(p["sku"])] == []


def test_every_product_has_exactly_the_fields_of_the_catalogue(products: list[Row]) -> None:
    fields = {"sku", "name", "category", "description", "image_url", "attributes"}

    assert [p["sku"] for p in products if p.keys() != fields] == []


def test_every_deal_has_a_picture_of_its_own_and_no_picture_is_missing(
    products: list[Row], deals: list[Row]
) -> None:
    pictures = {p["sku"]: p["image_url"] for p in products if p["image_url"] is not None}

    assert pictures == {sku: f"/static/pictures/{sku.lower()}.svg" for sku in pictures}
    assert {deal["sku"] for deal in deals} <= pictures.keys()
    assert [
        url for url in pictures.values() if not (WEB / url.removeprefix("/static/")).is_file()
    ] == []


def test_every_product_is_described_in_one_to_three_sentences(products: list[Row]) -> None:
    for product in products:
        sentences = re.findall(r"[.!?](?= |$)", product["description"])
        assert 1 <= len(sentences) <= 3, product["sku"]
        assert product["description"].endswith("."), product["sku"]
        assert 40 <= len(product["description"]) <= 200, product["sku"]


def test_every_product_has_three_to_six_attributes_with_names_of_their_own(
    products: list[Row],
) -> None:
    for product in products:
        attributes = product["attributes"]
        assert 3 <= len(attributes) <= 6, product["sku"]
        assert all(a.keys() == {"name", "value"} for a in attributes), product["sku"]
        assert len({a["name"] for a in attributes}) == len(attributes), product["sku"]


def test_every_text_a_buyer_reads_is_plain_and_trimmed(
    products: list[Row], deals: list[Row]
) -> None:
    texts = [p[field] for p in products for field in ("name", "category", "description")]
    texts += [a[field] for p in products for a in p["attributes"] for field in ("name", "value")]
    texts += [deal["title"] for deal in deals]

    assert [text for text in texts if not text or not is_plain_text(text)] == []


def test_no_name_looks_generated(products: list[Row], deals: list[Row]) -> None:
    numbered = r"\b(brand|category|deal|item|product|sample|test|title)s?[ _#-]*\d"
    generated = re.compile(rf"{numbered}|\b(lorem|ipsum|foo|bar|dummy)\b", re.IGNORECASE)
    names = [p["name"] for p in products] + [d["title"] for d in deals]

    assert [name for name in names if generated.search(name)] == []


# Deals -----------------------------------------------------------------------------------------


def test_every_deal_has_exactly_the_fields_that_the_loader_reads(deals: list[Row]) -> None:
    for deal in deals:
        assert deal.keys() == DEAL_FIELDS.keys(), deal["sku"]
        assert {name: type(deal[name]) for name in DEAL_FIELDS} == DEAL_FIELDS, deal["sku"]


def test_there_are_at_least_42_deals_with_titles_of_their_own(deals: list[Row]) -> None:
    assert len(deals) >= 42
    assert len({deal["title"] for deal in deals}) == len(deals)
    assert max(len(deal["title"]) for deal in deals) <= 100


def test_every_deal_sells_one_product_of_the_catalogue(
    products: list[Row], deals: list[Row]
) -> None:
    assert {deal["sku"] for deal in deals} <= {product["sku"] for product in products}
    assert len({deal["sku"] for deal in deals}) == len(deals)


def test_the_live_deals_reach_into_every_category(products: list[Row], deals: list[Row]) -> None:
    category_of = {product["sku"]: product["category"] for product in products}

    reached = {category_of[deal["sku"]] for deal in live_when_loaded(deals)}

    assert reached == set(category_of.values())


def test_every_price_is_a_real_discount(deals: list[Row]) -> None:
    dearer = [d["title"] for d in deals if not 0 < d["price_minor"] < d["list_price_minor"]]
    assert dearer == []


def test_the_units_of_every_deal_add_up(deals: list[Row]) -> None:
    for deal in deals:
        assert 5 <= deal["allotment"] <= 5_000, deal["title"]
        assert 0 <= deal["sold_units"] <= deal["allotment"], deal["title"]
        assert 1 <= deal["purchase_limit"] <= deal["allotment"], deal["title"]
        assert deal["safety_stock"] >= 0, deal["title"]


def test_a_few_deals_withhold_safety_stock(deals: list[Row]) -> None:
    assert len([d for d in deals if d["safety_stock"] > 0]) >= 3


def test_every_deal_ends_after_it_starts(deals: list[Row]) -> None:
    backwards = [d["title"] for d in deals if d["starts_in_seconds"] >= d["ends_in_seconds"]]
    assert backwards == []


def test_at_least_24_live_deals_with_plenty_left_end_between_2_minutes_and_8_hours(
    deals: list[Row],
) -> None:
    plenty = [deal for deal in live_when_loaded(deals) if units_left(deal) > 3]
    ends = [deal["ends_in_seconds"] for deal in plenty]

    assert len(plenty) >= 24
    assert len(set(ends)) == len(ends)
    assert min(ends) == 2 * 60
    assert max(ends) == 8 * HOUR_SECONDS


def test_two_live_deals_end_within_three_minutes(deals: list[Row]) -> None:
    soon = [d for d in live_when_loaded(deals) if d["ends_in_seconds"] <= 180]
    assert len(soon) == 2


def test_at_least_6_scheduled_deals_open_soon_and_one_tomorrow(deals: list[Row]) -> None:
    scheduled = [deal for deal in deals if deal["starts_in_seconds"] > 0]
    opens = sorted(deal["starts_in_seconds"] for deal in scheduled)

    assert len(opens) >= 6
    assert opens[0] == 30
    assert opens[-2] == 20 * 60
    assert opens[-1] == 24 * HOUR_SECONDS
    assert [deal["title"] for deal in scheduled if deal["sold_units"]] == []


def test_four_live_deals_have_one_to_three_units_left(deals: list[Row]) -> None:
    nearly = [deal for deal in live_when_loaded(deals) if 1 <= units_left(deal) <= 3]

    assert len(nearly) == 4
    assert {units_left(deal) for deal in nearly} == {1, 2, 3}


def test_four_live_deals_are_sold_out(deals: list[Row]) -> None:
    assert len([deal for deal in live_when_loaded(deals) if units_left(deal) == 0]) == 4


def test_four_deals_have_ended_and_sold_something(deals: list[Row]) -> None:
    ended = [deal for deal in deals if deal["ends_in_seconds"] <= 0]

    assert len(ended) == 4
    assert min(deal["sold_units"] for deal in ended) > 0


def test_the_popular_deals_have_thousands_of_units(deals: list[Row]) -> None:
    assert len([d for d in live_when_loaded(deals) if 2_000 <= d["allotment"] <= 5_000]) >= 3


def test_one_live_deal_of_fifty_untouched_units_is_there_for_races(deals: list[Row]) -> None:
    races = [deal for deal in deals if deal["title"].startswith("Race deal: ")]

    assert len(races) == 1
    assert races == [deal for deal in live_when_loaded(deals) if "race" in deal["title"].lower()]
    race = races[0]
    assert (race["allotment"], race["purchase_limit"], race["sold_units"]) == (50, 1, 0)
    assert race["ends_in_seconds"] == 8 * HOUR_SECONDS


# Files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["products.json", "deals.json"])
def test_the_files_are_laid_out_for_readable_differences(name: str) -> None:
    text = text_of(name)
    lines = text.splitlines()

    assert text.endswith("]\n")
    assert [line for line in lines if line != line.rstrip() or "\t" in line] == []
    assert max(map(len, lines)) <= LONGEST_LINE
    assert [line for line in lines if line.count('"sku"') > 1] == []
    assert lines.count("  {") == len(json.loads(text))
