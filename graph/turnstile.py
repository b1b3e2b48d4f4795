"""How many operations over HTTP are executed at once; what is too much is refused at once."""

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

_READS: Final = (OperationType.QUERY,)
_READS_AND_WRITES: Final = (OperationType.QUERY, OperationType.MUTATION)


class Turnstile:
    """The way to execution for operations whose answer is one response over HTTP."""

    def __init__(
        self, execution: Execution, pressure: Pressure, *, most_at_once: int = MOST_AT_ONCE
    ) -> None:
        self._execution = execution
        self._pressure = pressure
        self._most_at_once = most_at_once
        self._running = 0

    async def read(self, operation: Operation, context: Context) -> Answer:
        """The answer to a public query.

        Raises:
            BadRequest: it is none.
        """
        return await self.run(operation, context, only_reads=True)

    async def run(self, operation: Operation, context: Context, *, only_reads: bool) -> Answer:
        """The answer to a query or mutation; OVERLOADED when there is more than time allows.

        Raises:
            BadRequest: it is none of these, or a mutation although only reads are wanted.
        """
        late = self._pressure.refuses_queries and context.operation_type == "query"
        if late or self._pressure.refuses_all or self._running >= self._most_at_once:
            return overload()
        self._running += 1
        try:
            result = await self._execution.once(
                operation, context, allowed=_READS if only_reads else _READS_AND_WRITES
            )
        except CannotGetOperationTypeError as error:
            raise BadRequest(error.as_http_error_reason()) from None
        except InvalidOperationTypeError as error:
            raise wrong_transport(error.operation_type) from None
        finally:
            self._running -= 1
        return present(
            result, request_id=context.request.request_id, metrics=self._execution.metrics
        )
