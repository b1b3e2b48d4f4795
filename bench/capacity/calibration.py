"""Measures what a request of each kind costs on this machine, on stores of its own."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench.assistant import Assistant
from bench.capacity.asking import Asking
from bench.capacity.costs import Costs, Idle, Machine, Sockets
from bench.capacity.readings import (
    Used,
    count,
    flushes_per_second,
    memory_bytes,
    most_connections,
    ports_per_address,
    redis_bytes,
)
from bench.carts import NO_LIMITS
from bench.growth.client import Unexpected
from bench.machine import commit, machine
from bench.process import memory_kib
from bench.shop import Shop, open_shop
from bench.stage import allow_files
from runtime.problems import CannotStart

# Told to sockets as often as they are measured with; caches hear of a deal as often, which is twice
# as often as usual and is conflated by the answers' own age.
_TOLD_PER_SECOND: Final = 20
_SETTINGS: Final = {
    **NO_LIMITS,
    "limit_order_address_burst": "10000000",
    "limit_order_address_per_second": "1000000",
    # The provider takes what comes: its pace is not what is measured.
    "intents_per_second": "100000",
    "stock_changes_per_second": str(_TOLD_PER_SECOND),
    "stripe_api_key": "sk_test_flashsale_bench",
    "stripe_publishable_key": "pk_test_flashsale_bench",
    "secret_key": "a-secret-of-the-benchmark",
    "log_level": "WARNING",
}
_DEALS: Final = 20
_PLENTY: Final = 1_000_000
_CONNECT_SECONDS: Final = 60.0
_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is asked: enough for a median of CPU times, within half a minute."""

    turns: int = 3
    cached_reads: int = 2_000
    executed_lists: int = 64
    executed_deals: int = 160
    buyers: int = 160
    refusals: int = 1_000
    sockets: int = 1_000
    told_seconds: float = 2.0
    idle_seconds: float = 2.0
    flush_seconds: float = 0.5
    # A session of Postgres tells its figures at most once a second.
    stats_seconds: float = 1.1


def calibrate(size: Size, tell: Callable[[str], None]) -> Costs:
    """Open a shop, ask for each kind, and say what it cost.

    Raises:
        CannotStart: something is missing, or the machine is too busy for what is asked.
    """
    files = allow_files()
    at = datetime.now(UTC).date().isoformat()
    try:
        with _shop(tell) as shop, _assistants(shop) as (events, crowd):
            tell("seeding buyers, opening deals, warming up")
            asking = _prepare(shop, events, size)
            tell("measuring at rest")
            idle = _rest(shop, size)
            asking.idle = idle
            tell("measuring reads")
            requests = asking.reads()
            tell("measuring carts, checkouts and orders")
            before = redis_bytes(shop)
            adds = asking.adds()
            per_hold = max(redis_bytes(shop) - before, 0) / adds.requests
            requests |= {"addToCart": adds, "refusal": asking.refusals()}
            requests |= {"checkout": asking.checkouts(), "placeOrder": asking.orders()}
            tell("measuring sockets")
            sockets = _sockets(shop, events, crowd, asking.deals[0], idle, size)
            told = machine()
            return Costs(
                date=at,
                commit=commit(),
                machine=Machine(
                    processors=told["processors"],
                    cores=len(os.sched_getaffinity(0)),
                    memory_bytes=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
                    files_per_process=files,
                    ports_per_address=ports_per_address(),
                    wal_flushes_per_second=flushes_per_second(
                        shop.folder, seconds=size.flush_seconds
                    ),
                    postgres_connections=most_connections(shop),
                ),
                requests=requests,
                sockets=sockets,
                idle=idle,
                redis_bytes_per_hold=per_hold,
            )
    except Unexpected as error:
        raise CannotStart(
            f"An answer is not what was asked for; is the machine too busy? {error}"
        ) from None


@contextmanager
def _shop(tell: Callable[[str], None]) -> Iterator[Shop]:
    folder = Path(tempfile.mkdtemp(prefix="flashsale-capacity-"))
    folder.chmod(0o711)  # Postgres runs as another user under root
    others = {k: v for k, v in os.environ.items() if not k.startswith(("FLASHSALE_", "PG"))}
    environment = {**others, "PYTHONPATH": str(Path(__file__).parents[2])}
    try:
        with open_shop(
            folder / "shop", environment, processes=1, settings=_SETTINGS, tell=tell
        ) as shop:
            yield shop
    finally:
        shutil.rmtree(folder)


@contextmanager
def _assistants(shop: Shop) -> Iterator[tuple[Assistant, Assistant]]:
    """Who opens deals and changes stock, and who listens."""
    with (
        Assistant("bench.events", environment=shop.environment) as events,
        Assistant("bench.crowd", environment=shop.environment) as crowd,
    ):
        yield events, crowd


def _prepare(shop: Shop, events: Assistant, size: Size) -> Asking:
    deals = events.ask("open", deals=_DEALS, products=_DEALS, allotment=_PLENTY)["deals"]
    (gone,) = events.ask("open", deals=1, allotment=1)["deals"]
    events.ask("sell_out", deal=gone, units=1, until=time.time() + 500)
    tokens = shop.folder / "tokens"
    shop.step(
        "Making the buyers", "seed", "--buyers", str(Asking.buyers(size)), "--tokens", str(tokens)
    )
    asking = Asking(shop, size, deals=deals, gone=gone, tokens=tokens.read_text().split())
    asking.warm_up()
    return asking


def _rest(shop: Shop, size: Size) -> Idle:
    """Each part's use while nobody asks."""
    counted, used = count(shop, after_seconds=size.stats_seconds), Used.now(shop)
    time.sleep(size.idle_seconds)
    then = Used.now(shop)
    counted_then = count(shop, after_seconds=size.stats_seconds)
    waited = then.at - used.at
    counts = counted_then.since(counted)

    def cpu_us(part: str) -> float:
        return (then.seconds[part] - used.seconds[part]) / waited * 1e6

    stores = [pid for part, pid in shop.parts.items() if part not in {"API", "sandbox"}]
    return Idle(
        api_cpu_us=cpu_us("API"),
        redis_cpu_us=cpu_us("valkey"),
        postgres_cpu_us=cpu_us("postgres"),
        mongo_cpu_us=cpu_us("mongo"),
        worker_cpu_us=cpu_us("worker"),
        api_memory_bytes=memory_bytes([shop.parts["API"]]),
        stores_memory_bytes=memory_bytes(stores),
        **{name: value / (counted_then.at - counted.at) for name, value in counts.items()},
    )


def _sockets(
    shop: Shop, events: Assistant, crowd: Assistant, deal: str, idle: Idle, size: Size
) -> Sockets:
    """Memory of sockets that follow one deal, then what each message to one of them costs."""
    pid = shop.parts["API"]
    before = memory_kib(pid)
    came = crowd.ask(
        "connect",
        port=shop.port,
        count=size.sockets,
        topics=[deal],
        at_once=_AT_ONCE,
        seconds=_CONNECT_SECONDS,
    )
    if came["live"] < size.sockets:
        raise CannotStart(f"Only {came['live']} of {size.sockets} sockets subscribed.")
    memory = max(memory_kib(pid) - before, 0) * 1024
    crowd.ask("reset")
    used = Used.now(shop)
    events.ask(
        "change", deals=[deal], per_second=_TOLD_PER_SECOND, seconds=size.told_seconds, each=True
    )
    then = Used.now(shop)
    heard = crowd.ask("tell")["events"]
    spent = then.seconds["API"] - used.seconds["API"] - (then.at - used.at) * idle.api_cpu_us / 1e6
    if not heard:
        raise CannotStart("No socket heard of a change of stock.")
    return Sockets(
        sockets=size.sockets,
        deliveries=heard,
        memory_bytes=memory / size.sockets,
        delivery_cpu_us=max(spent, 0.0) * 1e6 / heard,
    )
