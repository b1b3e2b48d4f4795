"""The first step of an order: its units are claimed at the gate, or left to Postgres alone."""

import asyncio

import structlog

from inventory.errors import DealNotLive as GateNotLive
from inventory.errors import HoldLapsed as GateHoldLapsed
from inventory.stock import HoldAnswer, Stock
from kit.clock import Clock
from kit.ids import sibling
from orders.abandonment import Abandonment
from orders.checkout import CheckoutView
from orders.dealbook import DealBook
from orders.drafts import DraftLine
from orders.errors import GateOutOfReach, HoldLapsed
from orders.gatekeeper import Gatekeeper
from orders.liveness import not_live
from orders.outage import Outage

log = structlog.get_logger()


class Claiming:
    """Turns the frozen holds of a checkout into the claims of its order (protocol rule 1)."""

    def __init__(
        self,
        *,
        stock: Stock,
        gatekeeper: Gatekeeper,
        outage: Outage,
        abandonment: Abandonment,
        dealbook: DealBook,
        clock: Clock,
    ) -> None:
        self._stock = stock
        self._gatekeeper = gatekeeper
        self._outage = outage
        self._abandonment = abandonment
        self._dealbook = dealbook
        self._clock = clock

    async def claim(self, checkout: CheckoutView) -> list[DraftLine]:
        """Claim every line at its gate; while Redis is down, leave all of them to Postgres.

        May be repeated: the order's id follows from its checkout's.

        Raises:
            HoldLapsed, DealNotLive: what had been claimed already is given back.
            TryLater: the outcome is unknown; repeat.
        """
        try:
            if not self._outage.under_way:
                return await self._claim_at_gate(checkout)
        except GateOutOfReach:
            log.warning("claim_outcome_unknown", checkout_id=checkout.id)
        await self._outage.take_turn()
        return [
            DraftLine(line.deal_id, line.title, line.quantity, line.unit_price_minor, None)
            for line in checkout.lines
        ]

    async def _claim_at_gate(self, checkout: CheckoutView) -> list[DraftLine]:
        """Claim every line at its gate, all at once; a checkout that lost a line is given up."""
        lines = sorted(checkout.lines, key=lambda line: line.deal_id)
        answers = await asyncio.gather(
            *(self._claim_line(checkout, line.deal_id, line.quantity) for line in lines),
            return_exceptions=True,
        )
        claimed: list[DraftLine] = []
        refusals: list[tuple[str, BaseException]] = []
        for line, epoch in zip(lines, answers, strict=True):
            if isinstance(epoch, BaseException):
                refusals.append((line.deal_id, epoch))
            else:
                claimed.append(
                    DraftLine(line.deal_id, line.title, line.quantity, line.unit_price_minor, epoch)
                )
        if not refusals:
            return claimed
        # What is not understood stays as it is: a repeat may find the rest.
        for _, error in refusals:
            if not isinstance(error, (GateHoldLapsed, GateNotLive)):
                raise error
        if claimed:
            await self._abandonment.give_up(checkout)
        deal_id, error = refusals[0]
        if isinstance(error, GateHoldLapsed):
            raise HoldLapsed(deal_id)
        raise await not_live(self._dealbook, deal_id, now=self._clock.now())

    async def _claim_line(self, checkout: CheckoutView, deal_id: str, units: int) -> int:
        """Claim one line; the epoch under which the gate confirmed it."""
        confirmed = 0

        async def claim(epoch: int) -> HoldAnswer:
            nonlocal confirmed
            answer = await self._stock.claim_hold(
                deal_id,
                checkout.user_id,
                epoch=epoch,
                order_id=sibling("ord", checkout.id),
                checkout_id=checkout.id,
                units=units,
            )
            confirmed = epoch
            return answer

        await self._gatekeeper.at_gate(deal_id, claim)
        return confirmed
