"""The pages ask only what the schema answers, and have words for all that it may refuse."""

import re
from functools import cache
from typing import get_args

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    parse,
    validate,
)

from graph.context import Code
from graph.page_documents import page_documents
from graph.pages import WEB

STOREFRONT = WEB / "storefront"


def documents_of(page: str) -> dict[str, str]:
    return page_documents(WEB / page)


@cache
def schema() -> GraphQLSchema:
    return build_schema((WEB.parent / "schema.graphql").read_text("utf-8"))


def values_of(name: str) -> set[str]:
    enum = schema().type_map[name]
    assert isinstance(enum, GraphQLEnumType)
    return set(enum.values)


def keys_of(module: str, table: str) -> set[str]:
    """The keys of one table of words."""
    text = (STOREFRONT / module).read_text("utf-8")
    body = re.search(rf"const {table} = \{{\n?(.*?)\n?\}};", text, re.DOTALL)
    assert body is not None
    return set(re.findall(r"(?:^|[\s{{])([A-Z_]+):", body[1]))


@pytest.mark.parametrize("page", ["storefront", "dashboard"])
def test_a_page_asks_only_what_the_schema_answers(page: str) -> None:
    documents = documents_of(page)
    assert len(documents) > 5
    for name, text in documents.items():
        assert [error.message for error in validate(schema(), parse(text))] == [], name


def test_every_mutation_of_the_storefront_asks_why_it_was_refused() -> None:
    mutations = {
        name: text
        for name, text in documents_of("storefront").items()
        if text.lstrip().startswith("mutation") and "logout" not in text
    }
    assert len(mutations) == 8
    assert [name for name, text in mutations.items() if "... on UserError" not in text] == []


def test_every_refusal_has_plain_words() -> None:
    assert keys_of("refusals.js", "REFUSALS") == values_of("UserErrorCode")


def test_every_error_that_a_buyer_can_meet_has_plain_words() -> None:
    said = keys_of("refusals.js", "ERRORS")
    # Our own mistakes are told with the name of the request; no document here is too complex, and
    # none is asked for by its hash.
    assert set(get_args(Code)) - said == {
        "INTERNAL",
        "QUERY_TOO_COMPLEX",
        "PERSISTED_QUERY_NOT_FOUND",
        "PERSISTED_QUERY_NOT_SUPPORTED",
    }
    assert said - set(get_args(Code)) == {"UNREACHABLE"}


def test_every_status_of_an_order_has_a_name_and_an_explanation() -> None:
    assert keys_of("refusals.js", "STATUS_WORDS") == values_of("OrderStatus")
    assert keys_of("order.js", "EXPLAINED") == values_of("OrderStatus")


def test_every_phase_of_a_deal_has_words_for_not_being_live() -> None:
    assert keys_of("refusals.js", "NOT_LIVE") == values_of("DealPhase")


def test_what_a_refusal_says_is_among_what_the_storefront_asks_for() -> None:
    asked = " ".join(documents_of("storefront").values())
    refusals = [
        each
        for each in schema().type_map.values()
        if isinstance(each, GraphQLObjectType)
        and "UserError" in {interface.name for interface in each.interfaces}
    ]
    own = {
        (each.name, field)
        for each in refusals
        for field in each.fields
        if field not in {"code", "message", "retryable", "retryAfterMs"}
    }
    unasked = {
        (name, field)
        for name, field in own
        if not re.search(rf"\.\.\. on {name} \{{[^}}]*\b{field}\b", asked)
    }
    assert unasked == set()
