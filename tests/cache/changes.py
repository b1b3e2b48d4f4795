"""What may happen at a shop between two questions, through either of two processes."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from hypothesis import strategies as st

from inventory.errors import BelowHeldAndSold
from kit.money import Money
from orders.errors import Refusal
from runtime.resources import Resources
from tests.cache.documents import Things
from tests.orders.shop import ACTOR, Shop

NAMES: Final = (
    "add",
    "add",
    "set",
    "remove",
    "adjust",
    "price",
    "title",
    "opens soon",
    "ends soon",
    "window",
    "pause",
    "resume",
    "end",
    "create",
    "delete",
    "rename product",
    "move product",
    "lapse",
    "nothing",
)
SOON: Final = timedelta(milliseconds=300)
HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Change:
    """One change, of which thing, by how much."""

    name: str
    which: int
    amount: int
    by: int

    async def make(self, resources: Resources, things: Things, buyers: list[str]) -> None:
        """Make it; what the shop refuses is no change."""
        with suppress(Refusal, BelowHeldAndSold):
            await self._make(resources, things, buyers[self.by % len(buyers)])

    async def _make(  # noqa: C901, PLR0912 - a list of what may happen, a line each
        self, resources: Resources, things: Things, user_id: str
    ) -> None:
        deal_id = things.deal_ids[self.which % len(things.deal_ids)]
        product_id = things.product_ids[self.which % len(things.product_ids)]
        desk, carts, now = resources.dealdesk, resources.carts, resources.clock.now()
        match self.name:
            case "add":
                await carts.add(user_id, deal_id=deal_id, quantity=self.amount, key=None)
            case "set":
                await carts.change(user_id, deal_id=deal_id, quantity=self.amount - 1)
            case "remove":
                await carts.remove(user_id, deal_id=deal_id)
            case "adjust":
                await resources.restocking.adjust_stock(
                    deal_id, self.amount - 2 or 1, reason="a test", actor=ACTOR
                )
            case "price":
                await desk.update(deal_id, price=Money(1_000 + 10 * self.amount, "USD"))
            case "title":
                await desk.update(deal_id, title=f"Title {self.amount} {now}")
            case "opens soon":
                await desk.update(deal_id, starts_at=now + SOON, ends_at=now + HOUR)
            case "ends soon":
                await desk.update(deal_id, starts_at=now - HOUR, ends_at=now + SOON)
            case "window":
                await desk.update(deal_id, starts_at=now - HOUR, ends_at=now + self.amount * HOUR)
            case "pause":
                await desk.pause(deal_id)
            case "resume":
                await desk.resume(deal_id)
            case "end":
                await desk.end(deal_id)
            case "create":
                things.deal_ids.append(await open_deal(resources, things))
            case "delete":
                await desk.delete(deal_id)
            case "rename product":
                await resources.catalogue.update(product_id, name=f"Tin {self.amount} {now}")
            case "move product":
                category = "Kitchen" if self.amount % 2 else things.category
                await resources.catalogue.update(product_id, category=category)
            case "lapse":
                await resources.sweeps.lapse_holds()
            case other:
                assert other == "nothing"


CHANGES: Final = st.builds(
    Change,
    name=st.sampled_from(NAMES),
    which=st.integers(0, 9),
    amount=st.integers(1, 4),
    by=st.integers(0, 1),
)


async def open_deal(resources: Resources, things: Things) -> str:
    """A deal of the first product, in these things' category, of few units."""
    deal_id = await Shop(resources).deal(allotment=3, limit=3)
    await resources.pool.execute(
        "UPDATE deals SET category = $2, product_id = $3 WHERE id = $1",
        deal_id,
        things.category,
        things.product_ids[0],
    )
    resources.dealbook.drop(deal_id)
    resources.announcer.deal(deal_id)
    return deal_id


async def make_things(resources: Resources) -> Things:
    """A category of its own, with a product and two deals."""
    product = await Shop(resources).product()
    things = Things(f"Ours {product.sku}", [], [product.id], [])
    await resources.catalogue.update(product.id, category=things.category)
    for _ in range(2):
        things.deal_ids.append(await open_deal(resources, things))
    return things
