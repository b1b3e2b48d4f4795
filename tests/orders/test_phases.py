"""The phase of a deal follows from the server's clock alone."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from orders.phases import Phase, next_change, next_second, phase_of, seconds_remaining

NOON = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass
class Terms:
    starts_at: datetime = NOON
    ends_at: datetime = NOON + HOUR
    paused_at: datetime | None = None


@pytest.mark.parametrize(
    ("at", "phase"),
    [
        (NOON - timedelta(microseconds=1), "SCHEDULED"),
        (NOON, "LIVE"),
        (NOON + HOUR - timedelta(microseconds=1), "LIVE"),
        (NOON + HOUR, "ENDED"),
    ],
)
def test_a_deal_is_live_from_its_start_until_just_before_its_end(
    at: datetime, phase: Phase
) -> None:
    assert phase_of(Terms(), at) == phase


@pytest.mark.parametrize("at", [NOON - HOUR, NOON])
def test_a_paused_deal_is_paused_before_and_after_its_start(at: datetime) -> None:
    assert phase_of(Terms(paused_at=NOON - HOUR), at) == "PAUSED"


def test_the_end_ends_a_pause() -> None:
    assert phase_of(Terms(paused_at=NOON), NOON + HOUR) == "ENDED"


def test_remaining_seconds_are_rounded_up_so_that_zero_means_over() -> None:
    assert seconds_remaining(Terms(), NOON - timedelta(milliseconds=1)) == 1
    assert seconds_remaining(Terms(), NOON) == 3600
    assert seconds_remaining(Terms(), NOON + HOUR - timedelta(milliseconds=1)) == 1
    assert seconds_remaining(Terms(), NOON + HOUR) == 0
    assert seconds_remaining(Terms(paused_at=NOON), NOON) == 0


def test_the_clock_changes_a_phase_at_the_start_and_at_the_end() -> None:
    assert next_change(Terms(), NOON - HOUR) == NOON
    assert next_change(Terms(), NOON) == NOON + HOUR
    assert next_change(Terms(paused_at=NOON), NOON) == NOON + HOUR
    assert next_change(Terms(), NOON + HOUR) is None


@pytest.mark.parametrize("before_start", [True, False])
@pytest.mark.parametrize("since_ms", [0, 1, 999])
def test_seconds_remaining_stays_the_same_until_the_next_second_and_no_longer(
    *, before_start: bool, since_ms: int
) -> None:
    target = NOON if before_start else NOON + HOUR
    now = target - timedelta(seconds=30) + timedelta(milliseconds=since_ms)
    shown = seconds_remaining(Terms(), now)

    changes = next_second(Terms(), now)

    assert changes is not None
    assert seconds_remaining(Terms(), changes - timedelta(microseconds=1)) == shown
    assert seconds_remaining(Terms(), changes) == shown - 1 or changes == target


def test_seconds_that_stay_zero_have_no_next_one() -> None:
    assert next_second(Terms(), NOON + HOUR) is None
    assert next_second(Terms(paused_at=NOON), NOON) is None
