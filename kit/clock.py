"""The one place where the server asks what time it is."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock:
    """The server's clock. Tests hand in one of their own."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return datetime.now(UTC)


def to_ms(moment: datetime) -> int:
    """Unix time in whole milliseconds, as the scripts in Redis count it."""
    return round(moment.timestamp() * 1000)


def from_ms(unix_ms: int) -> datetime:
    """The aware UTC moment of a Unix time in milliseconds."""
    return datetime.fromtimestamp(unix_ms / 1000, UTC)


def to_micros(moment: datetime) -> int:
    """Unix time in whole microseconds: as exact as Postgres keeps it, so that keysets are exact."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_micros(unix_micros: int) -> datetime:
    """The aware UTC moment of a Unix time in microseconds."""
    return _EPOCH + timedelta(microseconds=unix_micros)


def iso_ms(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and a Z: 2026-11-27T09:00:00.000Z."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"  # in place of +00:00
