"""Node: whatever has an identifier of its own."""

import strawberry


@strawberry.interface(description="Something with an identifier that never changes.")
class Node:
    id: strawberry.ID = strawberry.field(
        description='Opaque, and prefixed by its kind: "deal_01j...", "ord_01j...".'
    )
