"""The HTTP client under the Stripe SDK: bounded in connections and in patience."""

import asyncio
from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import stripe

# A provider on another continent answers in under a second; whoever waits longer repeats.
CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 10.0
MOST_CONNECTIONS = 32


class ProviderTransport(stripe.HTTPClient):
    """Sends the SDK's requests through one aiohttp session.

    The SDK's own AIOHTTPClient has a pool without a bound and waits for 80 seconds. aiohttp, whose
    parser is in C, takes a quarter of the time that httpx takes when many ask at once.
    """

    name: ClassVar[str] = "aiohttp"

    def __init__(self, base: str) -> None:
        """`base` is the address of the provider, to which every request goes."""
        super().__init__()
        self._proxy_url = _proxy_for(base)
        self._session: aiohttp.ClientSession | None = None

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
            async with self._opened().request(
                method, url, headers=headers, data=post_data, allow_redirects=False
            ) as answer:
                return await answer.read(), answer.status, answer.headers
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # The SDK repeats with the idempotency key that the caller gave, so a repeat is safe.
            raise stripe.APIConnectionError(f"no answer: {error!r}", should_retry=True) from error  # type: ignore[no-untyped-call] # the SDK leaves it bare

    async def close_async(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    def close(self) -> None:
        """Nothing to close: this transport makes no synchronous requests."""

    def _opened(self) -> aiohttp.ClientSession:
        """The session; it belongs to the loop that first asks."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=MOST_CONNECTIONS),
                timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS, sock_connect=CONNECT_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                # By trust_env, netrc would be read as well, and contradict the SDK's own key.
                proxy=self._proxy_url,
            )
        return self._session


def _proxy_for(base: str) -> str | None:
    """The proxy by HTTPS_PROXY and NO_PROXY, as other programs take them."""
    address = urlsplit(base)
    if proxy_bypass(address.hostname or ""):
        return None
    return getproxies().get(address.scheme)
