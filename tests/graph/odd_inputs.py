"""A schema with everything that can be sent to a field, and values that are right and wrong."""

from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any, Final, TypeAlias

import strawberry
from hypothesis import strategies as st
from strawberry.scalars import JSON
from strawberry.schema.config import StrawberryConfig
from strawberry.types.field import StrawberryField

from graph.edge_schema import EdgeSchema
from kit.settings import load_settings
from resolvers.scalars import DATE_TIME


@strawberry.enum
class Mood(Enum):
    GOOD = "good"
    BAD = strawberry.enum_value("bad", name="AWFUL")


@strawberry.input
class Inner:
    name: str
    size: int | None = 3
    when: datetime | None
    mood: Mood = Mood.GOOD
    tags: list[str] = strawberry.field(default_factory=lambda: ["a"])
    flag: bool | None = strawberry.UNSET
    code: strawberry.ID | None = strawberry.field(name="theCode", default=None)
    ratio: float = 0.5
    thing: JSON | None = None

    def __post_init__(self) -> None:
        if self.name == "no":
            message = "There is no such name."
            raise ValueError(message)


@strawberry.input(one_of=True)
class Either:
    left: strawberry.Maybe[int]
    right: strawberry.Maybe[str]


@strawberry.input
class Outer:
    inner: Inner
    inners: list[Inner | None] | None = None
    moods: list[Mood | None] | None = None
    matrix: list[list[int]] | None = None
    maybe: strawberry.Maybe[int | None]
    either: Either | None = None
    own: Annotated["Outer", strawberry.lazy("tests.graph.odd_inputs")] | None = None


class Refused(Exception):
    pass


@strawberry.type
class Done:
    told: str


@strawberry.type
class Refusal:
    message: str


Result: TypeAlias = Annotated[Done | Refusal, strawberry.union("Result")]


@strawberry.type
class Query:
    @strawberry.field
    def echo(self, outer: Outer) -> str:
        return repr(outer)

    @strawberry.field
    async def plain(
        self,
        *,
        first: int = 5,
        mood: Mood = Mood.BAD,
        when: datetime | None = None,
        ids: list[strawberry.ID] | None = None,
        tags: list[str] | None = None,
        flag: bool | None = strawberry.UNSET,
        thing: JSON | None = None,
        inner: Annotated[Inner | None, strawberry.argument(name="within")] = None,
    ) -> str:
        return repr((first, mood, when, ids, tags, flag, thing, inner))

    @strawberry.field
    async def handled(self, info: strawberry.Info, outer: Outer, times: int = 1) -> Result:
        if outer.inner.name == "refused":
            raise Refused(info.field_name * min(times, 3))
        if outer.inner.name == "declined":
            message = "Nobody knows."
            raise Refused(message)
        if outer.inner.name == "unforeseen":
            raise KeyError(info.field_name)
        return Done(told=repr(outer))


class Handler:
    """Makes a member of the union of a refusal, unless nobody knows."""

    exception_type = Refused
    error_type = Refusal

    def handle(
        self, exception: Exception, *, field: StrawberryField, info: strawberry.Info
    ) -> Refusal | None:
        del info
        if "Nobody" in str(exception):
            return None
        return Refusal(message=f"{field.python_name}: {exception}")


ODD_INPUTS = EdgeSchema(
    Query,
    settings=load_settings(query_aliases=1_000, query_cost=10**9),
    config=StrawberryConfig(scalar_map={datetime: DATE_TIME}),
    exception_handlers=[Handler()],
)

WRONG: Final[tuple[object, ...]] = (
    *(None, "text", "GOOD", "AWFUL", "bad", 7, 2**40, -1.5, 2.0, True, [], {}, [None], [[1]]),
    *({"name": "a"}, {"left": 1}, {"left": 1, "right": "r"}, "2026-11-28T09:00:00Z"),
)
EVERYTHING: Final[dict[str, Any]] = {
    "inner": {
        "name": "a",
        "size": None,
        "when": "2026-11-28T09:00:00.000Z",
        "mood": "AWFUL",
        "tags": ["b", "c"],
        "flag": True,
        "theCode": "c",
        "ratio": 1.5,
        "thing": {"x": [1]},
    },
    "inners": [{"name": "b", "when": None}, None],
    "moods": ["GOOD", None],
    "matrix": [[1, 2], []],
    "maybe": 1,
    "either": {"left": 1},
    "own": {"inner": {"name": "c"}},
}

# What is unusual at one place makes a whole field so.
USUAL: Final = {name: EVERYTHING[name] for name in ("inner", "inners", "moods", "matrix")}


def mostly(right: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Right values, and now and then one that no field of this type should have."""
    return st.integers(0, 11).flatmap(lambda n: st.sampled_from(WRONG) if n == 0 else right)


def _fields(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[Any]:
    """An input; what it must have is there, if not always right."""
    return st.fixed_dictionaries(
        {name: mostly(each) for name, each in required.items()},
        optional={name: mostly(each) for name, each in optional.items()},
    )


_names = st.sampled_from(["a", "b", "no", "refused", "declined", "unforeseen"])
_moods = st.sampled_from(["GOOD", "AWFUL"])
_texts = st.text(max_size=2)
_moments = st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)
inners = _fields(
    {"name": _names},
    {
        "size": st.none() | st.integers(-(2**31), 2**31 - 1),
        "when": st.none() | _moments,
        "mood": _moods,
        "tags": st.lists(mostly(_texts), max_size=2),
        "flag": st.none() | st.booleans(),
        "theCode": st.none() | _texts | st.integers(0, 9),
        "ratio": st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 9),
        "thing": st.just({"x": [1]}),
        "unknown": st.just(1),
    },
)
_eithers = st.fixed_dictionaries({}, optional={"left": st.integers(0, 9), "right": _texts})


def _outers(own: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return _fields(
        {"inner": inners},
        {
            "inners": st.none() | st.lists(mostly(st.none() | inners), max_size=2),
            "moods": st.none() | st.lists(mostly(st.none() | _moods), max_size=2),
            "matrix": st.lists(st.lists(st.integers(0, 9), max_size=2), max_size=2),
            "maybe": st.none() | st.integers(0, 9),
            "either": st.none() | _eithers,
            "own": own,
        },
    )


outers = _outers(st.none() | _outers(st.none()))
