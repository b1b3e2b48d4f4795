"""How many operations over HTTP are executed at once: as many as end in time, in turn."""

import asyncio
from collections import deque
from time import monotonic
from typing import Final

from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.graphql import OperationType

from graph.answers import Answer, present
from graph.context import Context
from graph.execution import Execution
from graph.http_answers import overload, wrong_transport
from graph.pressure import Pressure
from graph.requests import BadRequest, Operation

# Each waits for stores with bounded pools: more at once would only wait until they time out.
MOST_AT_ONCE: Final = 2_000
# So many are always let in. They share one processor: were hundreds let in, each would take as
# long as all of them together, and what it read would be old by the time it is told.
FEWEST_AT_ONCE: Final = 8
# Whoever has waited so long is refused. Queries can be asked again; a mutation is worth more.
QUERY_PATIENCE_SECONDS: Final = 0.1
MUTATION_PATIENCE_SECONDS: Final = 0.2
# So many renewals, whose old answers are still given, before a query that somebody waits for.
MOST_IN_A_ROW: Final = 3
# A loop that is hardly late has time for more, who wait for stores and not for it.
_ON_TIME_SECONDS: Final = 0.005
_LATE_SECONDS: Final = 0.02

READS: Final = (OperationType.QUERY,)
READS_AND_WRITES: Final = (OperationType.QUERY, OperationType.MUTATION)


class _Line:
    """Those who wait their turn, with the moment at which they have waited too long."""

    def __init__(self, patience_seconds: float) -> None:
        self._patience = patience_seconds
        self._firsts: deque[tuple[float, asyncio.Future[bool]]] = deque()
        self._others: deque[tuple[float, asyncio.Future[bool]]] = deque()
        self._firsts_in_a_row = 0
        # Somebody waited in vain a moment ago: whoever comes before then would, too.
        self.full_until = 0.0

    def __len__(self) -> int:
        return len(self._firsts) + len(self._others)

    def join(self, *, first: bool) -> asyncio.Future[bool]:
        """Wait: True is one's turn, False that it took too long."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        place = (loop.time() + self._patience, future)
        (self._firsts if first else self._others).append(place)
        return future

    def call(self) -> bool:
        """Give the next their turn; False when nobody waits."""
        while self._firsts or self._others:
            _, future = self._next().popleft()
            if not future.done():
                future.set_result(True)
                return True
        return False

    def _next(self) -> deque[tuple[float, asyncio.Future[bool]]]:
        """Those whose turn it is: nobody is passed over more than a few times."""
        if self._firsts and (not self._others or self._firsts_in_a_row < MOST_IN_A_ROW):
            self._firsts_in_a_row += 1
            return self._firsts
        self._firsts_in_a_row = 0
        return self._others

    def send_away(self, now: float) -> None:
        """Refuse those who have waited too long."""
        for waiting in (self._firsts, self._others):
            while waiting and waiting[0][0] <= now:
                _, future = waiting.popleft()
                if not future.done():
                    future.set_result(False)
                    self.full_until = now + self._patience


class Turnstile:
    """The way to execution for operations whose answer is one response over HTTP.

    Some are let in at once, the others in turn, mutations first. While the loop is on time more are
    let in, because those inside wait for a store; when it is late, fewer.
    """

    def __init__(
        self, execution: Execution, pressure: Pressure, *, most_at_once: int = MOST_AT_ONCE
    ) -> None:
        self._execution = execution
        self._pressure = pressure
        self._most_at_once = most_at_once
        self._let_in = min(FEWEST_AT_ONCE, most_at_once)
        self._inside = 0
        self._mutations = _Line(MUTATION_PATIENCE_SECONDS)
        self._queries = _Line(QUERY_PATIENCE_SECONDS)
        pressure.tell(self._hear)

    def is_full(self, *, for_mutations: bool) -> bool:
        """Whether whoever comes now would be refused in the end, and better is at once."""
        line = self._mutations if for_mutations else self._queries
        if self._pressure.is_late:
            return True
        taken = self._inside >= self._let_in
        return taken and asyncio.get_running_loop().time() < line.full_until

    async def read(self, operation: Operation, context: Context, *, first: bool = False) -> Answer:
        """The answer to a public query; `first` goes before other queries.

        Raises:
            BadRequest: it is none.
        """
        return await self.run(operation, context, only_reads=True, first=first)

    async def run(
        self, operation: Operation, context: Context, *, only_reads: bool, first: bool = False
    ) -> Answer:
        """The answer to a query or mutation; OVERLOADED when its turn would come too late.

        Raises:
            BadRequest: it is none of these, or a mutation although only reads are wanted.
        """
        if not await self._enter(is_mutation=context.operation_type == "mutation", first=first):
            return overload()
        context.began_at = monotonic()
        try:
            result = await self._execution.once(
                operation, context, allowed=READS if only_reads else READS_AND_WRITES
            )
        except CannotGetOperationTypeError as error:
            raise BadRequest(error.as_http_error_reason()) from None
        except InvalidOperationTypeError as error:
            raise wrong_transport(error.operation_type) from None
        finally:
            self._inside -= 1
            self._call()
        return present(
            result, request_id=context.request.request_id, metrics=self._execution.metrics
        )

    async def _enter(self, *, is_mutation: bool, first: bool) -> bool:
        line = self._mutations if is_mutation else self._queries
        if self._inside < self._let_in and not line:
            self._inside += 1
            return True
        if self._pressure.is_late or len(line) >= self._most_at_once:
            return False
        turn = line.join(first=first)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():
                self._inside -= 1
                self._call()
            raise

    def _call(self) -> None:
        """Let in as many as there is room for."""
        while self._inside < self._let_in and (self._mutations.call() or self._queries.call()):
            self._inside += 1

    def _hear(self, lag_seconds: float) -> None:
        """Let more or fewer in, by how late the loop is; refuse those who have waited too long."""
        now = asyncio.get_running_loop().time()
        if lag_seconds > _LATE_SECONDS:
            self._let_in = max(self._let_in // 2, min(FEWEST_AT_ONCE, self._most_at_once))
        elif lag_seconds < _ON_TIME_SECONDS and (self._mutations or self._queries):
            self._let_in = min(self._let_in + FEWEST_AT_ONCE, self._most_at_once)
            self._call()
        self._queries.send_away(now)
        self._mutations.send_away(now)
