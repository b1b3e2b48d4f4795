"""The HTTP client under the Stripe SDK: bounded in connections and in patience."""

import asyncio
from collections.abc import Mapping
from typing import ClassVar, NoReturn

import httpx
import stripe

# A provider on another continent answers in under a second; whoever waits longer repeats.
CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 10.0
MOST_CONNECTIONS = 32


class HttpxTransport(stripe.HTTPClient):
    """Sends the SDK's requests through one httpx client.

    The SDK's own HTTPXClient passes the body in a way that httpx has deprecated, and its pool
    and timeouts (80 seconds) cannot be set one by one.
    """

    name: ClassVar[str] = "httpx"

    def __init__(self) -> None:
        super().__init__()
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            limits=httpx.Limits(
                max_connections=MOST_CONNECTIONS, max_keepalive_connections=MOST_CONNECTIONS
            ),
            follow_redirects=False,
        )

    async def sleep_async(self, secs: float) -> None:
        """Wait between two attempts of the SDK."""
        await asyncio.sleep(secs)

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: str | None = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Send one request.

        Raises:
            stripe.APIConnectionError: no answer came; the request may have been executed.
        """
        try:
            answer = await self._client.request(
                method, url, headers=dict(headers), content=post_data
            )
        except httpx.HTTPError as error:
            _give_up(error)
        return answer.content, answer.status_code, answer.headers

    async def close_async(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    def close(self) -> None:
        """Nothing to close: this transport makes no synchronous requests."""


def _give_up(error: Exception) -> NoReturn:
    # The SDK repeats with the idempotency key that the caller gave, so a repeat is safe.
    raise stripe.APIConnectionError(f"no answer: {error!r}", should_retry=True) from error  # type: ignore[no-untyped-call] # the SDK leaves it bare
