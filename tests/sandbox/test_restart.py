"""Killed with SIGKILL under load, the sandbox forgets nothing that it has answered."""

import asyncio
import itertools
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx

from tests.sandbox.running import LIMIT_SECONDS, PUBLISHABLE_KEY, SECRET_KEY, until

PROGRAM = """
import sys, uvicorn
from pathlib import Path
from sandbox.app import SandboxConfig, create_sandbox
config = SandboxConfig(Path(sys.argv[1]), sys.argv[2], sys.argv[3], "", "whsec")
uvicorn.run(create_sandbox(config), host="127.0.0.1", port=int(sys.argv[4]), log_config=None)
"""


@asynccontextmanager
async def process(folder: Path, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """The sandbox in a process of its own, answering."""
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", PROGRAM, str(folder), SECRET_KEY, PUBLISHABLE_KEY, str(port)),
        cwd=Path(__file__).parents[2],
        start_new_session=True,
    )
    try:
        async with httpx.AsyncClient() as client, asyncio.timeout(LIMIT_SECONDS * 2):
            while True:
                with suppress(httpx.TransportError):
                    await client.get(f"http://127.0.0.1:{port}/healthz")
                    break
                await asyncio.sleep(0.05)
        yield running
    finally:
        if running.returncode is None:
            os.killpg(running.pid, signal.SIGKILL)
        await running.wait()


async def create(client: httpx.AsyncClient, key: str) -> httpx.Response:
    return await client.post(
        "/v1/payment_intents",
        data={"amount": "500", "currency": "usd"},
        headers={"Idempotency-Key": key},
    )


async def test_a_killed_sandbox_keeps_every_answer_it_gave(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    numbers = itertools.count()
    answers: dict[str, str] = {}
    paid: set[str] = set()

    async def buy_until_killed(client: httpx.AsyncClient) -> None:
        with suppress(httpx.TransportError):
            while True:
                key = f"key-{next(numbers)}"
                made = await create(client, key)
                answers[key] = made.text
                intent_id = made.json()["id"]
                confirmed = await client.post(
                    f"/v1/payment_intents/{intent_id}/confirm",
                    data={"payment_method": "pm_card_visa"},
                )
                assert confirmed.status_code == 200
                paid.add(intent_id)

    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}",
        headers={"Authorization": f"Bearer {SECRET_KEY}"},
        timeout=LIMIT_SECONDS,
    ) as client:
        async with process(tmp_path, port) as running:
            buyers = [asyncio.create_task(buy_until_killed(client)) for _ in range(16)]
            await until(lambda: len(paid) >= 100)
            os.killpg(running.pid, signal.SIGKILL)
            await asyncio.gather(*buyers)
        async with process(tmp_path, port):
            for key, text in answers.items():
                again = await create(client, key)
                assert (again.text, again.headers.get("idempotent-replayed")) == (text, "true")
            ledger = (await client.get("/sandbox/ledger")).json()
    succeeded = {each["id"] for each in ledger["intents"] if each["status"] == "succeeded"}
    assert paid <= succeeded
    assert {charge["intent_id"] for charge in ledger["charges"]} == succeeded
