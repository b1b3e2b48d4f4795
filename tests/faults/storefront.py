"""How a virtual buyer asks: one GraphQL request or one payment, recorded with its outcome."""

import random
from collections.abc import Callable, Sequence
from typing import Any, Final

import httpx

from tests.faults.history import History, Operation
from tests.faults.opening import Person

# A client gives up after this long; what the server does afterwards is its own affair.
PATIENCE_SECONDS: Final = 5.0
# Codes that come before anything is done; every other error leaves the outcome open.
_REFUSED_OUTRIGHT: Final = frozenset(
    {"UNAUTHENTICATED", "FORBIDDEN", "RATE_LIMITED", "OVERLOADED", "GRAPHQL_VALIDATION_FAILED"}
)
_USER_ERROR = "... on UserError { code message }"
_CART = "... on CartUpdated { cart { items { deal { id } quantity } } }"
_ORDER = """id status checkoutTotal: total { amountMinor currency } paymentDueAt
  lines { quantity deal { id } unitPrice { amountMinor } }
  payment { status intentId clientSecret }"""

DOCUMENTS: Final[dict[str, str]] = {
    "add": f"""mutation($input: AddToCartInput!) {{
      addToCart(input: $input) {{ __typename {_CART} {_USER_ERROR} }} }}""",
    "change": f"""mutation($input: UpdateCartItemInput!) {{
      updateCartItem(input: $input) {{ __typename {_CART} {_USER_ERROR} }} }}""",
    "remove": f"""mutation($input: RemoveFromCartInput!) {{
      removeFromCart(input: $input) {{ __typename {_CART} {_USER_ERROR} }} }}""",
    "cart": "query { cart { items { deal { id } quantity } } }",
    "checkout": f"""mutation {{ checkout {{ __typename {_USER_ERROR}
      ... on Checkout {{ id total {{ amountMinor currency }}
        items {{ quantity deal {{ id }} unitPrice {{ amountMinor }} }} }} }} }}""",
    "place": f"""mutation($input: PlaceOrderInput!) {{
      placeOrder(input: $input) {{ __typename {_USER_ERROR}
        ... on OrderPlaced {{ order {{ {_ORDER} }} }} }} }}""",
    "order": f"query($id: ID!) {{ order(id: $id) {{ {_ORDER} }} }}",
    "cancel": f"""mutation($orderId: ID!) {{
      cancelOrder(orderId: $orderId) {{ __typename {_USER_ERROR}
        ... on Order {{ id status }} }} }}""",
    "shelf": """query($id: ID!) { deal(id: $id) { id phase
      stock { allotment available held sold epoch version } product { id } } }""",
    "adjust": f"""mutation($input: AdjustStockInput!) {{
      adjustStock(input: $input) {{ __typename ... on DealSaved {{ deal {{ id }} }}
        {_USER_ERROR} }} }}""",
    "refund": f"""mutation($input: RefundOrderInput!) {{
      refundOrder(input: $input) {{ __typename ... on Order {{ id status }} {_USER_ERROR} }} }}""",
    "logout": "mutation { logout }",
}


# anyio asks a socket for its peer that was cut in the moment it was connected: None has no name.
_NO_ANSWER: Final = (httpx.HTTPError, ValueError, AttributeError)


class Storefront:
    """The requests of everybody in a sale; each goes to one of the API's addresses by lot."""

    def __init__(
        self,
        *,
        history: History,
        apis: Callable[[], Sequence[str]],
        provider: Callable[[], str],
        chance: random.Random,
    ) -> None:
        self._history = history
        self._apis = apis
        self._provider = provider
        self._chance = chance
        self._http = httpx.AsyncClient(
            timeout=PATIENCE_SECONDS, limits=httpx.Limits(max_connections=200)
        )

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def ask(
        self, person: Person, name: str, variables: dict[str, Any] | None = None, **noted: Any
    ) -> Operation:
        """Send one document of the above; what comes of it is in the operation that is returned."""
        given = variables or {}
        asked = {**(given.get("input") or given), **noted}
        operation = self._history.invoke(person.user_id, name, **asked)
        body = {"query": DOCUMENTS[name], "variables": given}
        headers = {"authorization": f"Bearer {person.token}"}
        address = self._chance.choice(self._apis())
        try:
            answer = await self._http.post(f"{address}/graphql", json=body, headers=headers)
            told: dict[str, Any] = answer.json()
        except _NO_ANSWER as error:
            self._history.unknown(operation, why=repr(error))
        else:
            self._take(operation, told)
        return operation

    async def pay(
        self, person: Person, order_id: str, payment: dict[str, Any], card: str
    ) -> Operation:
        """Confirm an order's intent at the provider, as the buyer's page does."""
        intent = payment["intentId"]
        operation = self._history.invoke(
            person.user_id, "pay", order=order_id, intent=intent, card=card
        )
        form = {"client_secret": payment["clientSecret"], "payment_method": card}
        await self._at_provider(operation, "POST", f"/v1/payment_intents/{intent}/confirm", form)
        return operation

    async def answer_bank(self, person: Person, challenge: str, outcome: str) -> Operation:
        """Answer the bank's question (3-D Secure): complete or fail."""
        operation = self._history.invoke(person.user_id, "bank", outcome=outcome)
        try:
            page = await self._http.post(challenge, data={"outcome": outcome})
        except _NO_ANSWER as error:
            self._history.unknown(operation, why=repr(error))
        else:
            self._history.ok(operation, status=page.status_code)
        return operation

    async def _at_provider(
        self, operation: Operation, method: str, path: str, form: dict[str, str]
    ) -> None:
        try:
            answer = await self._http.request(method, f"{self._provider()}{path}", data=form)
            body: dict[str, Any] = answer.json()
        except _NO_ANSWER as error:
            self._history.unknown(operation, why=repr(error))
            return
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            self._history.unknown(operation, why=str(answer.status_code))
        elif answer.is_success:
            self._history.ok(operation, status=body["status"], next_action=body.get("next_action"))
        else:
            self._history.fail(operation, why=body.get("error", {}).get("code"))

    def _take(self, operation: Operation, answer: dict[str, Any]) -> None:
        """Note what an answer of the API means for the outcome."""
        errors = answer.get("errors")
        if errors:
            codes = [error.get("extensions", {}).get("code") for error in errors]
            refused = all(code in _REFUSED_OUTRIGHT for code in codes)
            note = self._history.fail if refused else self._history.unknown
            note(operation, code=codes[0], errors=errors)
            return
        (value,) = answer["data"].values()
        if not isinstance(value, dict):
            self._history.ok(operation, value=value)
        elif value.get("code") == "TRY_LATER":
            self._history.unknown(operation, **value)
        elif "code" in value:
            self._history.fail(operation, **value)
        else:
            self._history.ok(operation, **value)
