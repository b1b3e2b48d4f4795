"""The listing: one reading for all who wait, none for who comes too late, never a part."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from payments import listing
from payments.errors import ListingTooLong, ProviderUnreachable
from payments.gateway import Intent
from payments.listing import CLOCK_SLACK, IntentListing, Page
from tests.sandbox.running import until

NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)


def intent(number: int, order_id: str | None) -> Intent:
    return Intent(
        id=f"pi_{number}",
        status="REQUIRES_PAYMENT",
        amount_minor=1,
        amount_received_minor=0,
        currency="USD",
        client_secret=None,
        failure_message=None,
        order_id=order_id,
        user_id=None,
        created_at=NOW,
    )


class Provider:
    """A list of intents, newest first, two a page; reading waits while `gate` is closed."""

    def __init__(self) -> None:
        self.intents: list[Intent] = []
        self.readings: list[datetime] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.down = False

    async def read(self, since: datetime, after: str | None) -> Page:
        if after is None:
            self.readings.append(since)
        intents = list(self.intents)
        await self.gate.wait()
        if self.down:
            raise ProviderUnreachable
        ids = [each.id for each in intents]
        start = 0 if after is None else ids.index(after) + 1
        return Page(intents[start : start + 2], more=start + 2 < len(ids))


@pytest.fixture
def provider() -> Provider:
    return Provider()


async def test_a_hundred_calls_at_once_are_one_reading(provider: Provider) -> None:
    provider.intents = [intent(n, f"ord_{n % 10}") for n in range(30, 0, -1)]
    finder = IntentListing(provider.read)
    answers = await asyncio.gather(
        *(finder.intents_of(f"ord_{n % 10}", NOW - timedelta(minutes=n)) for n in range(100))
    )
    assert provider.readings == [NOW - timedelta(minutes=99) - CLOCK_SLACK]
    assert [each.id for each in answers[1]] == ["pi_1", "pi_11", "pi_21"]
    assert [each.id for each in answers[97]] == ["pi_7", "pi_17", "pi_27"]


async def test_a_call_never_joins_a_reading_under_way(provider: Provider) -> None:
    finder = IntentListing(provider.read)
    provider.gate.clear()
    first = asyncio.create_task(finder.intents_of("ord_1", NOW))
    await until(lambda: bool(provider.readings))
    late = asyncio.create_task(finder.intents_of("ord_1", NOW))
    provider.intents = [intent(1, "ord_1")]
    provider.gate.set()
    assert await first == []
    assert [each.id for each in await late] == ["pi_1"]
    assert len(provider.readings) == 2


async def test_who_gives_up_does_not_end_the_reading_for_the_others(provider: Provider) -> None:
    provider.intents = [intent(1, "ord_1")]
    finder = IntentListing(provider.read)
    provider.gate.clear()
    impatient = asyncio.create_task(finder.intents_of("ord_1", NOW))
    patient = asyncio.create_task(finder.intents_of("ord_1", NOW))
    await until(lambda: bool(provider.readings))
    impatient.cancel()
    provider.gate.set()
    assert [each.id for each in await patient] == ["pi_1"]
    assert impatient.cancelled()


async def test_a_reading_that_failed_says_so_to_all_and_the_next_works(
    provider: Provider,
) -> None:
    finder = IntentListing(provider.read)
    provider.down = True
    outcomes = await asyncio.gather(
        *(finder.intents_of("ord_1", NOW) for _ in range(3)), return_exceptions=True
    )
    assert all(isinstance(outcome, ProviderUnreachable) for outcome in outcomes)
    provider.down = False
    assert await finder.intents_of("ord_1", NOW) == []


async def test_a_list_without_end_is_no_answer(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MOST_PAGES", 3)
    provider.intents = [intent(n, "ord_1") for n in range(7, 0, -1)]
    finder = IntentListing(provider.read)
    with pytest.raises(ListingTooLong):
        await finder.intents_of("ord_1", NOW)
    provider.intents = provider.intents[:6]
    assert len(await finder.intents_of("ord_1", NOW)) == 6


async def pages(finder: IntentListing, *, most_pages: int) -> list[list[str]]:
    read = finder.pages_since(NOW, most_pages=most_pages)
    return [[each.id for each in page] async for page in read]


async def test_a_walk_hands_out_every_page_newest_first(provider: Provider) -> None:
    provider.intents = [intent(n, None) for n in range(5, 0, -1)]
    found = await pages(IntentListing(provider.read), most_pages=3)
    assert found == [["pi_5", "pi_4"], ["pi_3", "pi_2"], ["pi_1"]]
    assert provider.readings == [NOW - CLOCK_SLACK]


async def test_a_walk_that_was_too_long_says_so_behind_its_last_page(provider: Provider) -> None:
    provider.intents = [intent(n, None) for n in range(5, 0, -1)]
    walk = IntentListing(provider.read).pages_since(NOW, most_pages=2)
    assert [each.id for each in await anext(walk)] == ["pi_5", "pi_4"]
    assert [each.id for each in await anext(walk)] == ["pi_3", "pi_2"]
    with pytest.raises(ListingTooLong):
        await anext(walk)
