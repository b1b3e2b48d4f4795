"""Groups over the small schema without any transport, and members that note what they are told."""

from dataclasses import dataclass, field
from typing import Any, cast

import orjson

from auth.sessions import hash_token
from graph.answers import Answer
from graph.context import Context, RequestFacts
from graph.execution import Execution
from graph.group import Group, Payload
from graph.groups import Groups
from graph.metrics import Metrics
from graph.requests import Operation
from tests.graph.edge import edge_settings, until
from tests.graph.fakes import Fakes
from tests.graph.small_schema import small_schema

MOST_GROUPS = 40

STATE = Operation("subscription { state { version padding } }", None, None)
CART = Operation("subscription { cartChanged { key version } }", None, None)


class Ear:
    """A member that takes everything."""

    def __init__(self) -> None:
        self.group: Group | None = None
        self.payloads: list[Payload] = []
        self.ends: list[Answer | None] = []

    def take(self, payload: Payload) -> bool:
        self.payloads.append(payload)
        return True

    def end(self, refused: Answer | None) -> None:
        self.ends.append(refused)

    @property
    def versions(self) -> list[int]:
        return [next(iter(data.values()))["version"] for data in self.told]

    @property
    def told(self) -> list[dict[str, Any]]:
        return [orjson.loads(payload.body)["data"] for payload in self.payloads]

    def leave(self) -> None:
        assert self.group is not None
        self.group.remove(self)


@dataclass
class Hall:
    """Groups of a schema, and what its fields have instead of stores."""

    groups: Groups
    fakes: Fakes
    metrics: Metrics
    contexts: list[Context] = field(default_factory=list)

    def join(self, operation: Operation = STATE, *, token: str | None = None) -> Ear:
        ear = Ear()
        audience = self.groups.audience(operation)
        assert audience is not None, "it is no subscription"
        facts = RequestFacts("req_1", token, "192.0.2.1", None, secure=False)
        session = None if token is None else hash_token(token)
        self.groups.join(ear, operation, audience, facts=facts, session=session)
        return ear

    @property
    def executions(self) -> float:
        return self.metrics.registry.get_sample_value("flashsale_live_executions_total") or 0


def open_hall() -> Hall:
    settings = edge_settings()
    schema, metrics, fakes = small_schema(settings), Metrics(), Fakes()
    contexts: list[Context] = []

    def make_context(request: RequestFacts) -> Context:
        resources = cast("Any", fakes)
        loaders = cast("Any", object())
        context = Context(
            resources=resources, hub=cast("Any", None), loaders=loaders, request=request
        )
        contexts.append(context)
        return context

    execution = Execution(schema, make_context, metrics)
    return Hall(Groups(execution, most_groups=MOST_GROUPS), fakes, metrics, contexts)


async def told(ear: Ear, *versions: int) -> None:
    await until(lambda: len(ear.payloads) >= len(versions))
    assert ear.versions == list(versions)
