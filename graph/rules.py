"""What one document may ask for, as a validation rule: bounds that need no variables."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    Node,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    ValidationContext,
    ValidationRule,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

from kit.settings import Settings
from orders.paging import MAX_PAGE

# Lists that are not pages (lines of an order, attributes of a product) are short.
ASSUMED_LIST: Final = 5
# What tools ask of a schema goes about this deep: a type within lists within an argument's type.
INTROSPECTION_LEVELS: Final = 16
# Each of these costs a password hash or a transaction; a document is no way around their limits.
ONCE_A_DOCUMENT: Final = frozenset({"login", "register", "checkout", "placeOrder"})


def too_complex(message: str, node: Node | None = None) -> GraphQLError:
    """The error that refuses a document before anything of it is executed."""
    return GraphQLError(message, node, extensions={"code": "QUERY_TOO_COMPLEX"})


def bounds_rule(settings: Settings) -> type[ASTValidationRule]:
    """The rule for a deployment's bounds.

    Make it once and keep it: validation is cached by document and by the rules' identity.
    """

    class Bounds(_Bounds):
        limits = settings

    return Bounds


class _Bounds(ValidationRule):
    """Counts what each operation would do. Fragments count where they are spread."""

    limits: Settings

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self._aliases = 0

    def enter_document(self, document: DocumentNode, *_: object) -> None:
        for definition in document.definitions:
            if isinstance(definition, OperationDefinitionNode):
                self._check_size(definition)
                self._check_repeats(definition)

    def enter_field(self, field: FieldNode, *_: object) -> None:
        self._check_directives(field)
        if field.alias is not None:
            self._aliases += 1
            if self._aliases == self.limits.query_aliases + 1:
                message = f"At most {self.limits.query_aliases} aliases in a document."
                self.report_error(too_complex(message, field))

    def enter_operation_definition(self, operation: OperationDefinitionNode, *_: object) -> None:
        self._check_directives(operation)

    def enter_inline_fragment(self, fragment: InlineFragmentNode, *_: object) -> None:
        self._check_directives(fragment)

    def enter_fragment_spread(self, spread: FragmentSpreadNode, *_: object) -> None:
        self._check_directives(spread)

    def _check_directives(
        self, node: FieldNode | OperationDefinitionNode | InlineFragmentNode | FragmentSpreadNode
    ) -> None:
        if len(node.directives or ()) > self.limits.query_directives:
            message = f"At most {self.limits.query_directives} directives in one place."
            self.report_error(too_complex(message, node))

    def _check_size(self, operation: OperationDefinitionNode) -> None:
        root = self.context.schema.get_root_type(operation.operation)
        try:
            size = _Measure(self.context).of(operation.selection_set, root)
        except _FragmentCycle:
            self.report_error(too_complex("A fragment must not spread itself.", operation))
            return
        if size.depth > self.limits.query_depth:
            message = f"At most {self.limits.query_depth} levels; these are {size.depth}."
            self.report_error(too_complex(message, operation))
        if size.cost > self.limits.query_cost:
            message = (
                f"At most {self.limits.query_cost} fields may be answered; these could be "
                f"{size.cost}. Ask for smaller pages."
            )
            self.report_error(too_complex(message, operation))

    def _check_repeats(self, operation: OperationDefinitionNode) -> None:
        if operation.operation is not OperationType.MUTATION:
            return
        seen: set[str] = set()
        for field in self._root_fields(operation.selection_set, set()):
            name = field.name.value
            if name in ONCE_A_DOCUMENT and name in seen:
                self.report_error(too_complex(f"Only one {name} at a time.", field))
                return
            seen.add(name)

    def _root_fields(self, selected: SelectionSetNode, spread: set[str]) -> Iterator[FieldNode]:
        """The fields of an operation itself, also those that fragments bring in, each once."""
        for node in selected.selections:
            match node:
                case FieldNode():
                    yield node
                case InlineFragmentNode():
                    yield from self._root_fields(node.selection_set, spread)
                case FragmentSpreadNode() if node.name.value not in spread:
                    spread.add(node.name.value)
                    fragment = self.context.get_fragment(node.name.value)
                    if fragment is not None:
                        yield from self._root_fields(fragment.selection_set, spread)


class _FragmentCycle(Exception):
    """A fragment spreads itself, perhaps through others."""


@dataclass(frozen=True, slots=True)
class _Size:
    """How deep a selection goes, and how many fields answering it could take."""

    depth: int
    cost: int


class _Measure:
    """Measures selections; each fragment once, however often it is spread."""

    def __init__(self, context: ValidationContext) -> None:
        self._schema: GraphQLSchema = context.schema
        self._fragment_named = context.get_fragment
        self._known: dict[tuple[str, bool], _Size] = {}
        self._open: set[str] = set()

    def of(
        self, selected: SelectionSetNode, parent: GraphQLNamedType | None, *, paged: bool = False
    ) -> _Size:
        """The size of a selection on `parent`, directly below a page when `paged`.

        Recurses once for each level; the parser refuses documents that are nested too deeply.
        """
        depth = cost = 0
        for node in selected.selections:
            match node:
                case FieldNode():
                    size = self._of_field(node, parent, paged=paged)
                case InlineFragmentNode():
                    size = self.of(node.selection_set, self._narrowed(node, parent), paged=paged)
                case FragmentSpreadNode():
                    size = self._of_fragment(node.name.value, paged=paged)
                case _:
                    raise AssertionError(f"not a selection: {node.kind}")
            depth = max(depth, size.depth)
            cost += size.cost
        return _Size(depth, cost)

    def _of_field(self, node: FieldNode, parent: GraphQLNamedType | None, *, paged: bool) -> _Size:
        if node.selection_set is None:
            return _Size(1, 1)
        field = self._definition(node, parent)
        if field is None:  # another rule says so; what is below cannot be known
            return _Size(1, 1)
        is_page = "first" in field.args
        below = self.of(node.selection_set, get_named_type(field.type), paged=is_page)
        times = 1
        if is_page:
            times = _page_size(node, field)
        elif is_list_type(get_nullable_type(field.type)) and not paged:
            times = ASSUMED_LIST
        depth = below.depth
        if node.name.value.startswith("__"):
            depth = max(0, depth - INTROSPECTION_LEVELS)
        return _Size(1 + depth, 1 + times * below.cost)

    def _of_fragment(self, name: str, *, paged: bool) -> _Size:
        known = self._known.get((name, paged))
        if known is not None:
            return known
        if name in self._open:
            raise _FragmentCycle
        fragment = self._fragment_named(name)
        if fragment is None:
            return _Size(0, 0)
        self._open.add(name)
        size = self.of(fragment.selection_set, self._narrowed(fragment, None), paged=paged)
        self._open.remove(name)
        self._known[name, paged] = size
        return size

    def _narrowed(
        self,
        fragment: InlineFragmentNode | FragmentDefinitionNode,
        parent: GraphQLNamedType | None,
    ) -> GraphQLNamedType | None:
        if fragment.type_condition is None:
            return parent
        return self._schema.get_type(fragment.type_condition.name.value)

    def _definition(self, node: FieldNode, parent: GraphQLNamedType | None) -> GraphQLField | None:
        if isinstance(parent, GraphQLObjectType):
            return self._schema.get_field(parent, node.name.value)
        fields: dict[str, GraphQLField] = getattr(parent, "fields", {})
        return fields.get(node.name.value)


def _page_size(node: FieldNode, field: GraphQLField) -> int:
    """How many things a page may hold: a variable may ask for the largest."""
    given = next((each.value for each in node.arguments or () if each.name.value == "first"), None)
    if given is None:
        default = field.args["first"].default_value
        return default if isinstance(default, int) else MAX_PAGE
    if isinstance(given, IntValueNode):
        # What is larger than a page can be is refused by the field itself.
        return min(max(int(given.value), 1), MAX_PAGE)
    return MAX_PAGE
