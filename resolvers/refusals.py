"""Refusals as types: what a buyer or an operator can meet in normal use."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final

import strawberry
import structlog
from strawberry.types.field import StrawberryField

from auth import errors as auth_errors
from graph.context import STORE_AWAY, Info
from orders import errors
from resolvers.deals import DealPhase
from resolvers.money import Money
from resolvers.statuses import OrderStatus

log = structlog.get_logger()

# A deal that opens between our look at it and the buyer's tap.
_OPENING_MS: Final = 500
# A store that restarts is back within seconds.
_STORE_AWAY_MS: Final = 1_000


@strawberry.enum(description="What was refused, for programs.")
class UserErrorCode(Enum):
    SOLD_OUT = strawberry.enum_value("SOLD_OUT", description="Fewer units are left.")
    PURCHASE_LIMIT_REACHED = strawberry.enum_value(
        "PURCHASE_LIMIT_REACHED", description="More than one buyer may hold and buy."
    )
    DEAL_NOT_LIVE = strawberry.enum_value(
        "DEAL_NOT_LIVE", description="The deal has not started, is paused, or has ended."
    )
    NOT_FOUND = strawberry.enum_value(
        "NOT_FOUND", description="There is no such thing, or it is somebody else's."
    )
    INVALID_INPUT = strawberry.enum_value(
        "INVALID_INPUT", description="A value that cannot be used."
    )
    CART_EMPTY = strawberry.enum_value("CART_EMPTY", description="There is nothing to check out.")
    HOLD_LAPSED = strawberry.enum_value(
        "HOLD_LAPSED", description="The units are no longer set aside."
    )
    PRICE_CHANGED = strawberry.enum_value(
        "PRICE_CHANGED", description="The total is not the one that was expected."
    )
    IDEMPOTENCY_KEY_REUSED = strawberry.enum_value(
        "IDEMPOTENCY_KEY_REUSED", description="The key was used for another request."
    )
    INVALID_CREDENTIALS = strawberry.enum_value(
        "INVALID_CREDENTIALS", description="E-mail or password is wrong."
    )
    EMAIL_TAKEN = strawberry.enum_value(
        "EMAIL_TAKEN", description="An account with this e-mail address exists."
    )
    ORDER_NOT_CANCELLABLE = strawberry.enum_value(
        "ORDER_NOT_CANCELLABLE", description="The order is past the point of cancelling."
    )
    TRY_LATER = strawberry.enum_value(
        "TRY_LATER", description="Busy or out of reach: send the same request again."
    )


@strawberry.interface(description="Something was refused, and nothing was changed by it.")
class UserError:
    code: UserErrorCode = strawberry.field(description="For programs.")
    message: str = strawberry.field(description="For people, in English.")
    retryable: bool = strawberry.field(
        description="Whether the very same request, sent again, may well succeed."
    )
    retry_after_ms: int | None = strawberry.field(
        description="How long to wait before that, in milliseconds."
    )


@strawberry.type(description="Fewer units are left than were asked for.")
class SoldOut(UserError):
    deal_id: strawberry.ID = strawberry.field(description="The deal.")
    available: int = strawberry.field(description="Units that may be held now.")


@strawberry.type(description="More than one buyer may hold and buy, over all orders.")
class PurchaseLimitReached(UserError):
    deal_id: strawberry.ID = strawberry.field(description="The deal.")
    limit: int = strawberry.field(description="The most units one buyer may hold and buy.")
    already_yours: int = strawberry.field(description="Units you hold and have bought.")


@strawberry.type(description="The deal has not started, is paused, or has ended.")
class DealNotLive(UserError):
    deal_id: strawberry.ID = strawberry.field(description="The deal.")
    phase: DealPhase = strawberry.field(description="By the server's clock.")
    starts_at: datetime = strawberry.field(description="When it opens.")
    ends_at: datetime = strawberry.field(description="When it closes.")


@strawberry.type(description="There is no such thing, or it is somebody else's.")
class NotFound(UserError):
    pass


@strawberry.type(description="A value that cannot be used; the message says what can.")
class InvalidInput(UserError):
    field: str = strawberry.field(description="The input's field.")


@strawberry.type(description="There is nothing to check out.")
class CartEmpty(UserError):
    pass


@strawberry.type(description="The units are no longer set aside. Add the deal again.")
class HoldLapsed(UserError):
    deal_id: strawberry.ID = strawberry.field(description="The deal.")


@strawberry.type(description="The total is not the one that was expected.")
class PriceChanged(UserError):
    total: Money = strawberry.field(description="What it is.")


@strawberry.type(description="The idempotency key was used before, for something else.")
class IdempotencyKeyReused(UserError):
    pass


@strawberry.type(description="E-mail and password do not belong together.")
class InvalidCredentials(UserError):
    pass


@strawberry.type(description="An account with this e-mail address exists.")
class EmailTaken(UserError):
    pass


@strawberry.type(description="The order is past the point where its buyer may cancel it.")
class OrderNotCancellable(UserError):
    status: OrderStatus = strawberry.field(description="Where the order is.")


@strawberry.type(
    description="Busy or out of reach. Send the same request again, with the same idempotency key."
)
class TryLater(UserError):
    pass


@dataclass(frozen=True, slots=True)
class Refuses:
    """An exception handler of Strawberry's: a raised refusal becomes its union's member."""

    exception_type: type[Exception]
    error_type: type[UserError]
    code: UserErrorCode
    details: Callable[[Any], dict[str, Any]] = lambda _: {}

    def handle(self, exception: Exception, *, field: StrawberryField, info: Info) -> UserError:
        """The member of the union that tells of this refusal; it counts for its deal."""
        del field
        deal_id: str | None = getattr(exception, "deal_id", None)
        if deal_id is not None:
            info.context.resources.tally.refused(deal_id, self.code.name)
        told: dict[str, Any] = {"retryable": False, "retry_after_ms": None}
        told |= self.details(exception)
        return self.error_type(code=self.code, message=str(exception), **told)


class OutOfReach:
    """An exception handler of Strawberry's: a store that is away is no mistake of the buyer's."""

    exception_type = errors.OUT_OF_REACH
    error_type = TryLater

    def handle(self, exception: Exception, *, field: StrawberryField, info: Info) -> TryLater:
        """Ask for the same request once more; what is wrong is for the log."""
        log.warning(
            "store_out_of_reach",
            field=field.python_name,
            request_id=info.context.request.request_id,
            error=repr(exception),
        )
        return TryLater(
            code=UserErrorCode.TRY_LATER,
            message=STORE_AWAY,
            retryable=True,
            retry_after_ms=_STORE_AWAY_MS,
        )


def _of_deal(refusal: errors.HoldLapsed) -> dict[str, Any]:
    return {"deal_id": refusal.deal_id}


def _sold_out(refusal: errors.SoldOut) -> dict[str, Any]:
    return {"deal_id": refusal.deal_id, "available": refusal.available}


def _limited(refusal: errors.PurchaseLimitReached) -> dict[str, Any]:
    return {
        "deal_id": refusal.deal_id,
        "limit": refusal.limit,
        "already_yours": refusal.already_yours,
    }


def _not_live(refusal: errors.DealNotLive) -> dict[str, Any]:
    opening = refusal.phase == "LIVE"
    return {
        "deal_id": refusal.deal_id,
        "phase": DealPhase[refusal.phase],
        "starts_at": refusal.starts_at,
        "ends_at": refusal.ends_at,
        "retryable": opening,
        "retry_after_ms": _OPENING_MS if opening else None,
    }


def _invalid(refusal: errors.InvalidInput | auth_errors.InvalidInput) -> dict[str, Any]:
    return {"field": refusal.field}


def _price_changed(refusal: errors.PriceChanged) -> dict[str, Any]:
    return {"total": Money.of(refusal.total)}


def _not_cancellable(refusal: errors.OrderNotCancellable) -> dict[str, Any]:
    return {"status": OrderStatus[refusal.status]}


def _later(refusal: errors.TryLater) -> dict[str, Any]:
    return {"retryable": True, "retry_after_ms": refusal.retry_after_ms}


_CODES = UserErrorCode
REFUSALS: Final = (
    Refuses(errors.SoldOut, SoldOut, _CODES.SOLD_OUT, _sold_out),
    Refuses(
        errors.PurchaseLimitReached, PurchaseLimitReached, _CODES.PURCHASE_LIMIT_REACHED, _limited
    ),
    Refuses(errors.DealNotLive, DealNotLive, _CODES.DEAL_NOT_LIVE, _not_live),
    Refuses(errors.NotFound, NotFound, _CODES.NOT_FOUND),
    Refuses(errors.InvalidInput, InvalidInput, _CODES.INVALID_INPUT, _invalid),
    Refuses(auth_errors.InvalidInput, InvalidInput, _CODES.INVALID_INPUT, _invalid),
    Refuses(errors.CartEmpty, CartEmpty, _CODES.CART_EMPTY),
    Refuses(errors.HoldLapsed, HoldLapsed, _CODES.HOLD_LAPSED, _of_deal),
    Refuses(errors.PriceChanged, PriceChanged, _CODES.PRICE_CHANGED, _price_changed),
    Refuses(errors.IdempotencyKeyReused, IdempotencyKeyReused, _CODES.IDEMPOTENCY_KEY_REUSED),
    Refuses(auth_errors.InvalidCredentials, InvalidCredentials, _CODES.INVALID_CREDENTIALS),
    Refuses(auth_errors.EmailTaken, EmailTaken, _CODES.EMAIL_TAKEN),
    Refuses(
        errors.OrderNotCancellable,
        OrderNotCancellable,
        _CODES.ORDER_NOT_CANCELLABLE,
        _not_cancellable,
    ),
    Refuses(errors.TryLater, TryLater, _CODES.TRY_LATER, _later),
    OutOfReach(),
)
"""One handler for each refusal that can be raised below a mutation."""
