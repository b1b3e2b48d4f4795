"""Compares Redis, Postgres and the payment provider, all the time and on demand, and mends them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import asyncpg
import structlog

from kit.clock import Clock
from orders.deal_by_deal import deal_by_deal
from orders.drift import Drift, DriftBook, DriftClass
from orders.errors import OUT_OF_REACH, TryLater
from orders.gate_watch import SECOND_LOOK_SECONDS, GateWatch, Look
from orders.intent_comparison import IntentComparison
from orders.settlement import Settlement
from orders.statements import sql
from orders.sweeps import AFTERLIFE
from payments.errors import ProviderRefused, ProviderUnreachable

log = structlog.get_logger()

# One pass beside a running sale: a gate of this size keeps its server busy for five milliseconds.
DEALS_A_PASS: Final = 5
MOST_LIVE: Final = 5_000
# Somebody asked for it: half a second for each deal, at worst.
MOST_ON_DEMAND: Final = 500_000
# How far back the provider's list is read beside a sale: 2,000 intents, well over a minute of its
# default limit of 25 a second.
RECENT: Final = timedelta(minutes=10)
RECENT_PAGES: Final = 20
ON_DEMAND_PAGES: Final = 5_000
# Jobs are repeated within five minutes, and the poller asks every minute.
STUCK_AFTER: Final = timedelta(minutes=10)
MOST_STUCK: Final = 100

_CANNOT_NOW: Final = (*OUT_OF_REACH, TryLater, ProviderUnreachable, ProviderRefused)


@dataclass(frozen=True, slots=True)
class Finding:
    """A difference that was found on demand; `mended` tells that it is gone."""

    drift: Drift
    mended: bool


@dataclass(frozen=True, slots=True)
class Report:
    """What a pass on demand has found; without the provider nothing was found about money."""

    findings: Sequence[Finding]
    provider_away: bool

    @property
    def clean(self) -> bool:
        """Whether everything was compared, and nothing is left."""
        return not self.provider_away and all(found.mended for found in self.findings)


class Reconciliation:
    """Three sweeps of the worker, and one pass over everything on demand."""

    def __init__(
        self,
        *,
        pool: asyncpg.Pool,
        watch: GateWatch,
        comparison: IntentComparison,
        settlement: Settlement,
        driftbook: DriftBook,
        clock: Clock,
    ) -> None:
        self._pool = pool
        self._watch = watch
        self._comparison = comparison
        self._settlement = settlement
        self._driftbook = driftbook
        self._clock = clock
        self._next_deal = ""
        self._suspected: list[Drift] = []

    async def reconcile_live(self) -> int:
        """Look at the gates of a few deals, the next pass at the next ones; differences found."""
        deal_ids = await self._deals_after(self._next_deal, DEALS_A_PASS)
        self._next_deal = deal_ids[-1] if len(deal_ids) == DEALS_A_PASS else ""
        return await deal_by_deal("reconcile_live", deal_ids, self._reconcile_gate)

    async def reconcile_orders(self) -> int:
        """Settle orders that are stuck, and note which differences are gone; stuck ones found."""
        stuck = await self._stuck()
        await self._driftbook.record(stuck)
        for drift in stuck:
            await self._mend(drift)
        await self._driftbook.close_settled()
        return len(stuck)

    async def reconcile_intents(self) -> int:
        """Compare the provider's recent intents with the orders; differences found.

        What an order's own events may still settle is believed when the next pass finds it again.

        Raises:
            ProviderUnreachable: nothing was concluded.
        """
        found = await self._comparison.compare(self._clock.now() - RECENT, most_pages=RECENT_PAGES)
        before = {drift.key for drift in self._suspected}
        self._suspected = found
        believed = [drift for drift in found if drift.mend != "SETTLE" or drift.key in before]
        await self._driftbook.record(believed)
        for drift in believed:
            await self._mend(drift)
        await self._driftbook.close_settled()
        return len(believed)

    async def reconcile(
        self, *, since: datetime, deal_id: str | None = None, mend: bool = True
    ) -> Report:
        """Compare everything, or what concerns one deal, and mend it; without `mend` reads only.

        Every difference is looked at twice. What a staged job will tell the gate counts as mended.

        Raises:
            redis.RedisError, asyncpg.PostgresError, OSError: a store is away; repeat.
        """
        suspects = await self._suspects(since)
        deal_ids = [deal_id] if deal_id else await self._all_deals()
        looks = [await self._watch.look(each, most=MOST_ON_DEMAND) for each in deal_ids]
        wrong = [look for look in looks if look is not None and look.drifts]
        if suspects or wrong:
            await asyncio.sleep(SECOND_LOOK_SECONDS)
        of_intents = await self._still(suspects)
        of_orders = [*(of_intents or ()), *await self._stuck()]
        if deal_id:
            of_orders = [drift for drift in of_orders if drift.deal_id == deal_id]
        gates = [again for one in wrong if (again := await self._look_again(one)).drifts]
        found = [*of_orders, *(drift for look in gates for drift in look.drifts)]
        still = {drift.key for drift in found}
        if mend:
            await self._mend_all(of_orders, gates)
            for look in looks:
                if look is not None and not look.drifts:
                    await self._driftbook.close_gone(look.deal_id, ())
            still = await self._driftbook.open_keys()
        findings = [Finding(drift, mended=drift.key not in still) for drift in found]
        return Report(findings, provider_away=of_intents is None)

    async def _reconcile_gate(self, deal_id: str) -> int:
        look = await self._watch.look_again(deal_id, most=MOST_LIVE)
        if look is None or not look.drifts:
            return 0
        await self._mend_gate(look)
        return len(look.drifts)

    async def _suspects(self, since: datetime) -> list[Drift] | None:
        """What a first comparison with the provider finds; None while it is away."""
        try:
            return await self._comparison.compare(since, most_pages=ON_DEMAND_PAGES)
        except (ProviderUnreachable, ProviderRefused) as error:
            log.error("intents_not_compared", error=repr(error))  # noqa: TRY400 - the error says it all
            return None

    async def _still(self, suspects: Sequence[Drift] | None) -> list[Drift] | None:
        """What of it is still there; None while the provider is away."""
        if suspects is None:
            return None
        try:
            return await self._comparison.compare_again(suspects)
        except (ProviderUnreachable, ProviderRefused) as error:
            log.error("intents_not_compared", error=repr(error))  # noqa: TRY400 - the error says it all
            return None

    async def _mend_all(self, of_orders: Sequence[Drift], gates: Sequence[Look]) -> None:
        """Money first: it may take up the very claims that a gate seems to have too many of."""
        await self._driftbook.record(of_orders)
        for drift in of_orders:
            await self._mend(drift)
        await self._driftbook.close_settled()
        for look in gates:
            if not await self._mend_gate(look):
                continue
            after = await self._watch.look(look.deal_id, most=MOST_ON_DEMAND)
            if after is not None:
                await self._driftbook.close_gone(
                    look.deal_id, {drift.key for drift in after.drifts}
                )

    async def _look_again(self, first: Look) -> Look:
        """What a second look still finds of a first one."""
        second = await self._watch.look(first.deal_id, most=MOST_ON_DEMAND)
        if second is None:
            return Look(first.deal_id, first.epoch, [])
        keys = {(drift.key, drift.units) for drift in first.drifts}
        still = [drift for drift in second.drifts if (drift.key, drift.units) in keys]
        return Look(first.deal_id, second.epoch, still)

    async def _mend_gate(self, look: Look) -> bool:
        """Mend a gate; False where it cannot be done now, and the differences stay open."""
        try:
            return await self._watch.mend(look)
        except _CANNOT_NOW as error:
            log.warning("drift_left", deal_id=look.deal_id, error=repr(error))
            return False

    async def _mend(self, drift: Drift) -> None:
        """Mend what concerns one order; what cannot be done now stays open."""
        assert drift.user_id is not None
        assert drift.order_id is not None
        try:
            if drift.kind == DriftClass.STUCK_ORDER:
                await self._settlement.settle(drift.user_id, drift.order_id)
            else:
                await self._comparison.mend(drift)
        except _CANNOT_NOW as error:
            log.warning("drift_left", order_id=drift.order_id, error=repr(error))

    async def _stuck(self) -> list[Drift]:
        """Orders that are in a state of passage long after they should have left it."""
        rows = await self._pool.fetch(
            sql("stuck_orders"), self._clock.now() - STUCK_AFTER, MOST_STUCK
        )
        return [
            Drift(
                DriftClass.STUCK_ORDER,
                "SETTLE",
                f"{row['status']} since {row['since']:%Y-%m-%d %H:%M:%S} UTC",
                deal_id=row["deal_id"],
                user_id=row["user_id"],
                order_id=row["id"],
                units=row["units"],
            )
            for row in rows
        ]

    async def _deals_after(self, deal_id: str, most: int) -> list[str]:
        """Deals that can have a gate, in order of their ids."""
        rows = await self._pool.fetch(
            "SELECT id FROM deals WHERE ends_at > $1 AND id > $2 ORDER BY id LIMIT $3",
            self._clock.now() - AFTERLIFE,
            deal_id,
            most,
        )
        return [row["id"] for row in rows]

    async def _all_deals(self) -> list[str]:
        return [row["id"] for row in await self._pool.fetch("SELECT id FROM deals ORDER BY id")]
