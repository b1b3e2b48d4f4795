"""The cart index: which deals a buyer has asked for, and under which idempotency keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, cast

import orjson
from redis.asyncio import Redis

from inventory.errors import CartFull, KeyReused
from inventory.gate import whole_ms
from inventory.keys import cart_key, request_key
from inventory.scripts import Call, Scripts

MOST_DEALS = 50
# Longer than the longest hold plus the longest freeze (a day each), so no hold outlives its index.
CART_LIFE = timedelta(hours=72)

_CHECKOUT = "checkout"


@dataclass(frozen=True, slots=True)
class Noted:
    """What was known of a request before its hold: NEW, a REPEAT in flight or unknown, or DONE.

    `open_checkout` is the checkout that changing the cart would supersede.
    """

    state: Literal["NEW", "REPEAT", "DONE"]
    open_checkout: str | None


class CartIndex:
    """Points from a buyer to the deals where holds may be. The holds themselves are the truth."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._scripts = Scripts(redis)

    async def note(
        self, user_id: str, deal_id: str, *, key: str | None, fingerprint: str, keep_for: timedelta
    ) -> Noted:
        """Write a deal into the cart before it is held, so that no hold is invisible.

        The key is remembered for `keep_for` with the request's fingerprint. May be repeated.
        After it, call `finish_key` on success (or `note` again without a key, which puts back what
        another tab took out meanwhile), and `drop_key` or `drop_note` on a refusal.

        Raises:
            KeyReused, CartFull: nothing was written.
        """
        assert fingerprint or key is None
        word, checkout = await self._scripts.run(
            Call(
                "cart_note",
                (cart_key(user_id), request_key(user_id, key)),
                (
                    deal_id,
                    "" if key is None else fingerprint,
                    whole_ms(keep_for),
                    MOST_DEALS,
                    whole_ms(CART_LIFE),
                ),
            )
        )
        match word:
            case "NEW" | "REPEAT" | "DONE":
                return Noted(word, checkout or None)
            case "KEY_REUSED":
                raise KeyReused
            case "CART_FULL":
                raise CartFull(MOST_DEALS)
            case _:
                raise AssertionError(f"cart_note answered {word}")

    async def finish_key(self, user_id: str, key: str) -> None:
        """Remember that the request of a key has succeeded. May be repeated."""
        await self._scripts.run(Call("cart_finish", (cart_key(user_id), request_key(user_id, key))))

    async def drop_key(self, user_id: str, key: str) -> None:
        """Forget a key and its note after a refusal, which leaves nothing behind."""
        await self._scripts.run(
            Call("cart_drop", (cart_key(user_id), request_key(user_id, key)), ("",))
        )

    async def drop_note(self, user_id: str, deal_id: str) -> None:
        """Take back a note that had no key, after a refusal. Not idempotent: call it once."""
        await self._scripts.run(
            Call("cart_drop", (cart_key(user_id), request_key(user_id, None)), (deal_id,))
        )

    async def entries(self, user_id: str) -> dict[str, str]:
        """The deals of a cart in order of adding, some of which may not be held (any more).

        What stands beside each is only good for `forget`.
        """
        return ordered(cast("dict[str, str]", await self._redis.hgetall(cart_key(user_id))))

    async def open_checkout(self, user_id: str) -> str | None:
        """The checkout that changing the cart would supersede."""
        return cast("str | None", await self._redis.hget(cart_key(user_id), _CHECKOUT))

    async def deals(self, user_id: str) -> list[str]:
        """The deals of a cart in order of adding."""
        return list(await self.entries(user_id))

    async def forget(self, user_id: str, entries: Mapping[str, str]) -> None:
        """Take deals out of the cart that were not noted again since `entries` was read.

        May be repeated.
        """
        if entries:
            read = orjson.dumps(dict(entries))
            await self._scripts.run(Call("cart_forget", (cart_key(user_id),), (read,)))

    async def propose_checkout(self, user_id: str, checkout_id: str) -> str:
        """The id of the buyer's open checkout: this one, unless another was open already."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hsetnx(cart_key(user_id), _CHECKOUT, checkout_id)
            pipe.hget(cart_key(user_id), _CHECKOUT)
            pipe.pexpire(cart_key(user_id), CART_LIFE)
            _, open_checkout, _ = await pipe.execute()
        return str(open_checkout)

    async def clear_checkout(self, user_id: str, checkout_id: str) -> None:
        """Forget the open checkout, if it still is this one. May be repeated."""
        await self._scripts.run(Call("cart_clear_checkout", (cart_key(user_id),), (checkout_id,)))


def ordered(cart: dict[str, str]) -> dict[str, str]:
    """The deals of a cart in order of adding, from all that is kept of it."""
    cart.pop(_CHECKOUT, None)
    return dict(sorted(cart.items(), key=lambda entry: int(entry[1].partition("|")[0])))
