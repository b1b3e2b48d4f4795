"""Puts waiting orders into Postgres together: one transaction and one flush for many buyers."""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import asyncpg
import structlog

from orders.batch import BatchChanged, look_up, place_batch
from orders.drafts import Draft, Outcome
from orders.errors import OUT_OF_REACH, TryLater

log = structlog.get_logger()

# Measured: 854 orders/s with a transaction each on one hot row, 56,477/s in batches of 64.
MOST_IN_A_BATCH = 64
# So long a batch waits for orders that are on their way.
GATHER_SECONDS = 0.005
# At 64 a batch and ten milliseconds each this is a third of a second's work; more is shed.
MOST_WAITING = 2_048
# An order that appears elsewhere while its batch runs makes the batch start again.
MOST_ATTEMPTS = 5
LOOK_UP_SECONDS = 3.0
# Longer than a batch and its looking up take.
CLOSING_SECONDS = 8.0
LOOK_UP_EVERY_SECONDS = 0.1

Ticket = tuple[Draft, "asyncio.Future[Outcome]"]


class OrderWriter:
    """The only door through which orders enter Postgres in this process.

    An order that nobody follows goes at once; while a transaction runs, the others gather into the
    next, which waits for a moment for those that are on their way.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._waiting: deque[Ticket] = deque()
        self._expected = 0
        self._arrived = asyncio.Event()
        self._moved = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.run(), name="order writer")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish what was accepted, then stop; what takes too long is answered: try later."""
        self._closing = True
        self._arrived.set()
        assert self._task is not None
        _, late = await asyncio.wait({self._task}, timeout=CLOSING_SECONDS)
        for task in late:
            task.cancel()
            await asyncio.wait({task})
        while self._waiting:
            _answer_error(self._waiting.popleft(), _replaced())

    async def submit(self, draft: Draft) -> Outcome:
        """Place an order; answered after COMMIT, with this order's own outcome.

        May be repeated with the same draft.

        Raises:
            TryLater: too many are waiting (nothing was written), or the outcome is unknown:
                repeat, and the repeat finds the order if it is there.
        """
        if self._closing:
            raise _replaced()
        if len(self._waiting) >= MOST_WAITING:
            raise TryLater(retry_after_ms=500, reason="very many orders are being placed")
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((draft, future))
        self._arrived.set()
        self._moved.set()
        return await asyncio.shield(future)

    @contextmanager
    def expecting(self) -> Iterator[None]:
        """An order is on its way: the next batch waits for it, for a moment."""
        self._expected += 1
        try:
            yield
        finally:
            self._expected -= 1
            self._moved.set()

    async def run(self) -> None:
        """Write batches until closed; then until nothing waits any more."""
        while self._waiting or not self._closing:
            await self._arrived.wait()
            await self._gather()
            await self.run_once()
            if not (self._waiting or self._closing):
                self._arrived.clear()

    async def _gather(self) -> None:
        """Let those come who are on their way; nobody waits where nobody is."""
        try:
            async with asyncio.timeout(GATHER_SECONDS):
                while len(self._waiting) < min(self._expected, MOST_IN_A_BATCH):
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            return

    async def run_once(self) -> int:
        """Write one batch of what is waiting; how many orders were answered."""
        batch = self._take()
        try:
            if batch:
                await self._write(batch)
        except asyncio.CancelledError:
            for ticket in batch:
                _answer_error(ticket, _unknown())
            raise
        return len(batch)

    def _take(self) -> list[Ticket]:
        """The next batch, at most one order for each checkout and key: a repeat waits its turn."""
        batch: list[Ticket] = []
        later: list[Ticket] = []
        seen: set[tuple[str, str]] = set()
        while self._waiting and len(batch) < MOST_IN_A_BATCH:
            ticket = self._waiting.popleft()
            draft = ticket[0]
            marks = {(draft.user_id, draft.checkout_id), (draft.user_id, draft.key)}
            if marks & seen:
                later.append(ticket)
            else:
                seen |= marks
                batch.append(ticket)
        self._waiting.extendleft(reversed(later))
        return batch

    async def _write(self, batch: Sequence[Ticket]) -> None:
        drafts = [draft for draft, _ in batch]
        try:
            outcomes = await self._place(drafts)
        except OUT_OF_REACH:
            log.warning("orders_outcome_unknown", orders=len(batch), exc_info=True)
            await self._resolve(batch)
        except Exception as error:  # noqa: BLE001 - whatever it was, every caller must be answered
            if len(batch) == 1:
                _answer_error(batch[0], error)
                return
            log.warning("batch_split", orders=len(batch), error=repr(error))
            for ticket in batch:
                await self._write([ticket])
        else:
            for (_, future), outcome in zip(batch, outcomes, strict=True):
                if not future.done():
                    future.set_result(outcome)

    async def _place(self, drafts: Sequence[Draft]) -> list[Outcome]:
        for attempt in range(MOST_ATTEMPTS):
            async with self._pool.acquire() as connection:
                try:
                    return await place_batch(connection, drafts, look_first=attempt > 0)
                except (BatchChanged, asyncpg.DeadlockDetectedError):
                    continue
        raise TryLater(retry_after_ms=200, reason="this order is being placed elsewhere")

    async def _resolve(self, batch: Sequence[Ticket]) -> None:
        """The connection was lost around COMMIT: look the orders up rather than guess."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + LOOK_UP_SECONDS
        open_tickets = list(batch)
        while open_tickets and loop.time() < deadline:
            try:
                found = await look_up(self._pool, [draft for draft, _ in open_tickets])
            except (*OUT_OF_REACH, asyncpg.DeadlockDetectedError):
                await asyncio.sleep(LOOK_UP_EVERY_SECONDS)
                continue
            for (_, future), placed in zip(open_tickets, found, strict=True):
                if placed is not None and not future.done():
                    future.set_result(placed)
            break
        for ticket in open_tickets:
            _answer_error(ticket, _unknown())


def _replaced() -> TryLater:
    return TryLater(retry_after_ms=500, reason="this server is being replaced")


def _unknown() -> TryLater:
    return TryLater(retry_after_ms=500, reason="the outcome is not known yet")


def _answer_error(ticket: Ticket, error: Exception) -> None:
    future = ticket[1]
    if not future.done():
        future.set_exception(error)
        future.exception()  # its caller may have gone away
