"""The books: what must never be true of money is refused whatever the code does."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.store import DataFolderInUse, Store

INTENT = (
    "INSERT INTO intents (id, client_secret, status, amount, currency, created)"
    " VALUES ('pi_1', 's', 'requires_payment_method', 1000, 'usd', 1)"
)
PAY = "UPDATE intents SET status = 'succeeded', amount_received = 1000"
CANCEL = "UPDATE intents SET status = 'canceled', canceled_at = 2"
CHARGE = (
    "INSERT INTO charges (id, intent_id, status, amount, currency, payment_method, created)"
    " VALUES ('ch_{0}', 'pi_1', 'succeeded', {1}, 'usd', 'pm_card_visa', 2)"
)
REFUND = (
    "INSERT INTO refunds (id, intent_id, charge_id, amount, currency, created)"
    " VALUES ('re_{0}', 'pi_1', 'ch_1', {1}, 'usd', 3)"
)
PAID = [PAY, CHARGE.format(1, 1000)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path)
    with opened.transaction() as db:
        db.execute(INTENT)
    yield opened
    opened.close()


def run(store: Store, *statements: str) -> None:
    with store.transaction() as db:
        for statement in statements:
            db.execute(statement)


@pytest.mark.parametrize(
    ("before", "lie"),
    [
        (PAID, [CANCEL]),
        (PAID, ["UPDATE intents SET status = 'requires_payment_method', amount_received = 0"]),
        ([CANCEL], [PAY]),
        ([CANCEL], [PAY + ", canceled_at = NULL"]),
        ([], ["UPDATE intents SET status = 'succeeded'"]),
        ([], ["UPDATE intents SET amount_received = 1000"]),
        ([], ["UPDATE intents SET status = 'succeeded', amount_received = 999"]),
        ([], ["UPDATE intents SET amount = 1"]),
        ([], [CHARGE.format(1, 1000)]),
        ([PAY], [CHARGE.format(1, 1001)]),
        (PAID, [CHARGE.format(2, 1000)]),
        (PAID, [REFUND.format(1, 1001)]),
        ([*PAID, REFUND.format(1, 600)], [REFUND.format(2, 401)]),
        ([*PAID, REFUND.format(1, 600)], ["DELETE FROM refunds"]),
        ([*PAID, REFUND.format(1, 600)], ["UPDATE refunds SET amount = 1"]),
        (PAID, ["UPDATE charges SET amount = 1"]),
        (PAID, ["DELETE FROM charges"]),
        (PAID, ["DELETE FROM intents"]),
        ([], [REFUND.format(1, 1)]),
    ],
)
def test_a_lie_cannot_be_written(store: Store, before: list[str], lie: list[str]) -> None:
    run(store, *before)
    with store.transaction() as db:
        truth = [tuple(row) for row in db.execute("SELECT * FROM intents")]
    with pytest.raises(sqlite3.IntegrityError):
        run(store, *lie)
    with store.transaction() as db:
        assert [tuple(row) for row in db.execute("SELECT * FROM intents")] == truth


def test_the_truth_can_be_written(store: Store) -> None:
    run(store, *PAID, REFUND.format(1, 600), REFUND.format(2, 400))
    with store.transaction() as db:
        row = db.execute("SELECT status, amount_refunded FROM intents").fetchone()
    assert tuple(row) == ("succeeded", 1000)


def test_one_sandbox_at_a_time_keeps_the_books(tmp_path: Path) -> None:
    first = Store(tmp_path)
    with pytest.raises(DataFolderInUse, match=str(tmp_path)):
        Store(tmp_path)
    first.close()
    Store(tmp_path).close()


def test_an_exception_undoes_the_whole_transaction(store: Store) -> None:
    def half() -> None:
        with store.transaction() as db:
            db.execute(CANCEL)
            raise KeyError

    with pytest.raises(KeyError):
        half()
    with store.transaction() as db:
        row = db.execute("SELECT status FROM intents").fetchone()
    assert row["status"] == "requires_payment_method"
