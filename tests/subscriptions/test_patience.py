"""A subscription outlives an outage, but not a mistake of ours."""

from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from orders.errors import TryLater
from subscriptions.patience import patiently


def answering(*answers: Exception | str) -> Callable[[], Awaitable[str]]:
    remaining = list(answers)

    async def read() -> str:
        answer = remaining.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return read


@pytest.mark.parametrize(
    "outage",
    [
        TryLater(retry_after_ms=1, reason="the stock is out of reach"),
        RedisConnectionError("gone"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.CannotConnectNowError("starting up"),
        ConnectionRefusedError(),
    ],
)
async def test_an_outage_is_waited_out(outage: Exception) -> None:
    assert await patiently(answering(outage, "answer")) == "answer"


async def test_a_mistake_is_not_repeated() -> None:
    with pytest.raises(KeyError):
        await patiently(answering(KeyError("ours"), "answer"))
