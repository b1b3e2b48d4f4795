"""What is counted about requests and sockets, for Prometheus."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Final

import structlog
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

log = structlog.get_logger()

CountDrift = Callable[[], Awaitable[Mapping[str, tuple[int, int]]]]
"""By class of drift: how many were ever found, and how many of them are open."""

# From a cached answer to a placeOrder that waits two seconds for the payment provider.
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """This process's counters, in a registry of their own. Labels come from closed sets only."""

    def __init__(self, count_drift: CountDrift | None = None) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._count_drift = count_drift
        self._drift = _Drift()
        self.registry.register(self._drift)
        self._requests = Counter(
            "flashsale_requests",
            "Operations answered over HTTP.",
            ("operation", "status"),
            registry=self.registry,
        )
        self._express = {each: self._requests.labels(each, "200") for each in ("query", "mutation")}
        self._seconds = Histogram(
            "flashsale_request_seconds",
            "Time from the request's first byte to its answer.",
            ("operation",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._errors = Counter(
            "flashsale_errors",
            "Top-level errors by code.",
            ("code",),
            registry=self.registry,
        )
        self.sockets = Gauge(
            "flashsale_sockets", "WebSockets that are open.", registry=self.registry
        )
        self.socket_operations = Gauge(
            "flashsale_socket_operations",
            "Operations under way on WebSockets and event streams.",
            registry=self.registry,
        )
        self.payloads = Counter(
            "flashsale_live_payloads",
            "Results pushed to WebSockets and event streams.",
            registry=self.registry,
        )
        self.skipped = Counter(
            "flashsale_live_skipped",
            "Results that a slow client was spared, because a newer one came.",
            registry=self.registry,
        )
        self.live_executions = Counter(
            "flashsale_live_executions",
            "Executions for groups of subscriptions: one for each event and group.",
            registry=self.registry,
        )
        self.groups = Gauge(
            "flashsale_live_groups",
            "Groups of identical subscriptions that have members.",
            registry=self.registry,
        )
        self._closes = Counter(
            "flashsale_socket_closes",
            "WebSockets closed by us, by code.",
            ("code",),
            registry=self.registry,
        )
        self.cache_hits = Counter(
            "flashsale_response_cache_hits",
            "Public queries answered from memory.",
            registry=self.registry,
        )
        self.cache_misses = Counter(
            "flashsale_response_cache_misses",
            "Public queries that had to be executed.",
            registry=self.registry,
        )
        self._events = Counter(
            "flashsale_payment_events",
            "Payment events by outcome: received, repeated, refused.",
            ("outcome",),
            registry=self.registry,
        )

    def answered(self, operation_type: str, status: int, seconds: float) -> None:
        """Count one HTTP request to the GraphQL endpoint."""
        self._requests.labels(operation_type, str(status)).inc()
        self._seconds.labels(operation_type).observe(seconds)

    def express(self, operation_type: str) -> None:
        """Count one request that was answered at once; how long it took is not worth a look."""
        self._express[operation_type].inc()
        if operation_type == "query":
            self.cache_hits.inc()

    def overloaded(self) -> None:
        """Count one request that was refused at once because there was too much to do."""
        self._requests.labels("unknown", "503").inc()
        self.refused("OVERLOADED")

    def refused(self, code: str) -> None:
        """Count one top-level error."""
        self._errors.labels(code).inc()

    def socket_closed(self, code: int) -> None:
        """Count one socket that we closed."""
        self._closes.labels(str(code)).inc()

    def open_sockets(self) -> int:
        """How many WebSockets are open in this process."""
        (family,) = self.sockets.collect()
        return int(family.samples[0].value)

    def payment_event(self, outcome: str) -> None:
        """Count one event of the payment provider."""
        self._events.labels(outcome).inc()

    async def scrape(self, _request: Request) -> Response:
        """All of it in Prometheus's text format; each API process counts for itself.

        Drift alone is counted in Postgres, where the workers note it: every process tells the same,
        and none tells it while Postgres is away.
        """
        try:
            self._drift.counts = await self._count_drift() if self._count_drift else {}
        except Exception as error:  # noqa: BLE001 - whatever it is, the other figures are wanted
            log.warning("drift_not_counted", error=repr(error))
            self._drift.counts = {}
        return Response(
            generate_latest(self.registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )


class _Drift(Collector):
    """Figures that were read for this scrape."""

    def __init__(self) -> None:
        self.counts: Mapping[str, tuple[int, int]] = {}

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        found = CounterMetricFamily(
            "flashsale_drift", "Differences between the stores ever found.", labels=("class",)
        )
        still = GaugeMetricFamily(
            "flashsale_drift_open", "Differences that are not mended yet.", labels=("class",)
        )
        for kind, (total, is_open) in self.counts.items():
            found.add_metric((kind,), total)
            still.add_metric((kind,), is_open)
        yield found
        yield still
