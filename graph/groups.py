"""Groups of identical subscriptions: one execution for all of them, and the same bytes to each."""

import asyncio
from collections.abc import Hashable
from dataclasses import replace
from typing import Final

import orjson

from graph.answers import plain_answer
from graph.context import RequestFacts
from graph.documents import Audience
from graph.execution import Execution
from graph.group import Group, Member
from graph.requests import Operation

# Whoever runs an execution for everybody: nobody in particular.
_EVERYBODY: Final = RequestFacts("", None, "", None, secure=False)

_CROWDED: Final = plain_answer(
    "OVERLOADED", "Too many different subscriptions at once. Try again.", retryAfterMs=5_000
)


class Groups:
    """All groups of this process. A group is here exactly while it has members."""

    def __init__(self, execution: Execution, *, most_groups: int) -> None:
        self._execution = execution
        self._most_groups = most_groups
        self._metrics = execution.metrics
        self._open: dict[Hashable, Group] = {}

    def __len__(self) -> int:
        return len(self._open)

    def audience(self, operation: Operation) -> Audience | None:
        """Who may share the operation's results; None when it is no subscription."""
        return self._execution.prepare(operation).audience

    def join(
        self,
        member: Member,
        operation: Operation,
        audience: Audience,
        *,
        facts: RequestFacts,
        session: bytes | None,
    ) -> None:
        """Have a member told the operation's results: the present state, then what is newer.

        `session` names the session of whoever asks. It hears no more once it has left its group,
        or once the group has ended it, which may happen before this returns.
        """
        try:
            variables = orjson.dumps(operation.variables or {}, option=orjson.OPT_SORT_KEYS)
        except orjson.JSONEncodeError:
            member.end(plain_answer("BAD_USER_INPUT", "These variables nest too deeply."))
            return
        key = (operation.query, operation.name, variables, _owner(audience, session))
        group = self._open.get(key)
        if group is None and len(self._open) >= self._most_groups:
            member.end(_CROWDED)
            return
        if group is None:
            group = Group(
                self._execution,
                operation,
                _EVERYBODY if audience == "EVERYBODY" else replace(facts, request_id=""),
                on_end=lambda: self._forget(key),
            )
            self._open[key] = group
            self._metrics.groups.inc()
        group.add(member)

    async def aclose(self) -> None:
        """End all executions; members are told nothing."""
        await asyncio.gather(*(group.stop() for group in list(self._open.values())))

    def _forget(self, key: Hashable) -> None:
        if self._open.pop(key, None) is not None:
            self._metrics.groups.dec()


def _owner(audience: Audience, session: bytes | None) -> Hashable:
    """What a group's key says of its members; of one who may not share, what nobody else has."""
    if audience == "EVERYBODY":
        return None
    if audience == "SESSION" and session is not None:
        return session
    return object()
