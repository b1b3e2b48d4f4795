"""The reference: pgbench with the statements of our writer, one order and one commit each."""

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pgqueuer.adapters.persistence.qb import QueryQueueBuilder

from bench.programs import find
from orders.statements import sql
from runtime.problems import CannotStart
from runtime.programs import find_postgres

CLIENTS: Final = 16
_TPS: Final = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
_DONE: Final = re.compile(r"transactions actually processed: (\d+)")
_FAILED: Final = re.compile(r"number of failed transactions: (\d+)")
_LATENCY: Final = re.compile(r"latency average = ([0-9.]+) ms")
_COMMENT: Final = re.compile(r"--.*$", re.MULTILINE)
_SPARE_SECONDS: Final = 60
# What the ledger continues, kept for the statements that follow.
_LOCKED: Final = (
    "SELECT array_agg(ledger_seq + 1)::text AS seqs, array_agg(allotment)::text AS allotments,"
    " array_agg(claimed + 1)::text AS claims, array_agg(sold)::text AS sold"
    " FROM ({}) AS locked \\gset"
)


@dataclass(frozen=True, slots=True)
class Placed:
    """What came of one turn."""

    per_second: float
    orders: int
    average_ms: float


def pgbench_program() -> str:
    """Where it is: beside the server that we bring, else on PATH.

    Raises:
        CannotStart: there is none.
    """
    try:
        beside = find_postgres() / "pgbench"
    except CannotStart:
        return find("pgbench")
    return str(beside) if beside.exists() else find("pgbench")


def run_pgbench(folder: Path, database_url: str, deals: Sequence[str], *, seconds: float) -> Placed:
    """Place orders of one unit of each of these deals for so long.

    Raises:
        CannotStart: it failed, or a transaction did.
    """
    script = folder / "placing.pgbench"
    script.write_text(_script(sorted(deals)))
    done = subprocess.run(  # noqa: S603 - our own command, no shell
        [pgbench_program(), "--no-vacuum", "--protocol=prepared", f"--client={CLIENTS}",
         "--jobs=2", f"--time={max(round(seconds), 1)}", f"--file={script}", database_url],
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + _SPARE_SECONDS,
        env={key: value for key, value in os.environ.items() if not key.startswith("PG")},
    )  # fmt: skip
    tps, orders = _TPS.search(done.stdout), _DONE.search(done.stdout)
    failed, latency = _FAILED.search(done.stdout), _LATENCY.search(done.stdout)
    if done.returncode or tps is None or orders is None or (failed and int(failed.group(1))):
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:] or ["no reason given"]
        raise CannotStart(f"pgbench failed: {said[0]}")
    return Placed(
        float(tps.group(1)), int(orders.group(1)), float(latency.group(1)) if latency else 0.0
    )


def _script(deals: Sequence[str]) -> str:
    """One transaction: lock, insert, ledger, job; ids are random, as many arrays as we send."""
    ids = "ARRAY[" + ", ".join(f"'{deal}'" for deal in deals) + "]"
    each = ", ".join(str(place) for place in range(len(deals)))
    user, order, checkout = ("'usr_' || :n", "'ord_' || :n", "'chk_' || :n")
    per_line = f"array_fill({{}}, ARRAY[{len(deals)}])"
    ones = per_line.format("1")
    hashes = per_line.format("sha256((:n)::text::bytea)")
    insert = (
        f"ARRAY[{user}]", f"ARRAY[{order}]", "ARRAY['FS-' || :n]", f"ARRAY[{checkout}]",
        f"ARRAY[{1_990 * len(deals)}]", "ARRAY['USD']", "ARRAY[now()]",
        "ARRAY[now() + interval '15 minutes']", "ARRAY['key ' || :n]",
        "ARRAY[sha256((:n)::text::bytea)]",
        per_line.format(f"({user})::text"), per_line.format(f"({order})::text"), ids,
        f"ARRAY[{each}]", per_line.format("'Kettle'::text"), ones, per_line.format("1990"),
        per_line.format(f"({user})::text"), ids, ones,
    )  # fmt: skip
    ledger = (
        ids, "(:seqs)", per_line.format("'CLAIMED'::text"), ones,
        per_line.format(f"({order})::text"), per_line.format("'buyers'::text"),
        per_line.format("''::text"), "(:allotments)", "(:claims)", "(:sold)",
        per_line.format("now()"), hashes, hashes, per_line.format("0"),
    )  # fmt: skip
    job = (
        "ARRAY[0]", "ARRAY['orders_placed']",
        f"ARRAY[convert_to('{{\"orders\": [{{\"order_id\": \"' || {order} || '\"}}]}}', 'UTF8')]",
        "ARRAY[interval '1 day']", "ARRAY[NULL]", "ARRAY[NULL]",
    )  # fmt: skip
    locked = _LOCKED.format(_spelled(sql("lock_deals"), (ids,)))
    return "\n".join(
        (
            "\\set n random(1, 9000000000000000000)",
            "BEGIN;",
            locked,
            _spelled(sql("insert_orders"), insert) + ";",
            _spelled(sql("append_ledger"), ledger) + ";",
            _spelled(QueryQueueBuilder().build_enqueue_query(), job) + ";",
            "COMMIT;\n",
        )
    )


def _spelled(statement: str, values: Sequence[str]) -> str:
    """A statement on one line, with expressions in the places of its parameters."""
    words = " ".join(_COMMENT.sub("", statement).split())
    return re.sub(r"\$(\d+)", lambda found: values[int(found.group(1)) - 1], words)
