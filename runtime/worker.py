"""The worker: jobs from the queue, and what has to happen because time passed."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final

import orjson
import structlog
from pgqueuer import PgQueuer
from pgqueuer.errors import RetryRequested
from pgqueuer.models import Job, Schedule

from kit.settings import Settings
from notifications import notices
from orders import jobs
from orders.errors import OUT_OF_REACH, TryLater
from payments.errors import ProviderUnreachable
from runtime.job_driver import ListensFirst
from runtime.resources import Resources, open_resources

log = structlog.get_logger()

# A worker that is silent this long is taken for dead, and its jobs are taken over.
LEASE: Final = timedelta(seconds=30)
JOBS_AT_ONCE: Final = 120
BATCH: Final = 10
# A queue's notification can be lost; the table is read at least this often.
LOOK_EVERY: Final = timedelta(seconds=2)
LONGEST_DELAY: Final = timedelta(minutes=5)
RESTART_SECONDS: Final = 1.0
# Longer than the provider takes to answer; shorter than whoever stops us waits.
FINISH_SECONDS: Final = 12.0

# Jobs that wait for the provider, in all workers together; the others never wait behind them.
# Orders that end together wait for one reading of the provider's list: the more at once, the
# fewer readings.
_AT_ONCE: Final = {jobs.ORDERS_PLACED: 4, jobs.SETTLE: 64, jobs.PAYMENT_EVENT: 32, jobs.REFUND: 4}
# The world failing: told by a warning. Anything else is a mistake of ours.
_FORESEEN: Final = (*OUT_OF_REACH, TryLater, ProviderUnreachable)

# When the shops of most time zones are quiet; the sweeps see to the rest of the day.
NIGHTLY: Final = "0 4 * * *"
# A night that was missed is made up for by the next one.
NIGHTLY_LOOKS_BACK: Final = timedelta(hours=49)

Handler = Callable[[dict[str, Any]], Awaitable[None]]


async def run_worker(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT, then finish the jobs in hand."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_resources(settings) as resources:
        await work(resources, stop)


async def work(resources: Resources, stop: asyncio.Event) -> None:
    """Run the queue and every sweep until `stop` is set."""
    sweeps = resources.sweeps
    log.info("worker_started")
    async with asyncio.TaskGroup() as group:
        group.create_task(_queue(resources, stop), name="jobs")
        for every_seconds, sweep in (
            (0.5, sweeps.lapse_holds),
            (1.0, sweeps.open_gates),
            (1.0, sweeps.expire_orders),
            (1.0, resources.safety_stock.release_safety_stock),
            (2.0, sweeps.repeat_stock),
            (5.0, sweeps.notice_holds),
            (5.0, sweeps.poll_payments),
            (10.0, sweeps.release_stale_claims),
            (5.0, sweeps.requeue_failed),
            (10.0, sweeps.requeue_events),
            (5.0, sweeps.wake_jobs),
            (2.0, resources.reconciliation.reconcile_live),
            (30.0, resources.reconciliation.reconcile_orders),
            (60.0, resources.reconciliation.reconcile_intents),
            (60.0, resources.pruning.close_gates),
            (60.0, resources.pruning.prune_sessions),
            (60.0, resources.pruning.prune_keys),
        ):
            group.create_task(_sweep(sweep, every_seconds, stop), name=sweep.__name__)
    log.info("worker_stopped")


def register(queuer: PgQueuer, resources: Resources) -> None:
    """Bind every kind of job to its handler, and the nightly comparison to its hour."""
    handlers = resources.handlers
    named: dict[str, Handler] = {
        jobs.ORDERS_PLACED: handlers.orders_placed,
        jobs.GATE_MESSAGE: handlers.gate_message,
        jobs.SETTLE: handlers.settle,
        jobs.PAYMENT_EVENT: handlers.payment_event,
        jobs.REFUND: handlers.refund,
        jobs.DEAL_CHANGED: handlers.deal_changed,
        jobs.STOCK_ADDED: handlers.stock_added,
    }
    for name, handler in named.items():
        _bind(queuer, name, handler)

    async def send_mail(job: Job) -> None:
        try:
            await notices.send_mail(job.payload or b"", resources.mailer, resources.pool)
        except Exception as error:
            raise _again(job, error) from error

    queuer.entrypoint(notices.SEND_MAIL, on_failure="hold")(send_mail)

    async def reconcile_nightly(_: Schedule) -> None:
        since = resources.clock.now() - NIGHTLY_LOOKS_BACK
        report = await resources.reconciliation.reconcile(since=since)
        log.info("reconciled_nightly", found=len(report.findings), clean=report.clean)

    queuer.schedule("reconcile_nightly", NIGHTLY)(reconcile_nightly)


def _bind(queuer: PgQueuer, name: str, handler: Handler) -> None:
    """A job that fails is repeated with backoff for as long as it takes: nothing is dropped."""

    async def run(job: Job) -> None:
        try:
            await handler(orjson.loads(job.payload or b"{}"))
        except Exception as error:
            if not isinstance(error, _FORESEEN):
                log.exception("job_failed", job=name, payload=job.payload)
            raise _again(job, error) from error

    queuer.entrypoint(name, concurrency_limit=_AT_ONCE.get(name, 0), on_failure="hold")(run)


def _again(job: Job, error: Exception) -> RetryRequested:
    """Ask for the job once more, later each time: half a second, one, two ... five minutes."""
    delay = min(timedelta(seconds=0.5) * 2 ** min(job.attempts, 12), LONGEST_DELAY)
    if isinstance(error, TryLater):
        delay = min(delay, max(timedelta(milliseconds=error.retry_after_ms), delay / 4))
    log.warning("job_again", job=job.entrypoint, attempts=job.attempts, error=repr(error))
    return RetryRequested(delay=delay, reason=repr(error))


async def _queue(resources: Resources, stop: asyncio.Event) -> None:
    """Run the queue; when its connection is lost, start it anew."""
    while not stop.is_set():
        queuer = PgQueuer(ListensFirst(resources.pool))
        register(queuer, resources)
        running = asyncio.create_task(
            queuer.run(
                dequeue_timeout=LOOK_EVERY,
                batch_size=BATCH,
                max_concurrent_tasks=JOBS_AT_ONCE,
                heartbeat_timeout=LEASE,
                shutdown_on_listener_failure=True,
            ),
            name="pgqueuer",
        )
        stopping = asyncio.create_task(stop.wait(), name="stop")
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        queuer.shutdown.set()
        # Jobs in hand may finish; one that is cut off is taken up again after its lease.
        _, late = await asyncio.wait({running}, timeout=FINISH_SECONDS)
        for task in late:
            task.cancel()
        try:
            await running
        except asyncio.CancelledError:
            if not late:
                raise
            log.warning("jobs_cut_off", after_seconds=FINISH_SECONDS)
        except Exception:
            log.warning("queue_restarts", exc_info=True)
            await _pause(RESTART_SECONDS, stop)


async def _sweep(
    run_once: Callable[[], Awaitable[int]], every_seconds: float, stop: asyncio.Event
) -> None:
    """Repeat one pass until stopped; a store that is away is waited for."""
    while not stop.is_set():
        try:
            count = await run_once()
        except _FORESEEN as error:
            log.warning("sweep_failed", sweep=run_once.__name__, error=repr(error))
        except Exception:
            log.exception("sweep_failed", sweep=run_once.__name__)
        else:
            if count:
                log.debug("swept", sweep=run_once.__name__, count=count)
        await _pause(every_seconds, stop)


async def _pause(seconds: float, stop: asyncio.Event) -> None:
    """Wait, unless told to stop."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
