"""One connection for the commands of many callers: what one turn of the loop asks is one write."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final

import hiredis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

# A server that takes 50,000 commands a second is a sixth of a second behind by then.
MOST_IN_FLIGHT: Final = 8192

_NOT_ENOUGH: Final = object()


class LineConnection(AbstractConnection):
    """What redis-py knows of connecting; the transport is handed over after the handshake."""

    def hand_over(self, protocol: asyncio.Protocol) -> tuple[asyncio.Transport, hiredis.Reader]:
        """Have `protocol` hear what comes from now on, and read it as this client would."""
        assert self._writer is not None
        transport: asyncio.Transport = self._writer.transport  # type: ignore[assignment] # of TCP
        transport.set_protocol(protocol)
        reader = hiredis.Reader(
            protocolError=InvalidResponse,
            replyError=self._parser.parse_error,
            notEnoughData=_NOT_ENOUGH,
            encoding=self.encoder.encoding,
            errors=self.encoder.encoding_errors,
        )
        return transport, reader

    def hang_up(self) -> None:
        """Close at once, whatever is on the way."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._close()  # type: ignore[no-untyped-call] # redis-py leaves it bare


class _Asked:
    """Commands whose answers are awaited together; errors are answers too."""

    __slots__ = ("answers", "future", "since", "wanted")

    def __init__(self, future: "asyncio.Future[list[Any]]", wanted: int, since: float) -> None:
        self.future = future
        self.wanted = wanted
        self.since = since
        self.answers: list[Any] = []


class RedisLine:
    """Multiplexes: answers come in the order of the commands, so none of them may ever block.

    Bounded by `MOST_IN_FLIGHT` askings and by `patience_seconds` for the oldest of them: then the
    connection is cut, and everything in flight has an unknown outcome. The next asking connects
    again. One that is cancelled takes nobody else's answer with it.
    """

    def __init__(
        self,
        make: Callable[[], LineConnection],
        *,
        patience_seconds: float,
        most_in_flight: int = MOST_IN_FLIGHT,
    ) -> None:
        self._make = make
        self._patience_seconds = patience_seconds
        self._most = most_in_flight
        self._wire: _Wire | None = None

    def ask(self, packed: Iterable[bytes], wanted: int) -> "asyncio.Future[list[Any]]":
        """The answers to `wanted` packed commands, in order; one that failed is its error.

        Nothing is repeated. The future raises redis.ConnectionError or redis.TimeoutError when any
        of the commands may or may not have run.

        Raises:
            redis.ConnectionError: too many are in flight; nothing was sent.
        """
        wire = self._wire
        if wire is None or wire.is_over:
            wire = self._wire = _Wire(self._make(), self._patience_seconds, self._most)
        return wire.ask(packed, wanted)

    def close(self) -> None:
        """Hang up; what is in flight fails."""
        if self._wire is not None:
            self._wire.cut(RedisConnectionError("the client was closed"))


class _Wire(asyncio.Protocol):
    """One connection from its making to its end, and what was asked over it."""

    def __init__(self, connection: LineConnection, patience_seconds: float, most: int) -> None:
        self.is_over = False
        self._loop = asyncio.get_running_loop()
        self._connection = connection
        self._patience_seconds = patience_seconds
        self._most = most
        self._asked: deque[_Asked] = deque()
        self._unsent: list[bytes] = []
        self._is_flushing = True  # as soon as it is connected
        self._watch: asyncio.TimerHandle | None = None
        self._connecting = self._loop.create_task(self._connect(), name="redis line")

    def ask(self, packed: Iterable[bytes], wanted: int) -> "asyncio.Future[list[Any]]":
        """See RedisLine.ask."""
        if len(self._asked) >= self._most:
            raise RedisConnectionError(f"{self._most} askings are in flight already")
        loop = self._loop
        asked = _Asked(loop.create_future(), wanted, loop.time())
        self._asked.append(asked)
        self._unsent.extend(packed)
        if self._watch is None:
            self._watch = loop.call_later(self._patience_seconds, self._look)
        if not self._is_flushing:
            self._is_flushing = True
            loop.call_soon(self._flush)
        return asked.future

    def cut(self, error: RedisError) -> None:
        """Hang up, and fail all that was asked, each with an error of its own."""
        if self.is_over:
            return
        self.is_over = True
        self._connecting.cancel()
        if self._watch is not None:
            self._watch.cancel()
        self._connection.hang_up()
        for asked in self._asked:
            if not asked.future.done():
                asked.future.set_exception(type(error)(*error.args))
        self._asked.clear()
        self._unsent.clear()

    async def _connect(self) -> None:
        try:
            await self._connection.connect()  # type: ignore[no-untyped-call] # as above
            self._transport, self._reader = self._connection.hand_over(self)
        except RedisError as error:
            self.cut(error)
        except OSError as error:
            self.cut(RedisConnectionError(str(error)))
        except BaseException:
            self.cut(RedisConnectionError("connecting was given up"))
            raise
        else:
            self._flush()

    def _flush(self) -> None:
        """Write what was asked since the last turn of the loop."""
        self._is_flushing = False
        if self.is_over or not self._unsent:
            return
        unsent, self._unsent = self._unsent, []
        try:
            self._transport.write(b"".join(unsent))
        except (RuntimeError, OSError) as error:
            # uvloop's word for a transport that it has closed already is RuntimeError.
            self.cut(RedisConnectionError(f"lost before a write: {error}"))

    def data_received(self, data: bytes) -> None:
        """Give each asking its answers, in order."""
        reader, waiting = self._reader, self._asked
        reader.feed(data)
        while True:
            try:
                answer = reader.gets()
            except UnicodeDecodeError as error:
                answer = error
            except InvalidResponse as error:
                self.cut(RedisConnectionError(f"not an answer: {error}"))
                return
            if answer is _NOT_ENOUGH:
                return
            if type(answer) is hiredis.PushNotification:
                continue
            if not waiting:
                self.cut(RedisConnectionError("an answer that nobody asked for"))
                return
            asked = waiting[0]
            asked.answers.append(answer)
            if len(asked.answers) == asked.wanted:
                waiting.popleft()
                if not asked.future.done():
                    asked.future.set_result(asked.answers)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail everything in flight: its outcome is unknown."""
        self.cut(RedisConnectionError(f"connection lost: {exc or 'closed by the server'}"))

    def _look(self) -> None:
        """Cut the connection when the oldest asking has waited too long."""
        self._watch = None
        if not self._asked:
            return
        give_up_at = self._asked[0].since + self._patience_seconds
        if self._loop.time() < give_up_at:
            self._watch = self._loop.call_at(give_up_at, self._look)
        else:
            self.cut(RedisTimeoutError("Redis did not answer in time"))
