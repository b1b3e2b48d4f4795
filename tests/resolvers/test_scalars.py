"""DateTime: milliseconds and a Z outwards, any offset but never none inwards."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from resolvers.scalars import DATE_TIME, parse_moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-27T09:00:00.000Z", datetime(2026, 11, 27, 9, tzinfo=UTC)),
        ("2026-11-27T09:00:00Z", datetime(2026, 11, 27, 9, tzinfo=UTC)),
        ("2026-11-27T10:30:00+01:30", datetime(2026, 11, 27, 9, tzinfo=UTC)),
        ("2026-11-27T09:00:00.123456-00:00", datetime(2026, 11, 27, 9, 0, 0, 123456, UTC)),
    ],
)
def test_a_moment_may_have_any_offset(text: str, moment: datetime) -> None:
    assert parse_moment(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-27T09:00:00",
        "2026-11-27",
        "2026-02-30T09:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "tomorrow",
        "",
        "9" * 5_000,
        1_764_234_000,
        1.5,
        True,
        None,
        {"$gt": ""},
    ],
)
def test_what_names_no_moment_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="DateTime"):
        parse_moment(text)


def test_moments_are_told_in_utc_with_milliseconds() -> None:
    assert DATE_TIME.serialize is not None
    berlin = timezone(timedelta(hours=1))
    told = DATE_TIME.serialize(datetime(2026, 11, 27, 10, 0, 0, 999_999, berlin))
    assert told == "2026-11-27T09:00:00.999Z"
