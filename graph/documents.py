"""Documents prepared for execution, once for each text: parsed, validated, classified."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)
from strawberry import Schema
from strawberry.types.base import StrawberryObjectDefinition

from graph.calls import Calls
from graph.context import SHARED, Shared
from graph.limits import CACHED_CHARACTERS, CACHED_DOCUMENTS, CACHED_REFUSALS, Bounds
from graph.plans import KeptPlans, Plans
from kit.settings import Settings
from resolvers.described import PUBLIC

Audience: TypeAlias = Literal["EVERYBODY", "SESSION", "NOBODY_ELSE"]
"""Who may get the results of one execution of a subscription."""

OperationKind: TypeAlias = Literal["query", "mutation", "subscription", "unknown"]

_INTROSPECTION: Final = "__"


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """One operation of a document, ready to be executed any number of times.

    `kind` is "unknown" when there is no operation to choose: the text is no document, has none of
    the name, or several and no name was given. `errors` forbid execution. `public` says that none
    of its root fields depends on who asks, and `audience` is a subscription's.
    """

    kind: OperationKind
    errors: tuple[GraphQLError, ...]
    audience: Audience | None = None
    public: bool = False
    plans: Plans | None = None


@dataclass(slots=True, eq=False)
class _Document:
    """What is known of one text, by the names that its operations were asked for."""

    text: str
    document: DocumentNode | None
    errors: tuple[GraphQLError, ...]
    known: dict[str | None, Prepared] = field(default_factory=dict)


class Documents:
    """Prepares each document once, and remembers those that were asked for last."""

    def __init__(self, schema: Schema, settings: Settings) -> None:
        self._schema = schema._schema  # noqa: SLF001 - the types themselves
        self._calls = Calls(schema)
        self._bounds = Bounds(settings)
        self._plans = KeptPlans()
        self._shared = shared_fields(schema)
        self._public = public_fields(schema)
        self._good = _Kept(CACHED_DOCUMENTS, CACHED_CHARACTERS)
        self._refused = _Kept(CACHED_REFUSALS, CACHED_CHARACTERS // 4)

    def prepare(self, text: str, name: str | None) -> Prepared:
        """The operation of this name in this document; never raises."""
        found = self._find(text)
        prepared = found.known.get(name)
        if prepared is None:
            prepared = self._choose(found, name)
            if prepared.plans is not None:  # names that mean nothing are without end
                found.known[name] = prepared
        return prepared

    def trouble_of(self, text: str) -> str | None:
        """What keeps all of a document from being executed; None: nothing. Never raises."""
        errors = self._find(text).errors
        return errors[0].message if errors else None

    def _find(self, text: str) -> _Document:
        found = self._good.get(text) or self._refused.get(text)
        if found is None:
            found = self._read(text)
            (self._refused if found.errors else self._good).keep(found)
        return found

    def _read(self, text: str) -> _Document:
        try:
            document = self._bounds.parse(text)
        except GraphQLError as error:
            return _Document(text, None, (error,))
        errors = self._bounds.errors(self._schema, document)
        return _Document(text, document, tuple(errors))

    def _choose(self, found: _Document, name: str | None) -> Prepared:
        if found.document is None:
            return Prepared("unknown", found.errors)
        operations = [
            each for each in found.document.definitions if isinstance(each, OperationDefinitionNode)
        ]
        if name is None and len(operations) > 1:
            # The spec wants the client to choose.
            message = "operationName must say which of the operations to run."
            return Prepared("unknown", (GraphQLError(message),))
        operation = next((each for each in operations if name in (None, _name_of(each))), None)
        if operation is None:
            return Prepared("unknown", ())
        fragments = {
            each.name.value: each
            for each in found.document.definitions
            if isinstance(each, FragmentDefinitionNode)
        }
        return Prepared(
            operation.operation.value,
            found.errors,
            audience=self._audience(operation),
            public=not found.errors and self._is_public(operation, fragments),
            plans=Plans(self._schema, self._calls, self._plans, operation, fragments),
        )

    def _audience(self, operation: OperationDefinitionNode) -> Audience | None:
        """Whose the results are. Only what can be proved to be shared is."""
        if operation.operation.value != "subscription":
            return None
        match operation.selection_set.selections:
            case (FieldNode() as root,):
                return self._shared.get(root.name.value, "NOBODY_ELSE")
            case _:
                return "NOBODY_ELSE"

    def _is_public(
        self,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
    ) -> bool:
        """Whether it is a query, and of public fields alone."""
        if operation.operation.value != "query":
            return False
        names = set(_root_names(operation.selection_set, fragments))
        return all(name in self._public or name.startswith(_INTROSPECTION) for name in names)


class _Kept:
    """Documents by their texts, the last used; bounded by their number and their length."""

    def __init__(self, most: int, most_characters: int) -> None:
        self._most = most
        self._most_characters = most_characters
        self._characters = 0
        self._kept: OrderedDict[str, _Document] = OrderedDict()

    def get(self, text: str) -> _Document | None:
        found = self._kept.get(text)
        if found is not None:
            self._kept.move_to_end(text)
        return found

    def keep(self, document: _Document) -> None:
        self._kept[document.text] = document
        self._characters += len(document.text)
        while len(self._kept) > self._most or self._characters > self._most_characters:
            text, _ = self._kept.popitem(last=False)
            self._characters -= len(text)


def shared_fields(schema: Schema) -> dict[str, Shared]:
    """The subscriptions that say among whom they are shared, by their names in GraphQL."""
    return _told(schema, "Subscription", SHARED)


def public_fields(schema: Schema) -> frozenset[str]:
    """The queries that say that their answers are the same for everybody."""
    return frozenset(_told(schema, "Query", PUBLIC))


def _told(schema: Schema, type_name: str, entry: str) -> dict[str, Any]:
    """What fields of a root type say of themselves in this entry of their metadata."""
    definition = schema.get_type_by_name(type_name)
    if not isinstance(definition, StrawberryObjectDefinition):
        return {}
    name_of = schema.config.name_converter.get_graphql_name
    return {
        name_of(each): each.metadata[entry]
        for each in definition.fields
        if each.metadata.get(entry)
    }


def _name_of(operation: OperationDefinitionNode) -> str | None:
    return None if operation.name is None else operation.name.value


def _root_names(
    selected: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> Iterator[str]:
    """The names of an operation's own fields, also of those that fragments bring in.

    Asked of valid documents only: no fragment spreads itself.
    """
    for node in selected.selections:
        match node:
            case FieldNode():
                yield node.name.value
            case InlineFragmentNode():
                yield from _root_names(node.selection_set, fragments)
            case FragmentSpreadNode():
                yield from _root_names(fragments[node.name.value].selection_set, fragments)
