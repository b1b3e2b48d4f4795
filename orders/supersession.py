"""Changing a cart supersedes the checkout that was made from it."""

import asyncpg

from inventory.carts import CartIndex


class Supersession:
    """Ends the open checkout of a buyer whose cart has changed."""

    def __init__(self, *, pool: asyncpg.Pool, index: CartIndex) -> None:
        self._pool = pool
        self._index = index

    async def cart_changed(self, user_id: str, open_checkout: str | None) -> None:
        """Mark the checkout that the cart index names as superseded. May be repeated.

        The gate would refuse its claims in any case, since a changed hold forgets its checkout;
        this covers the deals that were not in it, and says so in Postgres.
        """
        if open_checkout is None:
            return
        await self._pool.execute(
            "UPDATE checkouts SET superseded_at = now()"
            " WHERE user_id = $1 AND id = $2 AND superseded_at IS NULL",
            user_id,
            open_checkout,
        )
        await self._index.clear_checkout(user_id, open_checkout)
