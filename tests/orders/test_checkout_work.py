"""How much a checkout asks of Postgres, whatever its lines."""

import asyncio

import asyncpg

from inventory.carts import CartIndex
from orders.checkout import Checkouts
from orders.supersession import Supersession
from tests.orders.shop import Shop, buyer


async def test_a_checkout_takes_two_statements_whatever_its_lines(shop: Shop) -> None:
    resources, log = shop.resources, list[str]()
    index = CartIndex(resources.redis)

    async def listen(connection: asyncpg.Connection) -> None:
        connection.add_query_logger(lambda record: log.append(record.query))

    async with asyncpg.create_pool(
        resources.settings.database_url,
        min_size=1,
        max_size=1,
        init=listen,
        reset=lambda _: asyncio.sleep(0),
    ) as pool:
        checkouts = Checkouts(
            stock=resources.stock,
            index=index,
            gatekeeper=resources.gatekeeper,
            supersession=Supersession(pool=pool, index=index),
            pool=pool,
            announcer=resources.announcer,
            clock=resources.clock,
            settings=resources.settings,
        )
        for lines in (1, 1, 3):  # a new connection asks for the types of arrays first
            log.clear()
            user_id = buyer()
            for _ in range(lines):
                deal_id = await shop.deal()
                await resources.carts.add(user_id, deal_id=deal_id, quantity=1, key=None)
            begun = await checkouts.begin(user_id)
            statements = len(log)
        assert statements == 2, log
        assert len(begun.lines) == 3
        log.clear()
        assert (await checkouts.begin(user_id)).id == begun.id
        assert len(log) == 1, log
