"""The DateTime scalar: a moment in UTC with milliseconds."""

from datetime import datetime
from typing import Final

import strawberry
from strawberry.types.scalar import ScalarDefinition

from kit.clock import iso_ms

# What our own format and Postgres can both say, with room for any offset at either end.
_YEARS: Final = range(1970, 9999)


def parse_moment(text: object) -> datetime:
    """The moment that an ISO 8601 text with an offset names.

    Raises:
        ValueError: it names none, or leaves the offset to guessing.
    """
    if not isinstance(text, str):
        raise ValueError("A DateTime is a text: 2026-11-27T09:00:00.000Z")  # noqa: TRY004 - a refused value
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("A DateTime is ISO 8601: 2026-11-27T09:00:00.000Z") from None
    if moment.tzinfo is None:
        raise ValueError("A DateTime says its offset: 2026-11-27T09:00:00.000Z")
    if moment.year not in _YEARS:
        raise ValueError(f"A DateTime lies between {_YEARS[0]} and {_YEARS[-1]}.")
    return moment


DATE_TIME: Final[ScalarDefinition] = strawberry.scalar(
    name="DateTime",
    description=(
        "A moment, as ISO 8601. Answers are in UTC with milliseconds and a trailing Z: "
        "2026-11-27T09:00:00.000Z. Inputs may have any offset, but must have one."
    ),
    specified_by_url="https://scalars.graphql.org/andimarek/date-time",
    serialize=iso_ms,
    parse_value=parse_moment,
)
