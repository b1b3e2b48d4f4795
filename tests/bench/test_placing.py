"""W4's figures, and the script that pgbench is given."""

import asyncio

import pytest

from bench.goals import Goal
from bench.placing.connection import Connection
from bench.placing.findings import PGBENCH, PlacingFound, Turn
from bench.placing.pgbench import _script


def turn(orders: int, flushes: int, seconds: float = 10.0) -> Turn:
    return Turn(orders, orders, seconds, flushes, 1.0, 2.0, cpu_seconds=orders / 1_000)


def goals(ours: Turn) -> list[Goal]:
    found = PlacingFound({"one process": [ours], PGBENCH: [turn(1_000, 1_000)]}, 64, 3)
    return list(found.goals())


def test_the_goals_compare_rates_and_count_flushes() -> None:
    rate, flushes = goals(turn(600, 60))
    assert rate.first is not None
    assert rate.then is not None
    assert (rate.first.met, rate.then.met) == (True, False)
    assert flushes.first is not None
    assert flushes.first.met
    assert flushes.reached == "0.100"
    slow, wasteful = goals(turn(400, 400))
    assert slow.first is not None
    assert wasteful.first is not None
    assert not slow.first.met
    assert not wasteful.first.met


def test_a_turn_counts_what_was_answered_in_time() -> None:
    late = Turn(100, 80, 10.0, 10, 1.0, 2.0, cpu_seconds=0.2)
    assert (late.per_second, late.flushes_an_order, late.cpu_us) == (8.0, 0.1, 2_000)


def test_the_script_is_one_transaction_with_every_parameter_given() -> None:
    lines = _script(["deal_1", "deal_2", "deal_3"]).splitlines()
    assert [line.split()[0] for line in lines] == [
        "\\set", "BEGIN;", "SELECT", "WITH", "WITH", "WITH", "COMMIT;",
    ]  # fmt: skip
    assert not [line for line in lines if "$" in line or "--" in line]


async def test_an_answer_that_comes_in_pieces_is_put_together() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            await reader.readuntil(b"?")
            for piece in (b"HTTP/1.1 200 OK\r\nContent-Le", b"ngth: 4\r\n\r\nye", b"s!"):
                writer.write(piece)
                await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        connection = await Connection.open(asyncio.get_running_loop(), port)
        assert await connection.ask(b"well?") == b"yes!"
        assert await connection.ask(b"well?") == b"yes!"
        with pytest.raises(ConnectionError):
            await connection.ask(b"well?")
        connection.close()
