"""Waits until nothing of a sale is in transit any more, and says what is stuck (I7)."""

import asyncio
from collections import Counter
from time import monotonic
from typing import Final

import asyncpg
import httpx
from redis.exceptions import RedisError

from kit.clock import to_ms
from tests.faults.evidence import Evidence, Where, read_gates, read_postgres, read_sandbox
from tests.faults.history import History
from tests.faults.opening import Sale

LOOK_SECONDS: Final = 0.5
# Quiet this many looks in a row: a job that has just ended may have staged another.
_QUIET_LOOKS: Final = 2
# Orders wait here for somebody or something; a person decides about UNDER_REVIEW.
IN_TRANSIT: Final = frozenset({"PENDING_PAYMENT", "CANCELLING", "EXPIRING", "REFUND_PENDING"})
_MOST_NAMED: Final = 5


async def settle(where: Where, sale: Sale, *, within: float) -> list[str]:
    """Wait until nothing is in transit; what still is after `within` seconds.

    Nobody shops any more, all faults are healed, and a worker is at work.
    """
    limit = monotonic() + within
    quiet = 0
    stuck = ["nothing was looked at"]
    while monotonic() < limit:
        try:
            stuck = await _look(where, sale)
        except (OSError, RedisError, asyncpg.PostgresError, httpx.HTTPError) as error:
            stuck = [f"a store does not answer: {error!r}"]
        quiet = 0 if stuck else quiet + 1
        if quiet == _QUIET_LOOKS:
            return []
        await asyncio.sleep(LOOK_SECONDS)
    return stuck


async def _look(where: Where, sale: Sale) -> list[str]:
    """What is in transit; the sandbox, which is slow to tell, is asked when all else is quiet."""
    found = Evidence(sale=sale, history=History())
    await read_postgres(where, found, ("deals", "orders", "jobs", "inbox", "drift"))
    await read_gates(where, found)
    stuck = in_transit(found)
    if not stuck:
        await read_sandbox(where, found)
        stuck = in_transit(found)
    return stuck


def in_transit(found: Evidence) -> list[str]:
    """What is on its way: orders, jobs, events, open drift, holds, unconfirmed claims."""
    lines: list[str] = []
    for status in sorted(IN_TRANSIT):
        waiting = [order["id"] for order in found.orders if order["status"] == status]
        if waiting:
            lines.append(f"{len(waiting)} orders are {status}: {_some(waiting)}")
    jobs = Counter((job["entrypoint"], job["status"]) for job in found.jobs)
    for (entrypoint, status), count in sorted(jobs.items()):
        attempts = max(job["attempts"] for job in found.jobs if job["entrypoint"] == entrypoint)
        lines.append(f"{count} jobs {entrypoint} are {status} after {attempts} attempts")
    unhandled = [event["event_id"] for event in found.inbox if event["handled_at"] is None]
    if unhandled:
        lines.append(f"{len(unhandled)} events are not handled: {_some(unhandled)}")
    lines += [
        f"a {drift['class']} of {drift['deal_id']} is open: {drift['note']}"
        for drift in found.drift
    ]
    due = [row["event_id"] for row in found.deliveries if row["state"] == "due"]
    if due:
        lines.append(f"{len(due)} events are not delivered: {_some(due)}")
    return lines + _at_the_gates(found)


def _at_the_gates(found: Evidence) -> list[str]:
    lines: list[str] = []
    now_ms = to_ms(found.at)
    for deal_id, gate in found.gates.items():
        if not gate.stock:
            lines.append(f"{deal_id} has no gate")
        if gate.unconfirmed:
            lines.append(f"{deal_id}: claims are unconfirmed: {_some(gate.unconfirmed)}")
        held = {buyer: hold for buyer, hold in gate.holds.items() if hold[0]}
        if held:
            furthest = max(deadline - now_ms for _, _, deadline in held.values())
            lines.append(f"{deal_id}: {len(held)} holds, the last lapses in {furthest} ms")
    return lines


def _some(names: list[str] | tuple[str, ...]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
