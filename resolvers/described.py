"""Strawberry's decorators for fields, with a description always and a type for mypy."""

from collections.abc import Callable
from typing import Any, TypeVar

import strawberry

F = TypeVar("F", bound=Callable[..., Any])


def field(description: str) -> Callable[[F], F]:
    """A field of a type, or a query, that this function answers."""
    decorate: Callable[[F], F] = strawberry.field(description=description)
    return decorate


def mutation(description: str) -> Callable[[F], F]:
    """A mutation that this function carries out."""
    decorate: Callable[[F], F] = strawberry.mutation(description=description)
    return decorate


def subscription(description: str) -> Callable[[F], F]:
    """A subscription that this async generator feeds."""
    decorate: Callable[[F], F] = strawberry.subscription(description=description)
    return decorate
