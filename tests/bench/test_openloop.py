import itertools
import socket
import threading
from collections.abc import Iterator

import pytest

from bench.openloop.answers import Outcome, body_length, word_at
from bench.openloop.driver import Ask, Driver
from bench.openloop.histogram import Latencies, bucket_of, top_of
from bench.openloop.load import Load
from bench.openloop.schedule import Stretch, arrivals, surge_in_the_middle


@pytest.mark.parametrize("us", [0, 1, 63, 64, 127, 128, 129, 1_000, 250_000, 10**9])
def test_a_bucket_contains_its_value_and_is_narrow(us: int) -> None:
    bucket = bucket_of(us)
    bottom = top_of(bucket - 1) + 1 if bucket else 0
    assert bottom <= us <= top_of(bucket)
    assert top_of(bucket) - bottom <= us / 64


def test_what_is_too_short_or_too_long_is_counted_at_the_ends() -> None:
    assert bucket_of(-5) == 0
    assert bucket_of(1 << 40) == bucket_of((1 << 32) - 1)


def test_shares_and_counts_of_latencies() -> None:
    seen = Latencies()
    for ms in range(1, 101):
        seen.note(ms * 1000)
    assert seen.count == 100
    assert seen.at(0.5) == pytest.approx(50, rel=1 / 64)
    assert seen.at(0.99) == pytest.approx(99, rel=1 / 64)
    assert seen.at(1.0) == pytest.approx(100, rel=1 / 64)
    assert seen.beyond(90) == pytest.approx(10, abs=1)
    assert Latencies().at(0.5) is None


def test_latencies_are_told_and_heard_without_their_empty_end() -> None:
    seen = Latencies()
    seen.note(70)
    assert len(seen.told()) == 71
    again = Latencies(seen.told())
    again.add(seen)
    assert again.count == 2


def test_arrivals_keep_their_rate_and_the_surge_is_in_the_middle() -> None:
    stretches = surge_in_the_middle(30, 1_000, surge_seconds=10, factor=2)
    assert [(one.name, one.seconds, one.per_second) for one in stretches] == [
        ("before", 10, 1_000),
        ("surge", 10, 2_000),
        ("after", 10, 1_000),
    ]
    times = list(arrivals(stretches, seed=1))
    assert [at for at, _ in times] == sorted(at for at, _ in times)
    counts = [sum(number == one for _, number in times) for one in range(3)]
    assert counts == [pytest.approx(expected, rel=0.04) for expected in (10_000, 20_000, 10_000)]
    assert all(10 <= at < 20 for at, number in times if number == 1)
    assert times == list(arrivals(stretches, seed=1))
    # Independent, not evenly spaced: gaps vary as much as they are long.
    gaps = [later - sooner for (sooner, _), (later, _) in itertools.pairwise(times[:9_000])]
    mean = sum(gaps) / len(gaps)
    assert (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5 == pytest.approx(
        mean, rel=0.1
    )


def test_an_answer_is_understood_by_its_bytes() -> None:
    data = bytearray(b'HTTP/1.1 200 OK\r\ncontent-length: 12\r\nx: y\r\n\r\n{"a":"word"}old')
    head_end = data.find(b"\r\n\r\n")
    assert body_length(data, head_end) == 12
    assert word_at(data, head_end + 10, head_end + 16) == b"word"
    assert body_length(bytearray(b"HTTP/1.1 200 OK\r\nContent-Length: 7"), 34) == 7
    assert body_length(bytearray(b"HTTP/1.1 200 OK\r\nx: y"), 21) == -1


class Echo:
    """Asks for one thing over and over, and takes what begins with an a."""

    def __init__(self) -> None:
        self.losses = 0

    def next(self) -> Ask:
        return Ask(0, b"GET / HTTP/1.1\r\n\r\n")

    def answered(self, _ask: Ask, data: bytearray, body: int, end: int) -> Outcome:
        return Outcome.ACCEPTED if data[body:end] == b"abc" else Outcome.FAILED

    def lost(self, _ask: Ask) -> None:
        self.losses += 1


class Server:
    """Answers what `answers` says, one after another, on each connection from the start."""

    def __init__(self, *answers: list[bytes]) -> None:
        self._answers = answers
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        for number in itertools.count():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            answers = self._answers[min(number, len(self._answers) - 1)]
            threading.Thread(target=self._talk, args=(connection, answers), daemon=True).start()

    def _talk(self, connection: socket.socket, answers: list[bytes]) -> None:
        with connection:
            for answer in itertools.cycle(answers):
                if not connection.recv(4_096) or answer == b"":
                    return
                for part in answer.split(b"|"):
                    connection.sendall(part)

    def close(self) -> None:
        self._listener.close()


GOOD = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc"


@pytest.fixture
def served() -> Iterator[list[Server]]:
    servers: list[Server] = []
    yield servers
    for server in servers:
        server.close()


def drive(server: Server, source: Echo, *, connections: int, most_waiting: int = 1_000) -> Load:
    load = Load(1, 1, 1)
    driver = Driver(server.port, source, load, connections=connections, most_waiting=most_waiting)
    driver.run([Stretch("steady", 0.3, 200)], seed=1)
    return load


def test_every_intended_request_is_answered_and_counted(served: list[Server]) -> None:
    served.append(Server([GOOD, b"HTTP/1.1 200|OK\r\ncontent-length: 3\r\n|\r\na|bc"]))
    load = drive(served[0], Echo(), connections=4)
    wanted = len(list(arrivals([Stretch("steady", 0.3, 200)], seed=1)))
    assert load.latencies(outcomes=[Outcome.ACCEPTED]).count == wanted
    assert load.latencies(outcomes=list(Outcome)).count == wanted
    assert sum(load.by_second()[0].outcomes) == wanted
    heard = Load.heard(load.told())
    assert heard.latencies(outcomes=[Outcome.ACCEPTED]).counts == (
        load.latencies(outcomes=[Outcome.ACCEPTED]).counts
    )


def test_a_lost_connection_is_counted_and_made_anew(served: list[Server]) -> None:
    served.append(Server([GOOD, b""], [GOOD]))
    source = Echo()
    load = drive(served[0], source, connections=1)
    assert load.latencies(outcomes=[Outcome.LOST]).count == source.losses == 1
    assert load.latencies(outcomes=[Outcome.ACCEPTED]).count > 10


def test_what_finds_no_connection_waits_and_what_may_not_wait_is_not_sent(
    served: list[Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.openloop.driver._GRACE_SECONDS", 0.1)
    served.append(Server([b"HTTP/1.1 200"]))
    source = Echo()
    load = drive(served[0], source, connections=2, most_waiting=5)
    wanted = len(list(arrivals([Stretch("steady", 0.3, 200)], seed=1)))
    assert load.latencies(outcomes=[Outcome.UNANSWERED]).count == source.losses == 2
    assert load.waited == 5
    assert load.latencies(outcomes=[Outcome.UNSENT]).count == wanted - 2


def test_a_stall_is_seen_by_all_who_were_meant_to_ask_meanwhile(served: list[Server]) -> None:
    class Stalling(Server):
        """Lets the first request wait for a fifth of a second."""

        def _talk(self, connection: socket.socket, answers: list[bytes]) -> None:
            connection.recv(1, socket.MSG_PEEK)
            threading.Event().wait(0.2)
            super()._talk(connection, answers)

    served.append(Stalling([GOOD]))
    load = drive(served[0], Echo(), connections=1)
    latencies = load.latencies(outcomes=[Outcome.ACCEPTED])
    meant = [at for at, _ in arrivals([Stretch("steady", 0.3, 200)], seed=1)]
    late = sum(at - meant[0] < 0.1 for at in meant)
    assert late > 10
    assert latencies.beyond(95) >= late - 1
