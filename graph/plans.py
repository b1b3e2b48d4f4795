"""What can be known of an operation before it is executed, and is worked out once."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
)
from graphql.execution.collect_fields import (
    FieldDetailsList,
    FragmentDetails,
    GroupedFieldSet,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues

from graph.calls import Call, Calls
from graph.completion import Complete, Completions, origin_of
from graph.inputs import Variables

# Storefronts send a few dozen operations, each with one or two choices. The largest plan that a
# document within its bounds can have takes some 250 KB: 64 MB all together, if somebody tries.
MOST_PLANS: Final = 256


@dataclass(frozen=True, slots=True, eq=False)
class FieldPlan:
    """One field where it was selected. `selected` is kept: plans are found by its identity.

    With `complete`, its values become answers without graphql-core. With `call`, its resolver is
    called without Strawberry's wrapping.
    """

    selected: FieldDetailsList
    type: GraphQLOutputType
    definition: GraphQLField
    nodes: list[FieldNode]
    complete: Complete | None
    call: Call | None


@dataclass(frozen=True, slots=True, eq=False)
class ObjectPlan:
    """One selection of an object: names with what they select, and how it is read, if simply."""

    selected: GroupedFieldSet
    origin: type | None
    fields: tuple[tuple[str, FieldDetailsList, str, Complete | None], ...]


class KeptPlans:
    """The plans that were used last, of all operations together.

    A document of a few kilobytes may have many operations, each with many choices.
    """

    def __init__(self, most: int = MOST_PLANS) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[Plans, tuple[object, ...]], Plan] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, plans: "Plans", choice: tuple[object, ...]) -> "Plan | None":
        """The plan of a choice, if it is kept."""
        plan = self._kept.get((plans, choice))
        if plan is not None:
            self._kept.move_to_end((plans, choice))
        return plan

    def keep(self, plans: "Plans", choice: tuple[object, ...], plan: "Plan") -> None:
        """Keep a plan, in the place of the one that was not used for longest."""
        self._kept[plans, choice] = plan
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)


class Plans:
    """Those of one operation, one for each choice that @skip and @include make."""

    def __init__(
        self,
        schema: GraphQLSchema,
        calls: Calls,
        kept: KeptPlans,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
    ) -> None:
        self.schema = schema
        self.calls = calls
        self.operation = operation
        self.variables = Variables(schema, operation.variable_definitions or ())
        self.fragment_definitions = dict(fragments)
        self.fragments = {name: FragmentDetails(each) for name, each in fragments.items()}
        self._conditions = tuple(
            dict.fromkeys(
                name
                for selection in (operation, *fragments.values())
                for name in _conditions(selection.selection_set)
            )
        )
        self._kept = kept

    def plan(self, variables: VariableValues) -> "Plan":
        """The plan for these variables."""
        choice = tuple(variables.coerced.get(name) for name in self._conditions)
        plan = self._kept.find(self, choice)
        if plan is None:
            plan = Plan(self, self._deciding(variables))
            self._kept.keep(self, choice, plan)
        return plan

    def _deciding(self, variables: VariableValues) -> VariableValues:
        """Those of them on which it depends what is selected: the rest is the request's own."""
        sources, coerced = variables
        return VariableValues(
            {name: sources[name] for name in self._conditions if name in sources},
            {name: coerced[name] for name in self._conditions if name in coerced},
        )


class Plan:
    """What is selected below each field, and how it is answered. Filled while it is executed."""

    def __init__(self, plans: Plans, variables: VariableValues) -> None:
        self._plans = plans
        self._schema = plans.schema
        self._variables = variables
        self._root: GroupedFieldSet | None = None
        self._below: dict[tuple[str, int], GroupedFieldSet] = {}
        self._fields: dict[int, FieldPlan] = {}
        self._objects: dict[int, ObjectPlan] = {}
        self._completions = Completions(plans.schema, self.below)

    def root(self, root_type: GraphQLObjectType) -> GroupedFieldSet:
        """The operation's own fields.

        Raises:
            GraphQLError, RecursionError: as graphql-core's collecting does.
        """
        if self._root is None:
            self._root = collect_fields(
                self._schema,
                self._plans.fragments,
                self._variables,
                root_type,
                self._plans.operation,
            ).grouped_field_set
        return self._root

    def below(self, kind: GraphQLObjectType, selected: FieldDetailsList) -> GroupedFieldSet:
        """What is selected of an object of this type."""
        found = self._below.get((kind.name, id(selected)))
        if found is None:
            found = collect_subfields(
                self._schema,
                self._plans.fragments,
                self._variables,
                self._plans.operation,
                kind,
                selected,
            ).grouped_field_set
            self._below[kind.name, id(selected)] = found
        return found

    def field(self, parent: GraphQLObjectType, selected: FieldDetailsList) -> FieldPlan | None:
        """The plan of a field; None for one that is not of this type."""
        plan = self._fields.get(id(selected))
        if plan is None:
            definition = self._schema.get_field(parent, selected[0].node.name.value)
            if definition is None:
                return None
            plan = FieldPlan(
                selected=selected,
                type=definition.type,
                definition=definition,
                nodes=[each.node for each in selected],
                complete=self._completions.of(definition.type, selected),
                call=self._plans.calls.of(definition, selected[0]),
            )
            self._fields[id(selected)] = plan
        return plan

    def object(self, kind: GraphQLObjectType, selected: GroupedFieldSet) -> ObjectPlan:
        """The plan of an object's selection."""
        plan = self._objects.get(id(selected))
        if plan is None:
            fields: list[tuple[str, FieldDetailsList, str, Complete | None]] = []
            for name, details in selected.items():
                attribute, complete = self._completions.read(kind, details) or ("", None)
                fields.append((name, details, attribute, complete))
            plan = ObjectPlan(selected, origin_of(kind), tuple(fields))
            self._objects[id(selected)] = plan
        return plan


def _conditions(selected: SelectionSetNode) -> Iterator[str]:
    """The variables on which it depends what is selected."""
    for node in selected.selections:
        for directive in node.directives or ():
            for argument in directive.arguments or ():
                if isinstance(argument.value, VariableNode):
                    yield argument.value.name.value
        if isinstance(node, FieldNode | InlineFragmentNode) and node.selection_set is not None:
            yield from _conditions(node.selection_set)
