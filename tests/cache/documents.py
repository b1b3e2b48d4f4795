"""Documents that somebody may send: public fields, personal ones, and any mixture of both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hypothesis import strategies as st

from graph.requests import Operation

DEAL: Final = (
    "id",
    "__typename",
    "title",
    "phase",
    "price { amountMinor currency }",
    "listPrice { amountMinor }",
    "discountPercent",
    "startsAt",
    "again: endsAt",
    "purchaseLimit",
    "secondsRemaining",
    "product { id name category attributes { name value } }",
    "stock { available held sold level version }",
    "stock { available epoch asOf }",
)
PRODUCT: Final = ("id", "name", "description", "category", "sku", "imageUrl")
CART: Final = (
    "items { quantity deal { id title stock { held } } unitPrice { amountMinor } }",
    "total { amountMinor }",
)
PERSONAL: Final = ("me", "cart", "node", "serverTime")
SORTS: Final = ("ENDING_SOON", "NEWEST", "BIGGEST_DISCOUNT", "PRICE_ASC")
PHASES: Final = ("LIVE", "SCHEDULED", "PAUSED", "ENDED", None)

HOW: Final = ("plain", "@include(if: $yes)", "@skip(if: $yes)", "inline", "fragment")


@dataclass(frozen=True)
class Drawn:
    """One field at the root: what is asked, of which thing of the world, and how it is written."""

    name: str
    parts: tuple[str, ...]
    which: int
    how: str
    arguments: Mapping[str, Any]


@dataclass
class Things:
    """What there is to be asked for; also what there was once."""

    category: str
    deal_ids: list[str]
    product_ids: list[str]
    cursors: list[str]


@dataclass(frozen=True)
class Document:
    """One document, whose ids are known once there is a world."""

    fields: tuple[Drawn, ...]
    yes: bool
    named: bool
    in_variables: bool

    @property
    def personal(self) -> bool:
        return any(field.name in PERSONAL for field in self.fields)

    def operation(self, things: "Things") -> Operation:
        """As it is sent."""
        variables: dict[str, Any] = {"yes": self.yes}
        types = ["$yes: Boolean!"]
        roots, fragments = [], []
        for number, field in enumerate(self.fields):
            given = _arguments(field, things)
            written = []
            for name, (type_name, value) in given.items():
                if self.in_variables:
                    variables[f"{name}{number}"] = value
                    types.append(f"${name}{number}: {type_name}")
                    written.append(f"{name}: ${name}{number}")
                else:
                    written.append(f"{name}: {_literal(type_name, value)}")
            asked = f"f{number}: {field.name}" + (f"({', '.join(written)})" if written else "")
            body = " ".join(field.parts)
            match field.how:
                case "inline" if field.name in _TYPES:
                    body = f"... on {_TYPES[field.name]} {{ {body} }}"
                case "fragment" if field.name in _TYPES:
                    fragments.append(f"fragment F{number} on {_TYPES[field.name]} {{ {body} }}")
                    body = f"...F{number}"
                case how if how.startswith("@"):
                    asked = f"{asked} {how}"
            if field.name == "deals":
                body = f"nodes {{ {body} }} pageInfo {{ hasNextPage endCursor }}"
            root = asked if field.name == "serverTime" else f"{asked} {{ {body} }}"
            if field.how == "fragment":
                fragments.append(f"fragment R{number} on Query {{ {root} }}")
                root = f"...R{number}"
            roots.append(root)
        text = (
            f"query Q({' '.join(types)}) {{ ok: __typename @include(if: $yes) {' '.join(roots)} }}"
        )
        if self.named:
            fragments.append("query Other { serverTime me { id email } }")
        chosen = "Q" if self.named else None
        return Operation("\n".join([text, *fragments]), variables, chosen)


_TYPES: Final = {
    "deals": "Deal",
    "deal": "Deal",
    "product": "Product",
    "node": "Node",
    "me": "User",
    "cart": "Cart",
}
_PARTS: Final = {
    "deals": DEAL,
    "deal": DEAL,
    "product": PRODUCT,
    "node": ("id", "... on Deal { title phase }", "... on User { email }"),
    "me": ("id", "email", "name"),
    "cart": CART,
    "serverTime": ("",),
}


def _arguments(field: Drawn, things: "Things") -> dict[str, tuple[str, Any]]:
    match field.name:
        case "deal":
            return {"id": ("ID!", _one_of(things.deal_ids, field.which))}
        case "product":
            return {"id": ("ID!", _one_of(things.product_ids, field.which))}
        case "node":
            both = [*things.deal_ids, *things.product_ids]
            return {"id": ("ID!", _one_of(both, field.which))}
        case "deals":
            given = dict(field.arguments)
            asked = {"first": ("Int", given["first"]), "sort": ("DealSort", given["sort"])}
            if "phase" in given:
                asked["phase"] = ("DealPhase", given["phase"])
            if given["category"] is not None:
                ours = given["category"] == "OURS"
                asked["category"] = ("String", things.category if ours else given["category"])
            if given["after"] and things.cursors:
                asked["after"] = ("String", _one_of(things.cursors, field.which))
            return asked
        case _:
            return {}


def _one_of(known: Sequence[str], which: int) -> str:
    return known[which % len(known)]


def _literal(type_name: str, value: object) -> str:
    if value is None:
        return "null"
    return f'"{value}"' if type_name in {"ID!", "String"} else str(value)


@st.composite
def drawn_fields(draw: st.DrawFn) -> Drawn:
    """A field with some of its parts."""
    name = draw(st.sampled_from(("deals", "deal", "deals", "deal", "product", *PERSONAL)))
    parts = draw(st.lists(st.sampled_from(_PARTS[name]), min_size=1, max_size=4, unique=True))
    arguments: dict[str, Any] = {}
    if name == "deals":
        arguments = {
            "first": draw(st.integers(1, 4)),
            "sort": draw(st.sampled_from(SORTS)),
            "category": draw(st.sampled_from(("OURS", "OURS", "OURS", "Kitchen", None))),
            "after": draw(st.booleans()),
        }
        if draw(st.booleans()):
            arguments["phase"] = draw(st.sampled_from(PHASES))
    how = draw(st.sampled_from(HOW))
    return Drawn(name, tuple(parts), draw(st.integers(0, 9)), how, arguments)


DOCUMENTS: Final = st.builds(
    Document,
    fields=st.lists(drawn_fields(), min_size=1, max_size=3).map(tuple),
    yes=st.sampled_from((True, True, True, False)),
    named=st.booleans(),
    in_variables=st.booleans(),
)
