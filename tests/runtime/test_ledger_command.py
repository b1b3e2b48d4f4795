"""`flashsale ledger` writes a file that the script of docs/ finds right."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from kit.ids import new_id
from orders.ledger import LedgerPage, lock_deals

Command = Callable[..., subprocess.CompletedProcess[str]]

SCRIPT = Path(__file__).parents[2] / "docs" / "check_ledger.py"


@pytest.fixture
async def deal_id(quiet_database_url: str) -> str:
    """A deal with two entries, in a database that stands still."""
    made, now = new_id("deal"), datetime.now(UTC)
    connection = await asyncpg.connect(quiet_database_url)
    try:
        async with connection.transaction():
            await connection.execute(
                "INSERT INTO deals (id, product_id, category, title, price_minor,"
                " list_price_minor, currency, discount_percent, starts_at, ends_at, purchase_limit)"
                " VALUES ($1, 'prod_', 'Kitchen', 'Tea', 100, 200, 'USD', 50, $2, $3, 2)",
                made,
                now,
                now + timedelta(hours=1),
            )
            await connection.execute(
                "INSERT INTO deal_stock (deal_id, allotment) VALUES ($1, 0)", made
            )
            deal = (await lock_deals(connection, [made]))[made]
            page = LedgerPage(now=now)
            page.move(deal, "OPENED", 5, actor="usr_of_this_test")
            page.move(deal, "RAISED", 2, actor="usr_of_this_test", note="deux boîtes 茶")
            await page.write(connection)
    finally:
        await connection.close()
    return made


def checked(file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(SCRIPT), str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_ledger_is_written_to_a_file_or_printed(
    run_command: Command, store_environment: dict[str, str], folder: Path, deal_id: str
) -> None:
    file = folder / "ledger.jsonl"
    file.write_text("something older and longer\n" * 100)
    words = ("ledger", "--deal", deal_id)
    written = run_command(*words, "--out", str(file), environment=store_environment)
    assert (written.returncode, written.stdout) == (0, "")
    assert written.stderr == f"2 entries of {deal_id}.\n"
    assert checked(file).returncode == 0
    printed = run_command(*words, environment=store_environment)
    assert printed.returncode == 0
    # All but the header, which says when it was made.
    assert printed.stdout.splitlines()[1:] == file.read_text(encoding="utf-8").splitlines()[1:]


def test_a_deal_that_is_not_there_leaves_the_file_alone(
    run_command: Command, store_environment: dict[str, str], folder: Path
) -> None:
    file = folder / "ledger.jsonl"
    file.write_text("of another deal\n")
    words = ("ledger", "--deal", "deal_none", "--out", str(file))
    refused = run_command(*words, environment=store_environment)
    assert (refused.returncode, refused.stderr) == (2, "flashsale: There is no deal deal_none.\n")
    assert file.read_text() == "of another deal\n"


def test_a_file_that_cannot_be_written_is_named(
    run_command: Command, store_environment: dict[str, str], deal_id: str
) -> None:
    words = ("ledger", "--deal", deal_id, "--out", "/no/such/folder/ledger.jsonl")
    refused = run_command(*words, environment=store_environment)
    assert refused.returncode == 2
    assert "Cannot write /no/such/folder/ledger.jsonl" in refused.stderr


def test_the_script_says_how_it_is_used() -> None:
    asked = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(SCRIPT)], capture_output=True, text=True, timeout=60, check=False
    )
    assert asked.returncode == 1
    assert "check_ledger.py FILE [HEAD ...]" in asked.stderr
