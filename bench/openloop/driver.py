"""Sends requests at their intended times over many connections, and times the answers from then.

A connection has one request in flight. Where none is free at the intended time, the request waits
for one, and its latency counts from the intended time: a server that stalls cannot hide it by
keeping us from asking. Epoll without an event loop: most of a request's cost is the kernel's.
"""

import gc
import select
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from bench.openloop.answers import HEAD_END, Outcome, body_length
from bench.openloop.histogram import bucket_of
from bench.openloop.load import Load
from bench.openloop.schedule import Stretch, arrivals

# An answer larger than this comes in several parts, as one that the server sends in several.
_BUFFER_BYTES: Final = 256 * 1024
_POLL_SECONDS: Final = 0.001
_EVENTS: Final = 256
# Whatever is not answered by then is counted as unanswered.
_GRACE_SECONDS: Final = 5.0
_NEVER: Final = (float("inf"), 0)


@dataclass(slots=True)
class Ask:
    """One request: its bytes, its kind as a number, and what its source wants to remember."""

    kind: int
    request: bytes
    note: Any = None


class Source(Protocol):
    """Says what is asked next, and what an answer means."""

    def next(self) -> Ask:
        """The next request. Asked at the moment when it can be sent."""

    def answered(self, ask: Ask, data: bytearray, body: int, end: int) -> Outcome:
        """What came of it. `data` is used again: copy what is kept.

        The head begins at 0, the body at `body`.
        """

    def lost(self, ask: Ask) -> None:
        """Nothing will be known of it."""


class _Connection:
    """A keep-alive connection and the request that is in flight on it."""

    __slots__ = ("ask", "intended", "recv_into", "rest", "send", "socket", "stretch")

    def __init__(self, port: int) -> None:
        self.ask: Ask | None = None
        self.intended = 0.0
        self.stretch = 0
        self.rest: bytearray | None = None
        self.connect(port)

    def connect(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.send, self.recv_into = self.socket.send, self.socket.recv_into


class Driver:
    """Offers one load to one port. Used once."""

    def __init__(
        self,
        port: int,
        source: Source,
        load: Load,
        *,
        connections: int,
        most_waiting: int,
    ) -> None:
        self._port = port
        self._source = source
        self._load = load
        self._most_waiting = most_waiting
        self._epoll = select.epoll()
        self._by_fd: dict[int, _Connection] = {}
        self._free: deque[_Connection] = deque()
        self._waiting: deque[tuple[float, int]] = deque()
        self._buffer = bytearray(_BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._began = 0.0
        for _ in range(connections):
            connection = _Connection(port)
            self._watch(connection)
            self._free.append(connection)

    def run(self, stretches: Sequence[Stretch], *, seed: int) -> None:
        """Offer it all, and wait a little for the last answers."""
        gc.collect()
        gc.disable()  # a collection would be a stall of ours in the server's latencies
        try:
            self._run(arrivals(stretches, seed=seed))
        finally:
            gc.enable()
            for connection in self._by_fd.values():
                connection.socket.close()
            self._epoll.close()

    def _run(self, intended: Iterator[tuple[float, int]]) -> None:
        clock, poll, by_fd = time.perf_counter, self._epoll.poll, self._by_fd
        offer, read = self._offer, self._read
        cpu_began, self._began = time.process_time(), clock()
        due, stretch = next(intended, _NEVER)
        last = 0.0
        while True:
            now = clock() - self._began
            while due <= now:
                offer(due, stretch)
                last = due
                due, stretch = next(intended, _NEVER)
            for fd, _ in poll(_POLL_SECONDS, _EVENTS):
                read(by_fd[fd])
            if due == _NEVER[0] and (
                len(self._free) == len(by_fd) or clock() - self._began > last + _GRACE_SECONDS
            ):
                break
        self._give_up()
        self._load.seconds = clock() - self._began
        self._load.cpu_seconds = time.process_time() - cpu_began

    def _offer(self, due: float, stretch: int) -> None:
        """Send it now, or let it wait for a connection, or count it as not sent."""
        if self._free:
            self._ask(self._free.popleft(), due, stretch)
        elif len(self._waiting) < self._most_waiting:
            self._waiting.append((due, stretch))
            self._load.waited += 1
        else:
            self._load.note(stretch, -1, Outcome.UNSENT, due, 0)

    def _ask(self, connection: _Connection, due: float, stretch: int) -> None:
        ask = self._source.next()
        connection.ask, connection.intended, connection.stretch = ask, due, stretch
        try:
            sent = connection.send(ask.request)
        except OSError:
            sent = -1
        if sent != len(ask.request):
            self._lose(connection)

    def _read(self, connection: _Connection) -> None:
        """Take what came; where that completes an answer, time it and ask the next."""
        try:
            size = connection.recv_into(self._buffer)
        except BlockingIOError:
            return
        except OSError:
            size = 0
        ask = connection.ask
        if not size or ask is None:
            self._lose(connection)
            return
        data = self._buffer
        if connection.rest is not None:
            connection.rest += self._view[:size]
            data, size = connection.rest, len(connection.rest)
        head_end = data.find(HEAD_END, 0, size)
        length = body_length(data, head_end) if head_end >= 0 else 0
        body = head_end + 4
        if head_end < 0 or size < body + length:
            if connection.rest is None:
                connection.rest = data[:size]
            return
        connection.rest = None
        took = time.perf_counter() - self._began - connection.intended
        assert length >= 0, "an answer tells the length of its body"
        outcome = self._source.answered(ask, data, body, body + length)
        self._load.note(
            connection.stretch, ask.kind, outcome, connection.intended, bucket_of(int(took * 1e6))
        )
        connection.ask = None
        self._free_again(connection)

    def _free_again(self, connection: _Connection) -> None:
        if self._waiting:
            due, stretch = self._waiting.popleft()
            self._ask(connection, due, stretch)
        else:
            self._free.append(connection)

    def _lose(self, connection: _Connection) -> None:
        """It ended: with a request in flight that is a loss, without one a server's right."""
        ask, connection.ask = connection.ask, None
        connection.rest = None
        if ask is None:
            self._load.closed_idle += 1
            self._free.remove(connection)
        else:
            self._source.lost(ask)
            self._load.note(connection.stretch, ask.kind, Outcome.LOST, connection.intended, 0)
        del self._by_fd[connection.socket.fileno()]
        connection.socket.close()  # which also ends epoll's interest
        connection.connect(self._port)
        self._watch(connection)
        self._free_again(connection)

    def _watch(self, connection: _Connection) -> None:
        fd = connection.socket.fileno()
        self._by_fd[fd] = connection
        self._epoll.register(fd, select.EPOLLIN)

    def _give_up(self) -> None:
        for due, stretch in self._waiting:
            self._load.note(stretch, -1, Outcome.UNSENT, due, 0)
        for connection in self._by_fd.values():
            if connection.ask is not None:
                self._source.lost(connection.ask)
                self._load.note(
                    connection.stretch,
                    connection.ask.kind,
                    Outcome.UNANSWERED,
                    connection.intended,
                    0,
                )
