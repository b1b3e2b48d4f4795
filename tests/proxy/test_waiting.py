"""Requests that nginx holds back, and those whose answer never comes."""

import asyncio
from pathlib import Path
from time import monotonic

import httpx
import pytest

from tests.proxy.proxy_process import running_nginx
from tests.proxy.recording import Recording, json_answer, recording

LIMIT_SECONDS = 20.0
BUYERS = 8
# nginx's clock has milliseconds; what waits this long was not held back for a moment only.
LONG_SECONDS = 0.09


class Gathering:
    """Answers nobody before all have come."""

    def __init__(self, many: int) -> None:
        self._all = asyncio.Barrier(many)
        self._came: list[float] = []

    async def reply(self) -> bytes:
        self._came.append(monotonic())
        await self._all.wait()
        return json_answer("Cache-Control: private, no-store")

    def took(self) -> float:
        """How long the last was behind the first; begins anew."""
        came, self._came = self._came, []
        return came[-1] - came[0]


async def test_personal_answers_are_fetched_at_the_same_time(tmp_path: Path) -> None:
    """Only the API knows that they are personal: for nginx they are one answer that may be kept."""
    gathering = Gathering(BUYERS)
    took = LONG_SECONDS
    async with (
        recording(gathering.reply) as api,
        running_nginx(tmp_path, api.address) as address,
        httpx.AsyncClient(base_url=address, timeout=LIMIT_SECONDS) as client,
        asyncio.timeout(LIMIT_SECONDS),
    ):
        while took >= LONG_SECONDS:  # once is enough: a busy machine only makes it longer
            asked = [
                client.get("/graphql?query=me", headers={"authorization": f"Bearer {number}"})
                for number in range(BUYERS)
            ]
            assert {answer.status_code for answer in await asyncio.gather(*asked)} == {200}
            took = gathering.took()


@pytest.mark.parametrize(("method", "heard"), [("POST", 1), ("GET", 2)])
async def test_a_post_that_was_received_is_not_sent_to_another_process(
    tmp_path: Path, method: str, heard: int
) -> None:
    """It may have had its effect: its sender is told OVERLOADED, and has the key to repeat it."""

    async def nothing() -> None:
        return None

    first: Recording
    second: Recording
    async with (
        recording(nothing) as first,
        recording(nothing) as second,
        running_nginx(tmp_path, first.address, second.address) as address,
        httpx.AsyncClient(base_url=address, timeout=LIMIT_SECONDS) as client,
    ):
        answer = await client.request(method, "/graphql?query=a")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        (error,) = answer.json()["errors"]
        assert error["extensions"]["code"] == "OVERLOADED"
        assert len(first.heard) + len(second.heard) == heard
