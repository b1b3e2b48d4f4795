"""Exported ledgers, the script that checks them, and a deal whose ledger tells a story."""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orders.ledger_export import export_ledger
from tests.orders.shop import ACTOR, Shop, buyer

SCRIPT = Path(__file__).parents[2] / "docs" / "check_ledger.py"
COUNTED = ("allotment", "claimed", "sold")
CHANGE = ("deal_id", "seq", "reason", "units", "order_ids", "actor", "note")
COVERED = (*CHANGE, *COUNTED, "at", "prev_hash")

Lines = list[dict[str, Any]]
Forgery = Callable[[Lines], object]


async def exported(shop: Shop, deal_id: str) -> Lines:
    return [json.loads(line) async for line in export_ledger(shop.resources.pool, deal_id)]


async def check(folder: Path, lines: Lines | bytes, *heads: str) -> tuple[int, str]:
    """The script's exit code, and all that it prints."""
    file = folder / "ledger.jsonl"
    if isinstance(lines, bytes):
        file.write_bytes(lines)
    else:
        file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        str(SCRIPT),
        str(file),
        *heads,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await program.communicate()
    assert program.returncode is not None
    return program.returncode, printed.decode()


async def storied(shop: Shop) -> str:
    """A deal with an entry of nearly every reason, and a note that is hard to write in JSON."""
    deal_id = await shop.deal(allotment=6, withheld=5)
    restock: list[str] = []
    for _ in range(2):
        order = await shop.order(buyer(), deal_id, quantity=2)
        await shop.pay(order)
        await shop.resources.settlement.settle(order.user_id, order.id)
        restock.append(order.id)
    given_back = await shop.order(buyer(), deal_id)
    await shop.resources.cancelling.cancel(given_back.user_id, given_back.id)
    await shop.resources.safety_stock.release(deal_id, 3, actor=ACTOR)
    adjust = shop.resources.restocking.adjust_stock
    await adjust(deal_id, 2, reason='deux "boîtes" \\ 茶 \u2028 🍵 </script>', actor=ACTOR)
    await adjust(deal_id, -1, reason="dented", actor=ACTOR)
    for order_id in restock:
        await shop.resources.refunding.refund(
            order_id, restock=order_id == restock[0], reason="too cold", actor=ACTOR
        )
    await shop.work()
    await shop.order(buyer(), deal_id)
    return deal_id
