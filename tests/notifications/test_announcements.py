"""Stock is told a few times a second, and at once when it is sold out or back on sale."""

import asyncio
from typing import Any, cast

import orjson

from notifications.announcements import MOST_WAITING, TOGETHER, Announcer, StockNews

NEVER = 0.001
OFTEN = 20.0


class Channel:
    """What is published, instead of Redis."""

    def __init__(self) -> None:
        self.versions: list[int] = []
        self.together: list[int] = []

    async def publish(self, _channel: str, message: str) -> None:
        messages = orjson.loads(message)
        self.together.append(len(messages))
        self.versions += [each["version"] for each in messages if each["kind"] == "stock"]


def announcer(channel: Channel, *, changes_per_second: float) -> Announcer:
    return Announcer(cast("Any", channel), changes_per_second=changes_per_second)


def news(version: int, available: int, *, epoch: int = 1) -> StockNews:
    return StockNews(
        deal_id="deal_a",
        epoch=epoch,
        version=version,
        allotment=9,
        available=available,
        held=9 - available,
        sold=0,
        as_of_ms=0,
    )


async def sent() -> None:
    """The task that publishes has its turn; this channel never makes it wait."""
    await asyncio.sleep(0)


async def test_the_first_change_is_told_and_the_newest_after_a_pause() -> None:
    channel = Channel()
    told = announcer(channel, changes_per_second=OFTEN)
    for version in range(1, 6):
        told.stock(news(version, 9 - version))
    await sent()
    assert channel.versions == [1]
    async with asyncio.timeout(10):
        while len(channel.versions) < 2:
            await asyncio.sleep(0.005)
    assert channel.versions == [1, 5]


async def test_selling_out_and_coming_back_are_told_at_once() -> None:
    channel = Channel()
    told = announcer(channel, changes_per_second=NEVER)
    for version, available in enumerate((2, 1, 0, 0, 3, 2, 0), start=1):
        told.stock(news(version, available))
    await sent()
    assert channel.versions == [1, 3, 5, 7]
    await told.aclose()
    assert channel.versions[-1] == 7


async def test_older_news_are_dropped() -> None:
    channel = Channel()
    told = announcer(channel, changes_per_second=1e9)
    for version, epoch in ((5, 1), (4, 1), (1, 2), (9, 1)):
        told.stock(news(version, 5, epoch=epoch))
    await told.aclose()
    assert channel.versions[0] == 5
    assert 4 not in channel.versions
    assert channel.versions[-1] == 1


async def test_what_was_held_back_is_told_before_the_process_ends() -> None:
    channel = Channel()
    told = announcer(channel, changes_per_second=NEVER)
    told.stock(news(1, 5))
    told.stock(news(2, 4))
    await told.aclose()
    assert channel.versions == [1, 2]


async def test_what_is_told_in_one_turn_goes_out_in_one_message_and_in_order() -> None:
    channel = Channel()
    told = announcer(channel, changes_per_second=NEVER)
    told.cart("usr_a")
    told.stock(news(1, 5))
    told.stock(news(2, 0))
    told.order("usr_a", "ord_a")
    await sent()
    assert channel.together == [4]
    assert channel.versions == [1, 2]


async def test_a_store_that_hangs_keeps_nobody_waiting_and_no_more_than_so_many_messages() -> None:
    class Hanging(Channel):
        def __init__(self) -> None:
            super().__init__()
            self.go_on = asyncio.Event()

        async def publish(self, channel: str, message: str) -> None:
            await self.go_on.wait()
            await super().publish(channel, message)

    channel = Hanging()
    told = announcer(channel, changes_per_second=NEVER)
    told.cart("usr_first")
    await sent()
    for version in range(MOST_WAITING + 1):
        told.repeat(news(version, 5))
    channel.go_on.set()
    await told.aclose()
    assert channel.versions == list(range(1, MOST_WAITING + 1))
    assert max(channel.together) == TOGETHER


async def test_after_a_lost_message_others_hear_first_that_one_is_missing() -> None:
    class Failing(Channel):
        def __init__(self) -> None:
            super().__init__()
            self.fails = 2
            self.kinds: list[str] = []

        async def publish(self, channel: str, message: str) -> None:
            if self.fails:
                self.fails -= 1
                raise ConnectionError("Redis is away")
            self.kinds += [each["kind"] for each in orjson.loads(message)]
            await super().publish(channel, message)

    channel = Failing()
    told = announcer(channel, changes_per_second=NEVER)
    told.deal("deal_a")
    async with asyncio.timeout(10):
        while not channel.kinds:  # nothing more is told, and still they hear of it
            await asyncio.sleep(0.01)
    assert channel.kinds == ["missed"]
    told.deal("deal_b")
    await sent()
    assert channel.kinds == ["missed", "deal"]
    channel.fails = 1
    told.cart("usr_a")
    await sent()
    told.deal("deal_c")
    await sent()
    assert channel.kinds == ["missed", "deal", "missed", "deal"]
    await told.aclose()
