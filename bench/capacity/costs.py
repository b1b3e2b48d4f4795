"""What a request of each kind costs, as it was measured once, and the file that keeps it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

import orjson
from annotated_types import Ge, Gt
from pydantic import TypeAdapter, ValidationError

from runtime.problems import CannotStart

FORMAT: Final = 1

Kind = Literal[
    "cached read", "executed list", "executed deal", "addToCart", "refusal", "checkout",
    "placeOrder",
]  # fmt: skip
Amount = Annotated[float, Ge(0)]
Positive = Annotated[float, Gt(0)]
Count = Annotated[int, Gt(0)]

HOW: Final[Mapping[Kind, str]] = {
    "cached read": "the list and a deal's page in turns, the same bytes each time: express lane",
    "executed list": "twenty deals with product and stock, asked by somebody signed in",
    "executed deal": "a deal's page, asked by somebody signed in",
    "addToCart": "one unit, each by another buyer whose session is new to the process",
    "refusal": "addToCart of a sold-out deal, without an idempotency key: express lane",
    "checkout": "a cart of one line is frozen",
    "placeOrder": "one line, answered after COMMIT, its payment intent opened at the sandbox",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One request, in all parts: the median of several turns; of Postgres' counters the mean."""

    requests: Count
    api_cpu_us: Amount
    redis_cpu_us: Amount
    postgres_cpu_us: Amount
    mongo_cpu_us: Amount
    worker_cpu_us: Amount
    redis_commands: Amount
    postgres_transactions: Amount
    wal_bytes: Amount
    wal_flushes: Amount
    answer_bytes: Amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Sockets:
    """What subscribed sockets cost the API process."""

    sockets: Count
    deliveries: Count
    memory_bytes: Amount
    delivery_cpu_us: Amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """What is there before anybody comes: each second, and memory.

    The stores' memory is the worker's, too.
    """

    api_cpu_us: Amount
    redis_cpu_us: Amount
    postgres_cpu_us: Amount
    mongo_cpu_us: Amount
    worker_cpu_us: Amount
    redis_commands: Amount
    postgres_transactions: Amount
    wal_bytes: Amount
    wal_flushes: Amount
    api_memory_bytes: Positive
    stores_memory_bytes: Amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What the machine has."""

    processors: str
    cores: Count
    memory_bytes: Count
    files_per_process: Count
    ports_per_address: Count
    wal_flushes_per_second: Positive
    postgres_connections: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Everything that a plan is made of."""

    format: Literal[1] = FORMAT
    date: str
    commit: str
    machine: Machine
    requests: dict[Kind, Cost]
    sockets: Sockets
    idle: Idle
    redis_bytes_per_hold: Amount

    def __post_init__(self) -> None:
        """Refuse to be incomplete."""
        if missing := [kind for kind in HOW if kind not in self.requests]:
            raise ValueError(f"nothing is said of {', '.join(missing)}")


_COSTS: Final = TypeAdapter(Costs)


def load_costs(path: Path) -> Costs:
    """What a file says.

    Raises:
        CannotStart: it cannot be read, or does not say what it should.
    """
    try:
        return _COSTS.validate_json(path.read_bytes())
    except OSError as error:
        raise CannotStart(f"Cannot read {path}: {error.strerror}.") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        where = f" at {place}" if place else ""
        raise CannotStart(f"{path} is no file of costs{where}: {first['msg']}.") from None


def save_costs(costs: Costs, path: Path) -> None:
    """Keep them for `load_costs`.

    Raises:
        CannotStart: the file cannot be written.
    """
    told = orjson.dumps(asdict(costs), option=orjson.OPT_INDENT_2) + b"\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(told)
    except OSError as error:
        raise CannotStart(f"Cannot write {path}: {error.strerror}.") from None
