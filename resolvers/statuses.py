"""Where an order and its payment can be."""

from enum import Enum

import strawberry


@strawberry.enum(description="Where an order is.")
class OrderStatus(Enum):
    PENDING_PAYMENT = strawberry.enum_value(
        "PENDING_PAYMENT", description="Agreed; the units are yours until paymentDueAt."
    )
    CANCELLING = strawberry.enum_value(
        "CANCELLING", description="You gave it back; the provider has not confirmed yet."
    )
    CANCELLED = strawberry.enum_value(
        "CANCELLED", description="Given back; its units are on sale again."
    )
    EXPIRING = strawberry.enum_value(
        "EXPIRING", description="Not paid in time; the provider has not confirmed yet."
    )
    EXPIRED = strawberry.enum_value(
        "EXPIRED", description="Not paid in time; its units are on sale again."
    )
    PAID = strawberry.enum_value("PAID", description="Paid: the units are sold.")
    REFUND_PENDING = strawberry.enum_value(
        "REFUND_PENDING", description="The money is on its way back."
    )
    REFUNDED = strawberry.enum_value("REFUNDED", description="The money was sent back.")
    UNDER_REVIEW = strawberry.enum_value(
        "UNDER_REVIEW", description="What was paid differs; somebody looks at it."
    )


@strawberry.enum(description="Where the payment of an order is.")
class PaymentStatus(Enum):
    OPENING = strawberry.enum_value(
        "OPENING", description="The provider is being asked; orderChanged tells the rest."
    )
    REQUIRES_PAYMENT = strawberry.enum_value(
        "REQUIRES_PAYMENT", description="Confirm it with the client secret."
    )
    PROCESSING = strawberry.enum_value("PROCESSING", description="The provider is at work.")
    SUCCEEDED = strawberry.enum_value("SUCCEEDED", description="The money was taken.")
    FAILED = strawberry.enum_value(
        "FAILED", description="The last attempt was declined; it may be tried again."
    )
    CANCELLED = strawberry.enum_value("CANCELLED", description="No money can move any more.")
    REFUNDED = strawberry.enum_value("REFUNDED", description="The money was sent back.")
