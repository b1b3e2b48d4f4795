import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from admission.errors import RateLimited
from admission.limiter import REST_SECONDS, Limiter
from kit.ids import new_id
from kit.redis_client import open_redis
from kit.settings import Limits


def limits(**figures: float) -> Limits:
    return Limits.model_validate(figures)


class SetTime:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def buyer() -> str:
    return new_id("usr")


@pytest.fixture
def address() -> str:
    """Not an address, but as good: the limiter takes any text."""
    return new_id("req")


async def tries(limiter: Limiter, most: int, scope: Any = "order", **who: Any) -> int:
    """How many of so many attempts are admitted."""
    admitted = 0
    for _ in range(most):
        try:
            await limiter.admit(scope, **{"buyer": None, "address": None, **who})
        except RateLimited:
            continue
        admitted += 1
    return admitted


async def test_the_eleventh_sign_in_of_a_minute_is_refused(redis: Redis, buyer: str) -> None:
    limiter = Limiter(redis, Limits())

    assert await tries(limiter, 10, "sign_in", buyer=buyer) == 10
    with pytest.raises(RateLimited) as refused:
        await limiter.admit("sign_in", buyer=buyer, address=None)

    # The bucket has one again in a second; the window only when its first slice has left it.
    assert 60_000 < refused.value.retry_after_ms <= 63_000


async def test_buyers_addresses_and_scopes_are_counted_apart(
    redis: Redis, buyer: str, address: str
) -> None:
    limiter = Limiter(redis, limits(order_burst=2, order_address_burst=3, cart_burst=1))

    assert await tries(limiter, 5, buyer=buyer) == 2
    assert await tries(limiter, 5, buyer=new_id("usr")) == 2
    assert await tries(limiter, 5, address=address) == 3
    assert await tries(limiter, 5, "cart", buyer=buyer) == 1
    # The same text names another subject where it is an address.
    assert await tries(limiter, 5, address=buyer) == 3


async def test_the_scopes_have_figures_of_their_own(redis: Redis, address: str) -> None:
    limiter = Limiter(
        redis,
        limits(
            sign_in_burst=1,
            cart_burst=2,
            order_burst=3,
            sign_in_address_burst=4,
            cart_address_burst=5,
            order_address_burst=6,
        ),
    )

    for scope, strict, loose in (("sign_in", 1, 4), ("cart", 2, 5), ("order", 3, 6)):
        assert await tries(limiter, 10, scope, buyer=new_id("usr")) == strict
        assert await tries(limiter, 10, scope, address=address) == loose


async def test_parallel_attempts_are_counted_one_by_one(redis: Redis, buyer: str) -> None:
    limiter = Limiter(redis, limits(order_burst=7))

    outcomes = await asyncio.gather(
        *(limiter.admit("order", buyer=buyer, address=None) for _ in range(100)),
        return_exceptions=True,
    )

    assert outcomes.count(None) == 7


async def test_processes_count_together(redis: Redis, buyer: str) -> None:
    one, two = (Limiter(redis, limits(order_burst=4)) for _ in range(2))

    assert await tries(one, 3, buyer=buyer) == 3
    assert await tries(two, 3, buyer=buyer) == 1


async def test_a_refused_attempt_is_not_counted(redis: Redis, buyer: str, address: str) -> None:
    strict = limits(order_burst=1, order_address_burst=3)
    limiter = Limiter(redis, strict)

    # The buyer's limit refuses nine times; the address has two of its three left.
    assert await tries(limiter, 10, buyer=buyer, address=address) == 1
    assert await tries(limiter, 10, address=address) == 2


async def test_an_attempt_that_the_address_refused_costs_the_buyer_nothing(
    redis: Redis, buyer: str, address: str
) -> None:
    limiter = Limiter(redis, limits(order_burst=2, order_address_burst=1))
    await limiter.admit("order", buyer=None, address=address)

    assert await tries(limiter, 5, buyer=buyer, address=address) == 0
    assert await tries(limiter, 5, buyer=buyer) == 2


async def test_a_cost_counts_as_so_many_attempts(redis: Redis, buyer: str) -> None:
    limiter = Limiter(redis, limits(order_burst=5))
    await limiter.admit("order", buyer=buyer, address=None, cost=4)

    with pytest.raises(RateLimited):
        await limiter.admit("order", buyer=buyer, address=None, cost=2)
    await limiter.admit("order", buyer=buyer, address=None, cost=1)


async def test_the_bucket_holds_back_what_the_window_would_admit(redis: Redis, buyer: str) -> None:
    # A window of one second forgets quickly; the bucket refills one in ten seconds.
    limiter = Limiter(redis, limits(order_burst=2, order_window_seconds=1, order_per_second=0.1))
    assert await tries(limiter, 5, buyer=buyer) == 2

    with pytest.raises(RateLimited) as refused:
        await limiter.admit("order", buyer=buyer, address=None)

    assert 9_000 < refused.value.retry_after_ms <= 10_000


async def test_who_waits_as_long_as_told_is_admitted(redis: Redis, buyer: str) -> None:
    limiter = Limiter(redis, limits(order_burst=1, order_window_seconds=1, order_per_second=1_000))
    await limiter.admit("order", buyer=buyer, address=None)
    with pytest.raises(RateLimited) as refused:
        await limiter.admit("order", buyer=buyer, address=None)
    assert 900 < refused.value.retry_after_ms <= 1_050

    await reached(redis, refused.value.retry_after_ms)

    await limiter.admit("order", buyer=buyer, address=None)


async def reached(redis: Redis, ms: int) -> None:
    """Wait until so many milliseconds have passed on the server."""
    seconds, micros = await redis.time()
    until = seconds * 1000 + micros / 1000 + ms
    for _ in range(100_000):
        seconds, micros = await redis.time()
        if seconds * 1000 + micros / 1000 >= until:
            return
    raise AssertionError("the server's clock stands still")


async def test_nobody_named_is_nobody_counted(redis: Redis) -> None:
    limiter = Limiter(redis, limits(order_burst=1))

    assert await tries(limiter, 5) == 5


async def test_what_is_kept_has_no_address_in_clear_and_is_forgotten(
    redis: Redis,
) -> None:
    before = {str(key) for key in await redis.keys("{limit:*")}
    await Limiter(redis, Limits()).admit(
        "sign_in", buyer="somebody@buyers.example", address="2001:db8::1"
    )

    added = {str(key) for key in await redis.keys("{limit:*")} - before
    assert len(added) == 2
    assert {key.partition("}:")[2] for key in added} == {"sign_in"}
    for key in added:
        assert len(key) < 60
        assert 60_000 < await redis.pttl(key) <= 63_000


async def test_a_server_that_forgot_the_script_is_told_again(redis: Redis, buyer: str) -> None:
    limiter = Limiter(redis, limits(order_burst=2))
    await limiter.admit("order", buyer=buyer, address=None)
    await redis.script_flush()

    assert await tries(limiter, 3, buyer=buyer) == 1


class Lost:
    """A client whose server is gone, and the times it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def pipeline(self, *, transaction: bool) -> Any:
        assert not transaction
        self.asked += 1
        raise RedisError("gone")


@pytest.fixture
def lost() -> Lost:
    return Lost()


@pytest.fixture
def clock() -> SetTime:
    return SetTime()


LocalLimiter = Callable[[Limits], Limiter]


@pytest.fixture
def without_redis(lost: Lost, clock: SetTime) -> LocalLimiter:
    def make(figures: Limits) -> Limiter:
        return Limiter(lost, figures, now_seconds=clock)  # type: ignore[arg-type] # only fails

    return make


@pytest.fixture
async def nowhere() -> AsyncIterator[Redis]:
    """A client of a port on which nobody listens."""
    client = open_redis("redis://127.0.0.1:1/0", connections=2)
    yield client
    await client.aclose()


async def test_without_redis_the_same_figures_count_locally(
    without_redis: LocalLimiter, buyer: str, address: str
) -> None:
    limiter = without_redis(limits(order_burst=3, order_address_burst=5))

    assert await tries(limiter, 10, buyer=buyer) == 3
    assert await tries(limiter, 10, address=address) == 5


async def test_a_redis_that_cannot_be_reached_locks_nobody_out(nowhere: Redis, buyer: str) -> None:
    limiter = Limiter(nowhere, limits(order_burst=3))

    assert await tries(limiter, 10, buyer=buyer) == 3


async def test_a_local_refusal_is_not_counted_either(
    without_redis: LocalLimiter, buyer: str, address: str
) -> None:
    limiter = without_redis(limits(order_burst=2, order_address_burst=1))
    await limiter.admit("order", buyer=None, address=address)

    assert await tries(limiter, 5, buyer=buyer, address=address) == 0
    assert await tries(limiter, 5, buyer=buyer) == 2


async def test_a_lost_redis_is_left_alone_for_a_while(
    without_redis: LocalLimiter, lost: Lost, clock: SetTime, buyer: str
) -> None:
    limiter = without_redis(limits(order_burst=100))

    await tries(limiter, 10, buyer=buyer)
    assert lost.asked == 1
    clock.seconds += REST_SECONDS
    await tries(limiter, 10, buyer=buyer)
    assert lost.asked == 2


async def test_who_waits_as_long_as_the_floor_told_is_admitted(
    without_redis: LocalLimiter, clock: SetTime, buyer: str
) -> None:
    limiter = without_redis(limits(order_burst=1, order_window_seconds=10))
    await limiter.admit("order", buyer=buyer, address=None)
    clock.seconds += 3
    with pytest.raises(RateLimited) as refused:
        await limiter.admit("order", buyer=buyer, address=None)
    assert 7_000 <= refused.value.retry_after_ms <= 7_500

    clock.seconds += refused.value.retry_after_ms / 1000 - 0.001
    assert await tries(limiter, 1, buyer=buyer) == 0
    clock.seconds += 0.001
    assert await tries(limiter, 1, buyer=buyer) == 1
