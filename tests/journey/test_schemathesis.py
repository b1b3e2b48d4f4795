"""Schemathesis sends what nobody would think of; the API never fails nor shows its insides."""

import time
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.graphql import from_path

from tests.journey.conftest import ROOT, Sale

# Every query and mutation gets this many documents; a longer run is `--hypothesis-profile`'s.
EXAMPLES = 20
SIGN_IN_SECONDS = 90.0
schema = from_path(ROOT / "schema.graphql")

LOGIN = """mutation {
  login(input: {email: "operator@demo.example", password: "demo-operator-1"}) {
    ... on Session { token }
  }
}"""


@pytest.fixture(scope="session")
def operator_token(sale: Sale) -> str:
    """The tests before this one may have signed in as often as one may in a minute."""
    limit = time.monotonic() + SIGN_IN_SECONDS
    while True:
        answer = httpx.post(f"{sale.api}/graphql", json={"query": LOGIN}, timeout=15)
        if answer.status_code != httpx.codes.TOO_MANY_REQUESTS or time.monotonic() > limit:
            token: str = answer.json()["data"]["login"]["token"]
            return token
        time.sleep(float(answer.headers["Retry-After"]))


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_document_makes_the_server_fail(
    case: schemathesis.Case[Any], sale: Sale, operator_token: str
) -> None:
    if "logout" in str(case.body):
        return  # the session is needed for the next one
    response = case.call(
        base_url=f"{sale.api}/graphql", headers={"Authorization": f"Bearer {operator_token}"}
    )
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return  # a flood from one buyer, which this is, may be refused
    case.validate_response(response, checks=[not_a_server_error])
    codes = {error["extensions"]["code"] for error in response.json().get("errors", ())}
    assert "INTERNAL" not in codes, response.text
