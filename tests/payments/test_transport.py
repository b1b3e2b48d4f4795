"""The client under the SDK takes proxies from the environment, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from payments.stripe_gateway import StripeGateway
from tests.payments.conftest import settings_for
from tests.payments.test_gateway import ORDER
from tests.sandbox.running import RunningSandbox

PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "REQUEST_METHOD")
INTENT = (
    b'{"id":"pi_1","object":"payment_intent","status":"requires_payment_method","amount":1,'
    b'"currency":"usd","created":1}'
)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@asynccontextmanager
async def proxy(heard: list[bytes]) -> AsyncIterator[str]:
    """A proxy that notes each request's head and answers with an intent; its host and port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        length = b"content-length: %d\r\n\r\n" % len(INTENT)
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n" + length + INTENT)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        yield f"{host}:{port}"


async def test_netrc_is_none_of_its_business(
    sandbox: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password of-another-host\n")
    monkeypatch.setenv("NETRC", str(netrc))
    gateway = StripeGateway(settings_for(sandbox.url))
    opened = await gateway.open_intent(ORDER)
    await gateway.aclose()
    assert opened.order_id == ORDER.order_id


async def test_requests_go_through_the_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[bytes] = []
    async with proxy(heard) as address:
        monkeypatch.setenv("http_proxy", f"http://user:word@{address}")
        gateway = StripeGateway(settings_for("http://provider.example"))
        opened = await gateway.retrieve("pi_1")
        await gateway.aclose()
    assert opened.id == "pi_1"
    (head,) = heard
    assert head.startswith(b"GET http://provider.example/v1/payment_intents/pi_1 HTTP/1.1\r\n")
    assert b"\r\nProxy-Authorization: Basic dXNlcjp3b3Jk\r\n" in head
    assert b"\r\nAuthorization: Bearer sk_test" in head


async def test_a_host_of_no_proxy_is_asked_directly(
    sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[bytes] = []
    async with proxy(heard) as address:
        monkeypatch.setenv("http_proxy", f"http://{address}")
        monkeypatch.setenv("no_proxy", "localhost,127.0.0.1")
        gateway = StripeGateway(settings_for(sandbox.url))
        opened = await gateway.open_intent(ORDER)
        await gateway.aclose()
    assert opened.order_id == ORDER.order_id
    assert heard == []
