"""What a document asks for, as far as it decides who may share its results."""

from collections.abc import Callable
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    parse,
)
from strawberry import Schema
from strawberry.types.base import StrawberryObjectDefinition

from graph.context import SHARED, Shared

Audience: TypeAlias = Literal["EVERYBODY", "SESSION", "NOBODY_ELSE"]
"""Who may get the results of one execution of a subscription."""

AudienceOf: TypeAlias = Callable[[str, str | None], Audience | None]
"""By document and operation name; None for everything but a subscription."""

# As many as are kept parsed for execution.
_KNOWN_DOCUMENTS: Final = 256


def audiences(schema: Schema, *, most_tokens: int) -> AudienceOf:
    """Tells whose results a document's are. Only what can be proved to be shared is."""
    shared = shared_fields(schema)

    @lru_cache(_KNOWN_DOCUMENTS)
    def audience_of(query: str, name: str | None) -> Audience | None:
        try:
            document = parse(query, max_tokens=most_tokens)
        except GraphQLError:
            return None  # execution finds the same, and says so
        operation = _operation(document, name)
        if operation is None or operation.operation is not OperationType.SUBSCRIPTION:
            return None
        match operation.selection_set.selections:
            case (FieldNode() as root,):
                return shared.get(root.name.value, "NOBODY_ELSE")
            case _:
                return "NOBODY_ELSE"

    return audience_of


def shared_fields(schema: Schema) -> dict[str, Shared]:
    """The subscriptions that say among whom they are shared, by their names in GraphQL."""
    definition = schema.get_type_by_name("Subscription")
    if not isinstance(definition, StrawberryObjectDefinition):
        return {}
    name_of = schema.config.name_converter.get_graphql_name
    return {
        name_of(field): field.metadata[SHARED]
        for field in definition.fields
        if field.metadata.get(SHARED) is not None
    }


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode | None:
    """The one that would be executed; None when that is not clear."""
    found = [
        each
        for each in document.definitions
        if isinstance(each, OperationDefinitionNode)
        and (name is None or (each.name is not None and each.name.value == name))
    ]
    return found[0] if len(found) == 1 else None
