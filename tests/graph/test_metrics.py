"""What Prometheus is told of drift: read from where the workers note it, when it is asked for."""

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families
from starlette.requests import Request

from graph.metrics import Metrics
from orders.drift import Drift, DriftClass
from runtime.resources import Resources


async def scrape(metrics: Metrics) -> dict[tuple[str, str], float]:
    """Drift's figures by name and class."""
    answer = await metrics.scrape(Request({"type": "http"}))
    assert answer.status_code == 200
    return {
        (sample.name, sample.labels["class"]): sample.value
        for family in text_string_to_metric_families(bytes(answer.body).decode())
        for sample in family.samples
        if sample.name.startswith("flashsale_drift")
    }


async def test_every_class_of_drift_is_counted_whether_or_not_it_was_found(
    resources: Resources,
) -> None:
    metrics, book = Metrics(resources.driftbook.counts), resources.driftbook
    before = await scrape(metrics)
    assert {kind for _, kind in before} == {kind.value for kind in DriftClass}
    drift = Drift(DriftClass.PHANTOM_STOCK, "RECOUNT", "counted", deal_id="deal_of_this_test")
    await book.record([drift])
    changed = await scrape(metrics)
    for name in ("flashsale_drift_total", "flashsale_drift_open"):
        assert changed.pop((name, "PHANTOM_STOCK")) == before[name, "PHANTOM_STOCK"] + 1
    await book.close_gone("deal_of_this_test", [])
    after = await scrape(metrics)
    assert (
        after.pop(("flashsale_drift_open", "PHANTOM_STOCK"))
        == before["flashsale_drift_open", "PHANTOM_STOCK"]
    )
    assert (
        after.pop(("flashsale_drift_total", "PHANTOM_STOCK"))
        == before["flashsale_drift_total", "PHANTOM_STOCK"] + 1
    )
    assert after == {key: before[key] for key in after}


async def test_without_postgres_the_other_figures_are_told() -> None:
    async def count() -> Mapping[str, tuple[int, int]]:
        raise OSError("Postgres is away")

    metrics = Metrics(count)
    metrics.refused("INTERNAL")
    assert await scrape(metrics) == {}
    text = bytes((await metrics.scrape(Request({"type": "http"}))).body).decode()
    assert 'flashsale_errors_total{code="INTERNAL"} 1.0' in text
