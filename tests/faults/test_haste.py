"""The constants that the harness shortens are there, and the product reads them when it works."""

import pytest

from runtime import worker
from tests.faults.haste import SHORTER, hurry


def test_every_constant_is_found_and_is_longer_in_the_product(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lease = worker.LEASE
    hurry(monkeypatch.setattr)
    assert SHORTER["runtime.worker:LEASE"] == worker.LEASE < lease
    monkeypatch.undo()
    assert lease == worker.LEASE
