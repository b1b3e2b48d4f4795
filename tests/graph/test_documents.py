"""Documents are prepared once, kept within bounds, and classified by what they ask for."""

import pytest

from graph import documents as kept
from graph.documents import Documents
from graph.schema import build_schema
from kit.settings import load_settings

SCHEMA = build_schema(load_settings())

PUBLIC = {
    "a list": "{ deals { nodes { id } } }",
    "two things": "{ deal(id: 1) { id } product(id: 2) { id } }",
    "a fragment": "{ ...F } fragment F on Query { deals { nodes { id } } __typename }",
    "fragments within": "{ ... { ... on Query { x: deals { nodes { id } } } } }",
    "its type alone": "{ __typename }",
}
NOT_PUBLIC = {
    "somebody's own": "{ deals { nodes { id } } me { id } }",
    "somebody's own in a fragment": "{ deals { nodes { id } } ...F } "
    "fragment F on Query { me { id } }",
    "perhaps somebody's own": '{ node(id: "deal_1") { id } }',
    "the time": "{ serverTime }",
    "a mutation": "mutation { logout }",
    "a subscription": "subscription { dealChanged { id } }",
    "what is not valid": "{ deals { nodes { id } } nothing }",
    "no document": "{",
}


@pytest.fixture
def documents() -> Documents:
    return Documents(SCHEMA, load_settings())


@pytest.mark.parametrize("text", PUBLIC.values(), ids=PUBLIC.keys())
def test_what_is_the_same_for_everybody_is_public(documents: Documents, text: str) -> None:
    assert documents.prepare(text, None).public
    assert documents.prepare(text, None).errors == ()


@pytest.mark.parametrize("text", NOT_PUBLIC.values(), ids=NOT_PUBLIC.keys())
def test_nothing_else_is_public(documents: Documents, text: str) -> None:
    assert not documents.prepare(text, None).public


def test_an_operation_is_chosen_by_its_name(documents: Documents) -> None:
    text = "query A { __typename } mutation B { logout } subscription C { dealChanged { id } }"
    kinds = {name: documents.prepare(text, name).kind for name in ("A", "B", "C", "D", None)}
    assert kinds == {
        "A": "query",
        "B": "mutation",
        "C": "subscription",
        "D": "unknown",
        None: "unknown",
    }
    assert documents.prepare(text, "C").audience == "EVERYBODY"
    assert documents.prepare(text, "A") is documents.prepare(text, "A")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Documents:
    """Documents that keep four, two refused ones, and few characters."""
    monkeypatch.setattr(kept, "CACHED_DOCUMENTS", 4)
    monkeypatch.setattr(kept, "CACHED_REFUSALS", 2)
    monkeypatch.setattr(kept, "CACHED_CHARACTERS", 400)
    return Documents(SCHEMA, load_settings())


def test_nonsense_does_not_push_out_what_is_asked_for(few: Documents) -> None:
    known = few.prepare("{ __typename }", None)
    for number in range(100):
        assert few.prepare(f"{{ nothing{number} }}", None).errors
    assert few.prepare("{ __typename }", None) is known


def test_what_was_not_asked_for_longest_goes_first(few: Documents) -> None:
    first, second = few.prepare("{ a: __typename }", None), few.prepare("{ b: __typename }", None)
    for name in "cde":
        assert few.prepare("{ a: __typename }", None) is first
        few.prepare(f"{{ {name}: __typename }}", None)
    assert few.prepare("{ a: __typename }", None) is first
    assert few.prepare("{ b: __typename }", None) is not second


def test_long_texts_take_the_place_of_several(few: Documents) -> None:
    short = few.prepare("{ __typename }", None)
    long = "{ __typename }" + " " * 390
    assert few.prepare(long, None).errors == ()
    assert few.prepare("{ __typename }", None) is not short


def test_names_that_mean_nothing_are_not_remembered(documents: Documents) -> None:
    first = documents.prepare("query A { __typename }", "B")
    assert first.kind == "unknown"
    assert documents.prepare("query A { __typename }", "B") is not first
