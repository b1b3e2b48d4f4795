"""Units that Postgres gives to a deal: written with their message, then told to the gate."""

from dataclasses import asdict, dataclass

import structlog
from redis.exceptions import RedisError

from inventory.errors import StaleEpoch
from inventory.stock import Stock
from kit.ids import new_id
from orders import jobs
from orders.gatekeeper import Gatekeeper
from orders.ledger import Connection, LockedDeal

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Gift:
    """The payload of a `STOCK_ADDED` job; `epoch` is that of the locked deal row."""

    deal_id: str
    delta: int
    epoch: int
    operation_id: str
    ledger_seq: int


async def stage_gift(connection: Connection, deal: LockedDeal, units: int) -> Gift:
    """Stage the message about units whose entry is the deal's newest, in its transaction."""
    gift = Gift(
        deal_id=deal.id,
        delta=units,
        epoch=deal.epoch,
        operation_id=new_id("req"),
        ledger_seq=deal.ledger_seq,
    )
    await jobs.stage(connection, jobs.STOCK_ADDED, asdict(gift))
    return gift


async def hand_over(gift: Gift, *, stock: Stock, gatekeeper: Gatekeeper) -> None:
    """Tell the gate now what has been committed: quick, while its job makes it sure.

    The gate applies it once, so this may be repeated, and a gate that is away is no trouble.
    """
    try:
        counters = await stock.adjust_stock(
            gift.deal_id,
            gift.delta,
            epoch=gift.epoch,
            operation_id=gift.operation_id,
            ledger_seq=gift.ledger_seq,
        )
        gatekeeper.announce(counters)
    except (StaleEpoch, RedisError, OSError) as error:
        log.warning("gate_told_later", deal_id=gift.deal_id, error=repr(error))
