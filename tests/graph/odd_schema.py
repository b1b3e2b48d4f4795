"""A schema with everything that completing values has to deal with, and values that are wrong."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any, Final, TypeAlias, cast

import strawberry
from hypothesis import strategies as st
from strawberry.schema.config import StrawberryConfig

from graph.edge_schema import EdgeSchema
from kit.settings import load_settings
from loaders.batches import Loader, Loading, made_of
from resolvers.scalars import DATE_TIME


@strawberry.enum
class Mood(Enum):
    GOOD = "good"
    BAD = strawberry.enum_value("bad", name="AWFUL")


@strawberry.interface
class Named:
    name: str


@strawberry.type
class Leaf(Named):
    count: int
    size: int | None
    at: datetime
    mood: Mood | None
    flags: list[bool]
    code: strawberry.ID | None


@strawberry.type
class Other(Named):
    weight: float | None


Thing: TypeAlias = Annotated[Leaf | Other, strawberry.union("Thing")]


@strawberry.type
class Branch(Named):
    leaf: Leaf
    maybe: Leaf | None
    leaves: list[Leaf]
    holes: list[Leaf | None] | None
    thing: Thing | None
    things: list[Thing]
    named: Named | None
    branches: list["Branch"]
    key: strawberry.Private[str]
    made: strawberry.Private[Any]

    @strawberry.field
    def computed(self) -> Leaf | None:
        return cast("Leaf", _given(self.made))

    @strawberry.field
    async def slow(self) -> Leaf | None:
        return cast("Leaf", _given(self.made))

    @strawberry.field
    def later(self, info: strawberry.Info) -> Leaf | None:
        return cast("Leaf", made_of(info.context.loader.load(self.key), _made))

    @strawberry.field
    def surely(self, info: strawberry.Info) -> Leaf:
        return cast("Leaf", made_of(info.context.loader.load(self.key), _made))

    @strawberry.field
    async def deeper(self, times: int = 1) -> list["Branch"] | None:
        return self.branches * min(times, 2) if times else None


@strawberry.type
class Query:
    @strawberry.field
    async def branches(self, info: strawberry.Info) -> list[Branch] | None:
        tree: list[Branch] = info.context.tree
        return tree

    @strawberry.field
    def branch(self, info: strawberry.Info) -> Branch | None:
        return cast("Branch", info.context.tree[0])


@dataclass
class Odd:
    """The context of one execution: values, and a loader that knows none of them yet."""

    tree: list[Any]
    loader: Loader[Any] = field(init=False)

    def __post_init__(self) -> None:
        self.loader = Loader(self._read, most=3)

    async def _read(self, keys: list[str]) -> list[Any]:
        made = {each.key: each.made for each in _all(self.tree)}
        return [made[key] for key in keys]


def _all(branches: list[Any]) -> list[Branch]:
    found = [each for each in branches if isinstance(each, Branch)]
    return found + [below for each in found for below in _all(each.branches)]


def _made(loading: Loading[Any]) -> Any:
    return loading.result()


def _given(value: Any) -> Any:
    if isinstance(value, Exception):
        raise value
    return value


ODD_SCHEMA = EdgeSchema(
    Query,
    settings=load_settings(query_aliases=1_000, query_cost=10**9),
    config=StrawberryConfig(scalar_map={datetime: DATE_TIME}),
)

WRONG: Final[tuple[object, ...]] = (
    *(None, "text", 7, 2**40, -1.5, True, [], {}, (1,)),
    *(object(), ValueError("no"), Mood.GOOD),
)


def mostly(right: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Right values, and now and then one that no field of this type should have."""
    return st.integers(0, 9).flatmap(lambda n: st.sampled_from(WRONG) if n == 0 else right)


_texts = st.text(max_size=3)
_moments = st.datetimes(timezones=st.just(UTC))
leaves = st.builds(
    Leaf,
    name=mostly(_texts),
    count=mostly(st.integers(-(2**31), 2**31 - 1)),
    size=mostly(st.none() | st.integers(0, 9)),
    at=mostly(_moments),
    mood=mostly(st.none() | st.sampled_from(Mood)),
    flags=mostly(st.lists(mostly(st.booleans()), max_size=2)),
    code=mostly(st.none() | _texts),
)
others = st.builds(Other, name=mostly(_texts), weight=mostly(st.floats()))


def _branches(below: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(
        Branch,
        name=mostly(_texts),
        leaf=mostly(leaves),
        maybe=mostly(st.none() | leaves),
        leaves=mostly(st.lists(mostly(leaves), max_size=2)),
        holes=mostly(st.none() | st.lists(mostly(st.none() | leaves), max_size=3)),
        thing=mostly(st.none() | leaves | others),
        things=mostly(st.lists(mostly(leaves | others), max_size=2)),
        named=mostly(st.none() | leaves | others),
        branches=below,
        key=st.uuids().map(str),
        made=mostly(st.none() | leaves),
    )


_none_below: st.SearchStrategy[list[Branch]] = st.builds(list)
trees = st.lists(_branches(st.lists(_branches(_none_below), max_size=2)), min_size=1, max_size=3)

_LEAF = "__typename name count size at mood flags code"
EVERYTHING = f"""
    __typename name leaf {{ {_LEAF} }} maybe {{ {_LEAF} }} leaves {{ {_LEAF} }} holes {{ {_LEAF} }}
    thing {{ ... on Leaf {{ {_LEAF} }} ... on Other {{ name weight }} }}
    things {{ __typename ... on Named {{ name }} ... on Leaf {{ count }} }}
    named {{ __typename name ... on Leaf {{ size }} }}
    computed {{ {_LEAF} }} slow {{ name }} later {{ {_LEAF} }} deeper {{ name later {{ count }} }}
    branches {{ name surely {{ count }} }} """
BRANCH_FIELDS = ("name", "leaf", "maybe", "leaves", "holes", "thing", "things", "named", "made")


def a_branch(**of_leaf: object) -> Branch:
    """One that is right but for what its leaves are given."""
    right: dict[str, Any] = {
        "name": "a",
        "count": 1,
        "size": None,
        "at": datetime(2026, 11, 27, tzinfo=UTC),
        "mood": Mood.BAD,
        "flags": [True],
        "code": strawberry.ID("c"),
    }
    leaf, good = Leaf(**(right | of_leaf)), Leaf(**right)
    below = Branch(**_parts(leaf, good), branches=[], key="below")
    return Branch(**_parts(leaf, good), branches=[below], key=str(id(leaf)))


def _parts(leaf: Leaf, good: Leaf) -> dict[str, Any]:
    return {
        "name": "b",
        "leaf": good,
        "maybe": leaf,
        "leaves": [good],
        "holes": [None, leaf, good],
        "thing": leaf,
        "things": [good, Other(name="o", weight=0.5)],
        "named": Other(name="n", weight=None),
        "made": leaf,
    }
