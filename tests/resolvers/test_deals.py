"""Deals, products and stock through the schema."""

import secrets
from datetime import UTC, datetime
from typing import Any

import pytest

from kit.ids import new_id, sibling
from tests.loaders.away import without_catalogue
from tests.orders.shop import Shop, buyer
from tests.resolvers.asking import Asker, Counter, journey

PAGE = """query(
  $category: String, $phase: DealPhase, $sort: DealSort, $first: Int, $after: String
) {
  deals(category: $category, phase: $phase, sort: $sort, first: $first, after: $after) {
    edges { cursor node { id } }
    nodes { id }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}"""


async def shelf(shop: Shop, count: int, **terms: Any) -> tuple[str, list[str]]:
    """Deals of a category of their own, in the order of their making."""
    category = f"Category {secrets.token_hex(6)}"
    deal_ids = [
        await shop.deal(**{name: given[n] for name, given in terms.items()}) for n in range(count)
    ]
    await shop.resources.pool.execute(
        "UPDATE deals SET category = $2 WHERE id = ANY ($1::text[])", deal_ids, category
    )
    for deal_id in deal_ids:
        shop.resources.dealbook.drop(deal_id)
    return category, deal_ids


async def test_the_servers_clock_is_told(anybody: Asker) -> None:
    told = (await anybody.ask("{ serverTime }"))["data"]["serverTime"]
    assert len(told) == len("2026-11-27T09:00:00.000Z")
    assert abs((datetime.now(UTC) - datetime.fromisoformat(told)).total_seconds()) < 5


async def test_a_deal_is_told_with_its_product_and_stock(anybody: Asker, shop: Shop) -> None:
    deal_id = await shop.deal(allotment=7, limit=3, price=1_500, ends_in=100)
    await shop.resources.carts.add(buyer(), deal_id=deal_id, quantity=3, key=None)
    deal = await anybody.run("Deal", id=deal_id)
    assert deal["title"] == "Tea, by the tin"
    assert deal["product"]["name"] == "Tin of tea"
    assert (deal["price"]["amountMinor"], deal["listPrice"]["amountMinor"]) == (1_500, 2_000)
    assert (deal["discountPercent"], deal["purchaseLimit"], deal["phase"]) == (25, 3, "LIVE")
    assert 90 <= deal["secondsRemaining"] <= 100
    stock = deal["stock"]
    assert stock["id"] == sibling("stk", deal_id)
    assert (stock["dealId"], stock["level"]) == (deal_id, "LOW")
    assert (stock["allotment"], stock["available"], stock["held"], stock["sold"]) == (7, 4, 3, 0)
    assert stock["epoch"] >= 1
    assert stock["version"] >= 1


@pytest.mark.parametrize(
    ("starts_in", "ends_in", "phase", "least", "most"),
    [(50, 100, "SCHEDULED", 45, 50), (-50, 50, "LIVE", 45, 50), (-50, -10, "ENDED", 0, 0)],
)
async def test_the_seconds_that_remain_belong_to_the_phase(
    anybody: Asker,
    shop: Shop,
    *,
    starts_in: float,
    ends_in: float,
    phase: str,
    least: int,
    most: int,
) -> None:
    deal = await anybody.run("Deal", id=await shop.deal(starts_in=starts_in, ends_in=ends_in))
    assert deal["phase"] == phase
    assert least <= deal["secondsRemaining"] <= most


@pytest.mark.parametrize(
    "odd_id",
    ["", "x" * 5_000, "deal_\0", "../..", "\N{FIRE}", "prod_" + "0" * 26, "deal_" + "0" * 26],
)
async def test_an_id_of_nothing_is_null(anybody: Asker, odd_id: str) -> None:
    for field in ("deal", "product", "node"):
        document = f"query($id: ID!) {{ {field}(id: $id) {{ id }} }}"
        assert await anybody.ask(document, id=odd_id) == {"data": {field: None}, "errors": []}


@pytest.mark.parametrize("id_", [{"$ne": None}, {"$where": "1"}, ["deal_1"], True, 1.5])
async def test_what_is_no_text_is_no_id(anybody: Asker, id_: object) -> None:
    assert await anybody.code("query($id: ID!) { product(id: $id) { id } }", id=id_) == (
        "BAD_USER_INPUT"
    )


async def test_pages_lead_through_the_whole_list(anybody: Asker, shop: Shop) -> None:
    category, deal_ids = await shelf(shop, 5)
    seen: list[str] = []
    after = None
    pages = 0
    while True:
        answer = await anybody.ask(PAGE, category=category, sort="NEWEST", first=2, after=after)
        page = answer["data"]["deals"]
        assert [edge["node"] for edge in page["edges"]] == page["nodes"]
        assert page["pageInfo"]["hasPreviousPage"] == (after is not None)
        assert page["pageInfo"]["startCursor"] == page["edges"][0]["cursor"]
        seen += [node["id"] for node in page["nodes"]]
        pages += 1
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == deal_ids[::-1]
    assert pages == 3


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("ENDING_SOON", [1, 2, 0]),
        ("NEWEST", [2, 1, 0]),
        ("BIGGEST_DISCOUNT", [2, 0, 1]),
        ("PRICE_ASC", [2, 0, 1]),
        (None, [1, 2, 0]),
    ],
)
async def test_deals_are_sorted_as_asked(
    anybody: Asker, shop: Shop, sort: str | None, order: list[int]
) -> None:
    category, deal_ids = await shelf(
        shop, 3, price=[1_000, 1_900, 500], ends_in=[3_000, 1_000, 2_000]
    )
    page = (await anybody.ask(PAGE, category=category, sort=sort))["data"]["deals"]
    assert [node["id"] for node in page["nodes"]] == [deal_ids[n] for n in order]


async def test_deals_are_filtered_by_phase_and_live_ones_are_the_default(
    anybody: Asker, shop: Shop
) -> None:
    category, (live, scheduled, ended, paused) = await shelf(
        shop, 4, starts_in=[-60, 60, -60, -60], ends_in=[90, 90, -30, 90]
    )
    await shop.resources.dealdesk.pause(paused)

    async def found(phase: str | None) -> set[str]:
        page = (await anybody.ask(PAGE, category=category, phase=phase))["data"]["deals"]
        return {node["id"] for node in page["nodes"]}

    assert await found("LIVE") == {live}
    assert await found("SCHEDULED") == {scheduled}
    assert await found("ENDED") == {ended}
    assert await found("PAUSED") == {paused}
    assert await found(None) == {live, scheduled, ended, paused}
    by_default = await anybody.ask(f'{{ deals(category: "{category}") {{ nodes {{ id }} }} }}')
    assert by_default["data"]["deals"]["nodes"] == [{"id": live}]


@pytest.mark.parametrize("first", [0, -1, 101, 100_000])
async def test_a_page_that_cannot_be_is_bad_input(anybody: Asker, first: int) -> None:
    assert await anybody.code(PAGE, first=first) == "BAD_USER_INPUT"


@pytest.mark.parametrize("after", ["", "forged", "AAAA" * 20, "\N{FIRE}", "\0", "="])
async def test_a_forged_cursor_is_bad_input(anybody: Asker, after: str) -> None:
    assert await anybody.code(PAGE, after=after) == "BAD_USER_INPUT"


async def test_a_cursor_of_another_list_is_bad_input(anybody: Asker, shop: Shop) -> None:
    category, _ = await shelf(shop, 1)
    page = (await anybody.ask(PAGE, category=category, sort="NEWEST"))["data"]["deals"]
    after = page["pageInfo"]["endCursor"]
    assert await anybody.code(PAGE, sort="PRICE_ASC", after=after) == "BAD_USER_INPUT"


@pytest.mark.parametrize("category", ["", "a\0b", "c" * 65, " "])
async def test_a_category_that_no_product_can_have_is_bad_input(
    anybody: Asker, category: str
) -> None:
    assert await anybody.code(PAGE, category=category) == "BAD_USER_INPUT"


async def test_a_category_without_deals_is_an_empty_page(anybody: Asker) -> None:
    assert (await anybody.ask(PAGE, category="'; DROP TABLE deals; --"))["data"]["deals"] == {
        "edges": [],
        "nodes": [],
        "pageInfo": {
            "hasNextPage": False,
            "hasPreviousPage": False,
            "startCursor": None,
            "endCursor": None,
        },
    }


async def test_a_node_is_whatever_its_id_names(
    anybody: Asker, alice: Asker, bob: Asker, shop: Shop
) -> None:
    deal_id = await shop.deal()
    deal = await anybody.run("Deal", id=deal_id)
    document = "query($id: ID!) { node(id: $id) { __typename id } }"
    for id_, typename in ((deal_id, "Deal"), (deal["product"]["id"], "Product")):
        answer = await anybody.ask(document, id=id_)
        assert answer["data"]["node"] == {"__typename": typename, "id": id_}
    assert (await alice.ask(document, id=alice.user_id))["data"]["node"]["__typename"] == "User"
    assert (await bob.ask(document, id=alice.user_id))["data"]["node"] is None
    for id_ in (alice.user_id, new_id("ord"), new_id("chk"), sibling("stk", deal_id)):
        assert (await anybody.ask(document, id=id_))["data"]["node"] is None


async def test_a_page_of_deals_reads_stock_and_products_once(
    anybody: Asker, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    category, deal_ids = await shelf(shop, 4)
    reads: list[list[str]] = []
    many = shop.resources.stockboard.many

    async def counted(asked: list[str]) -> Any:
        reads.append(list(asked))
        return await many(asked)

    monkeypatch.setattr(shop.resources.stockboard, "many", counted)
    document = "query($c: String) { deals(category: $c) { nodes { stock { available } } } }"
    answer = await anybody.ask(document, c=category)
    assert len(answer["data"]["deals"]["nodes"]) == 4
    assert [sorted(asked) for asked in reads] == [sorted(deal_ids)]


async def test_a_list_that_shows_no_stock_reads_none(
    anybody: Asker, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    category, _ = await shelf(shop, 2)

    async def never(_: object) -> Any:
        raise AssertionError("nobody asked for the stock")

    monkeypatch.setattr(shop.resources.stockboard, "many", never)
    answer = await anybody.ask(PAGE, category=category)
    assert len(answer["data"]["deals"]["nodes"]) == 2


async def test_journey_documents_of_the_shelf_are_true(anybody: Asker, shop: Shop) -> None:
    await shop.deal()
    answer = await anybody.ask(journey()["Deals"], sort="NEWEST", first=1)
    assert answer["errors"] == []
    assert len(answer["data"]["deals"]["nodes"]) == 1


async def test_a_deal_is_sold_while_the_catalogue_is_unreachable(
    counter: Counter, shop: Shop
) -> None:
    deal_id = await shop.deal(allotment=5)
    product_id = (await Asker(counter).run("Deal", id=deal_id))["product"]["id"]
    poorer = without_catalogue(counter.resources)
    anybody = Asker(Counter(counter.schema, poorer, counter.listening))
    deal = await anybody.run("Deal", id=deal_id)
    assert deal["product"] is None
    assert deal["stock"]["available"] == 5
    document = "query($id: ID!) { product(id: $id) { id } }"
    assert await anybody.code(document, id=product_id) == "OVERLOADED"
