"""What one document may ask for; beyond it nothing is executed, whatever it costs to say no."""

import time

import graphql
import pytest
import strawberry.schema.schema as strawberry_schema

from graph import limits
from tests.graph.edge import Edge, edge_settings
from tests.graph.small_schema import small_schema

ALLOWED = edge_settings()


def _nested(levels: int) -> str:
    return "{ deal " + "{ same " * (levels - 2) + "{ id }" + " }" * (levels - 1)


def _chain(links: int, *, spreads: int) -> str:
    """Fragments of which each spreads the next, several times under different names."""
    fragments = [
        f"fragment F{n} on Deal {{ "
        + " ".join(f"a{n}x{m}: same {{ ...F{n + 1} }}" for m in range(spreads))
        + " }"
        for n in range(links)
    ]
    return "{ deal { ...F0 } } " + " ".join(fragments) + f" fragment F{links} on Deal {{ id }}"


TOO_MUCH = {
    "101 aliases": "{ " + " ".join(f"a{n}: hello" for n in range(101)) + " }",
    "101 aliases in fragments": "{ ...F } fragment F on Query { "
    + " ".join(f"a{n}: hello" for n in range(101))
    + " }",
    "1,001 tokens": "{ " + "hello " * 999 + "}",
    "one field 998 times": "{ " + "hello " * 998 + "}",
    "50 levels": _nested(50),
    "16 levels": _nested(16),
    "600 levels": _nested(300),
    "16 levels through fragments": _chain(14, spreads=1),
    "10 repeated directives": "{ hello " + "@include(if: true) " * 10 + "}",
    "10 directives on a fragment": "{ ... " + "@skip(if: false) " * 10 + "{ hello } }",
    "10 directives on an operation": "query Q " + "@skip(if: false) " * 10 + "{ hello }",
    "a fragment that spreads itself": "{ deal { ...F } } fragment F on Deal { same { ...F } }",
    "fragments that spread each other": "{ deal { ...F } } fragment F on Deal { ...G }"
    " fragment G on Deal { ...H } fragment H on Deal { ...F }",
    "fragments that double thirteen times": _chain(13, spreads=7),
    "a page times a page": "{ deals(first: 100) { nodes { more(first: 100) {"
    " nodes { more(first: 100) { nodes { id } } } } } } }",
    "a page times a page by variables": "query($n: Int!) { deals(first: $n) { nodes {"
    " more(first: $n) { nodes { more(first: $n) { nodes { id } } } } } } }",
    "pages of the default size": "{ deals { nodes { more { nodes { more { nodes { more {"
    " nodes { id } } } } } } } } }",
    "two logins": 'mutation { a: login(name: "a") b: login(name: "b") }',
    "two orders through fragments": 'mutation { placeOrder(key: "a") ...F }'
    ' fragment F on Mutation { ... { b: placeOrder(key: "b") } }',
    "a long list of introspections": "{ __schema { types { fields { type { fields { type {"
    " fields { type { name } } } } } } } }",
}
# Refused by GraphQL's own rule, which gives no code.
WITHOUT_OUR_CODE = {"a long list of introspections"}


@pytest.mark.parametrize("document", TOO_MUCH.values(), ids=TOO_MUCH.keys())
async def test_too_much_in_one_document_is_refused_quickly(edge: Edge, document: str) -> None:
    edge.calls.clear()
    edge.fakes.limiter.admitted.clear()
    started = time.perf_counter()
    response = await edge.post(document)
    assert time.perf_counter() - started < 2
    assert response.status_code == 400
    codes = {error["extensions"]["code"] for error in response.json()["errors"]}
    ours = document not in {TOO_MUCH[name] for name in WITHOUT_OUR_CODE}
    assert codes == {"QUERY_TOO_COMPLEX" if ours else "BAD_USER_INPUT"}
    assert "data" not in response.json()
    assert edge.calls == []
    assert edge.fakes.limiter.admitted == []


async def test_fragments_in_a_circle_are_refused_for_what_they_are(edge: Edge) -> None:
    for name in ("a fragment that spreads itself", "fragments that spread each other"):
        response = await edge.post(TOO_MUCH[name])
        messages = [error["message"] for error in response.json()["errors"]]
        assert messages == ["A fragment must not spread itself."]


async def test_too_much_is_refused_by_get_and_in_json_too(edge: Edge) -> None:
    response = await edge.http.get("/graphql", params={"query": TOO_MUCH["101 aliases"]})
    assert response.status_code == 200
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"


@pytest.mark.parametrize(
    "document",
    [
        "{ " + " ".join(f"a{n}: hello" for n in range(100)) + " }",
        "{ " + "hello " * 500 + "}",
        _nested(15),
        "{ deals(first: 100) { nodes { id lines { title deal { id } } } } }",
        "query A { hello } query B { hello }",
        "{ deal { ...F ...F } } fragment F on Deal { id }",
        'mutation { login(name: "a") placeOrder(key: "a") }',
    ],
    ids=lambda document: document[:30],
)
async def test_what_is_within_the_bounds_is_executed(edge: Edge, document: str) -> None:
    name = "A" if "query A" in document else None
    response = await edge.http.post("/graphql", json={"query": document, "operationName": name})
    assert "errors" not in response.json()


async def test_the_usual_introspection_is_within_the_bounds(edge: Edge) -> None:
    query = graphql.get_introspection_query(input_value_deprecation=True, type_depth=9)
    response = await edge.post(query)
    assert "errors" not in response.json()


async def test_each_aliased_attempt_counts_against_the_limit(edge: Edge) -> None:
    edge.fakes.limiter.admitted.clear()
    await edge.post('mutation { a: addToCart(name: "x") b: addToCart(name: "x") }')
    assert len(edge.fakes.limiter.admitted) == 2


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How often documents are really parsed and validated."""
    done = {"parse": 0, "validate": 0}
    parse, validate = graphql.parse, graphql.validate

    def counting_parse(*given: object, **named: object) -> object:
        done["parse"] += 1
        return parse(*given, **named)  # type: ignore[arg-type] # handed on as they came

    def counting_validate(*given: object, **named: object) -> object:
        done["validate"] += 1
        return validate(*given, **named)  # type: ignore[arg-type] # the same

    monkeypatch.setattr(limits, "parse", counting_parse)
    monkeypatch.setattr(strawberry_schema, "validate", counting_validate)
    return done


async def test_a_known_document_is_neither_parsed_nor_validated_again(
    work: dict[str, int],
) -> None:
    schema = small_schema(ALLOWED)
    for name in ("Ada", "Grace", "Edsger") * 33:
        result = await schema.execute(
            "query Greet($name: String!) { hello(name: $name) }", variable_values={"name": name}
        )
        assert result.data == {"hello": f"hello {name}"}
    assert work == {"parse": 1, "validate": 1}
    await schema.execute("{ hello }")
    assert work == {"parse": 2, "validate": 2}


async def test_a_refused_document_is_not_measured_again(work: dict[str, int]) -> None:
    schema = small_schema(ALLOWED)
    for _ in range(3):
        result = await schema.execute(TOO_MUCH["a page times a page"])
        assert result.errors
    assert work == {"parse": 1, "validate": 1}


async def test_introspection_of_fifty_levels_is_refused(edge: Edge) -> None:
    deep = "{ __schema { types { " + "ofType { " * 48 + "name" + " }" * 50 + " }"
    response = await edge.post(deep)
    assert response.json()["errors"][0]["extensions"]["code"] == "QUERY_TOO_COMPLEX"
