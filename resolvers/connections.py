"""What all lists have in common: their pages."""

from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias, TypeVar

import strawberry

from graph.context import ApiError
from orders.paging import MAX_PAGE, Page

T = TypeVar("T")

PAGE: Final = 20

First: TypeAlias = Annotated[
    int | None, strawberry.argument(description=f"The page's size, 1 to {MAX_PAGE}.")
]
After: TypeAlias = Annotated[
    str | None,
    strawberry.argument(description="A cursor of the page before; none: from the beginning."),
]


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether more follows after endCursor.")
    has_previous_page: bool = strawberry.field(description="Whether something comes before.")
    start_cursor: str | None = strawberry.field(description="The first item's; none when empty.")
    end_cursor: str | None = strawberry.field(description="The last item's: the next `after`.")

    @classmethod
    def of(cls, page: Page[T]) -> "PageInfo":
        """Where this page lies."""
        return cls(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=page.cursors[0] if page.cursors else None,
            end_cursor=page.cursors[-1] if page.cursors else None,
        )


@dataclass(frozen=True, slots=True)
class Window:
    """Which page is asked for."""

    first: int
    after: str | None


def window(first: int | None, after: str | None) -> Window:
    """The page that was asked for, of a size that can be.

    Raises:
        ApiError: BAD_USER_INPUT; the page would be empty or too large.
    """
    size = PAGE if first is None else first
    if not 1 <= size <= MAX_PAGE:
        raise ApiError("BAD_USER_INPUT", f"first must be 1 to {MAX_PAGE}.", field="first")
    return Window(size, after)


def bad_cursor(reason: ValueError) -> ApiError:
    """The error for a cursor that belongs to no page of this list."""
    return ApiError("BAD_USER_INPUT", str(reason), field="after")
