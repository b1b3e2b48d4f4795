import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from bench.wrk import Buyers, Load, LoadFailed, load, load_page, read_load
from tests.left_out import needs

TOLD = (
    '{"requests": 1234.000, "microseconds": 2000500.000, "bytes": 99.000, "failed": 2.000,'
    ' "broken": 1.000, "p50_us": 1500.000, "p99_us": 9250.000, "most_us": 20000.000,'
    ' "accepted": 3.000, "refused": 4.000, "other": 5.000, "first_accepted_ms": 0.000,'
    ' "example": "{ data : null}"}'
)


def test_figures_are_read_from_the_line_of_the_script() -> None:
    seen = read_load(f"Running 2s test\n  1 threads\nRequests/sec: 1\n{TOLD}\n", cpu_seconds=0.5)
    assert seen == Load(
        requests=1234, seconds=2.0005, failed=2, broken=1, p50_ms=1.5, p99_ms=9.25, most_ms=20.0,
        accepted=3, refused=4, other=5, first_accepted_ms=None, example="{ data : null}",
        cpu_seconds=0.5,
    )  # fmt: skip
    assert seen.errors == 3


def test_output_without_that_line_is_no_measurement() -> None:
    with pytest.raises(LoadFailed, match="wrk told nothing: unable to connect"):
        read_load("unable to connect", cpu_seconds=0.0)


class Shop(BaseHTTPRequestHandler):
    """Sells two units, and remembers what it was asked."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[tuple[str | None, dict[str, Any]]]] = []
    lock: ClassVar[threading.Lock] = threading.Lock()

    def do_GET(self) -> None:
        self._answer(b"page")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.lock:
            self.asked.append((self.headers["Authorization"], body))
            left = len(self.asked) <= 2
        self._answer(b'{"__typename":"CartUpdated"}' if left else b'{"__typename":"SoldOut"}')

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    Shop.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield server.server_port
        server.shutdown()
        serving.join()


needs_wrk = needs("wrk", "wrk")


@needs_wrk
def test_each_request_is_another_buyers_with_a_key_of_its_own(port: int, tmp_path: Path) -> None:
    for name, content in (
        ("body", '{"deal": "$DEAL", "key": "$KEY", "units": 1}'),
        ("tokens", "one\ntwo\nthree\n"),
        ("deals", "kettle\npan\n"),
    ):
        (tmp_path / name).write_text(content)
    files = Buyers(tmp_path / "body", tmp_path / "tokens", tmp_path / "deals", "turn1-")
    seen = load(port, 1, files, connections=4)
    assert seen.accepted == 2
    assert seen.refused == seen.requests - 2 > 10
    assert seen.first_accepted_ms is not None
    assert (seen.other, seen.errors) == (0, 0)
    keys = [body["key"] for _, body in Shop.asked]
    assert len(set(keys)) == len(keys)
    assert all(key.startswith("turn1-") for key in keys)
    for token, body in Shop.asked:
        number = int(body["key"].removeprefix("turn1-"))
        assert token == f"Bearer {('one', 'two', 'three')[number % 3]}"
        assert body == {"deal": ("kettle", "pan")[number % 2], "key": body["key"], "units": 1}


@needs_wrk
def test_the_same_body_is_posted_over_and_over(port: int, tmp_path: Path) -> None:
    (tmp_path / "body").write_text('{"query": "$KEY stays"}')
    seen = load(port, 1, tmp_path / "body", connections=4)
    assert seen.requests > 10
    assert seen.p50_ms > 0
    assert {body["query"] for _, body in Shop.asked} == {"$KEY stays"}


@needs_wrk
def test_a_page_is_asked_for_by_get(port: int) -> None:
    assert load_page(port, 1, "/page.html").requests > 10
    assert Shop.asked == []


@needs_wrk
def test_a_server_that_is_not_there_is_no_measurement() -> None:
    with pytest.raises(LoadFailed, match="wrk ended with 1"):
        load_page(1, 1, "/")
