"""Bounds on documents before they are executed: reading one, and finding what is wrong with it."""

from collections.abc import Sequence
from typing import Final

from graphql import (
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    parse,
    specified_rules,
)
from strawberry.schema.schema import validate_document

from graph.rules import bounds_rule, too_complex
from kit.settings import Settings

# Storefronts send a few dozen documents. The largest allowed take about 100 MiB all together.
CACHED_DOCUMENTS: Final = 256
# Texts are long where comments and blanks are, which cost no tokens.
CACHED_CHARACTERS: Final = 4 * 1024 * 1024
# What was refused is kept apart: a flood of nonsense must not push out what storefronts send.
CACHED_REFUSALS: Final = 64


class Bounds:
    """What this deployment lets a document ask for."""

    def __init__(self, settings: Settings) -> None:
        self._most_tokens = settings.query_tokens
        self._rules: tuple[type[ASTValidationRule], ...] = (
            *specified_rules,
            bounds_rule(settings),
        )

    def parse(self, text: str) -> DocumentNode:
        """The document that a text is.

        Raises:
            GraphQLError: it is none, or one that is too long or nested too deeply.
        """
        try:
            return parse(text, max_tokens=self._most_tokens)
        except GraphQLSyntaxError as error:
            # The parser's words for both of its bounds; otherwise it names what it expected.
            if error.message.endswith("Parsing aborted."):
                raise too_complex(error.message.removeprefix("Syntax Error: ")) from None
            raise

    def errors(self, schema: GraphQLSchema, document: DocumentNode) -> Sequence[GraphQLError]:
        """What forbids executing it; a document beyond its bounds gets no other errors."""
        errors = validate_document(schema, document, self._rules)
        # The validator's word for a document that takes too long or nests fragments too deeply.
        if any(error.message == "Validation aborted." for error in errors):
            return [too_complex("This document repeats or nests too much.")]
        return [error for error in errors if error.extensions] or errors
