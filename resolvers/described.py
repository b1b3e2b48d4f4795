"""Strawberry's decorators for fields, with a description always and a type for mypy."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import strawberry

from graph.context import SHARED, Shared

F = TypeVar("F", bound=Callable[..., Any])


PUBLIC: Final = "public"
"""The entry of a query field's metadata that says that its answer is the same for everybody."""


def field(description: str, *, public: bool = False) -> Callable[[F], F]:
    """A field of a type, or a query, that this function answers.

    `public` is for queries: nothing in the answer, nor below it, ever depends on who asks.
    """
    decorate: Callable[[F], F] = strawberry.field(
        description=description, metadata={PUBLIC: public}
    )
    return decorate


def mutation(description: str) -> Callable[[F], F]:
    """A mutation that this function carries out."""
    decorate: Callable[[F], F] = strawberry.mutation(description=description)
    return decorate


def subscription(description: str, *, shared: Shared | None = None) -> Callable[[F], F]:
    """A subscription that this async generator feeds.

    `shared` says who may get the same results of one execution: EVERYBODY, when nothing in it
    depends on who asks, or one viewer's SESSION. A shared field tells the context what each result
    is about (`tell_of`) and ends after the present state when the context is `present_only`.
    """
    decorate: Callable[[F], F] = strawberry.subscription(
        description=description, metadata={SHARED: shared}
    )
    return decorate
