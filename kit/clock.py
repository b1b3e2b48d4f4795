"""The one place where the server asks what time it is."""

from datetime import UTC, datetime


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


def iso_ms(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and a Z: 2026-11-27T09:00:00.000Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
