import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.headline.measure import Plan, offer
from bench.workload import Checks


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not pytest's own folder: that is closed to the user that Postgres runs as under root.
    made = Path(tempfile.mkdtemp(prefix="flashsale-tests-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


def test_a_tiny_headline_run_counts_every_unit_and_order(folder: Path) -> None:
    plan = Plan(per_second=100, seconds=3, surge_seconds=1, deals=25, processes=1, connections=50)
    checks = Checks()
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("FLASHSALE_")},
        "FLASHSALE_STRIPE_API_KEY": "sk_test_flashsale_tests",
        "FLASHSALE_STRIPE_PUBLISHABLE_KEY": "pk_test_flashsale_tests",
        "FLASHSALE_SECRET_KEY": "a-secret-of-these-tests",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    found = offer(plan, folder / "shop", environment, checks, lambda _: None)
    assert [f"{one.what}: {one.seen}" for one in checks.failed] == []
    assert len(checks.all) == 13
    assert sum(found.facts.added) > 0
    assert found.offered(stretches=[1, 2, 3]) == pytest.approx(400 / 3, rel=0.3)
    assert {"API", "postgres", "driver"} <= set(found.costs[0].cpu_seconds)
    assert all(part for section in found.sections() for part in section.parts)
