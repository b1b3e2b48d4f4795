"""One group: its execution, its members, and the newest that was told of each thing."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from graph.answers import Answer
from graph.context import Event, RequestFacts
from graph.execution import Execution
from graph.requests import Operation

# The newest payloads that a group keeps, to compare what joins later with.
MOST_KEPT: Final = 256
# Who joins within so long of others waits for them: a storm of joiners must not execute one by one.
GATHER_SECONDS: Final = 0.025
# Others have their turn after so many members: some milliseconds.
AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Payload:
    """One result in the bytes that every member gets, and its place among the group's results."""

    key: str
    order: tuple[int, ...]
    body: bytes
    number: int = 0


class Member(Protocol):
    """Somebody who is told a group's results."""

    group: "Group | None"

    def take(self, payload: Payload) -> bool:
        """Have a payload; False when it was put aside. Must not wait."""

    def end(self, refused: Answer | None) -> None:
        """Nothing more comes: the results ended, or were refused."""


class Group:
    """Lives from its first member to its last, or until its results end.

    Of one key no member is ever told an older state than it knows. Whoever joins once the first
    result is out gets the present state from an execution of its own, which all share who joined
    meanwhile, and counts until then as arriving.
    """

    def __init__(
        self,
        execution: Execution,
        operation: Operation,
        facts: RequestFacts,
        *,
        on_end: Callable[[], None],
    ) -> None:
        self._execution = execution
        self._operation = operation
        self._facts = facts
        self._on_end = on_end
        self._members: dict[Member, None] = {}
        self._waiting: dict[Member, None] = {}  # until the next snapshot is read
        self._arriving: dict[Member, None] = {}  # for the snapshot that is being read
        self._newest: dict[str, Payload] = {}
        # Who was told a newer state of a key than the group by its snapshot, and which.
        self._ahead: dict[str, dict[Member, tuple[int, ...]]] = {}
        self._told = 0
        self._waiting_since = 0
        self._ended = False
        self._snapshot: asyncio.Task[None] | None = None
        self._task = asyncio.create_task(self._run())

    def add(self, member: Member) -> None:
        """Tell this member, too."""
        member.group = self
        if self._told == 0:
            self._members[member] = None
            return
        if not self._waiting:
            self._waiting_since = self._told
        self._waiting[member] = None
        if self._snapshot is None:
            self._snapshot = asyncio.create_task(self._welcome())

    def remove(self, member: Member) -> None:
        """Tell this member no more; without members the execution ends."""
        member.group = None
        self._members.pop(member, None)
        self._waiting.pop(member, None)
        self._arriving.pop(member, None)
        for ahead in self._ahead.values():
            ahead.pop(member, None)
        if not (self._members or self._waiting or self._arriving):
            self._end(None)

    async def stop(self) -> None:
        """End the execution, and wait until it has."""
        self._end(None, tell=False)
        tasks = [task for task in (self._task, self._snapshot) if task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        refused = None
        results = self._execution.run(self._operation, self._facts)
        with self._failing_for_all():
            async with contextlib.aclosing(results):
                async for answer, event in results:
                    self._execution.metrics.live_executions.inc()
                    if not answer.executed:
                        refused = answer
                        break
                    await self._tell(answer.to_json(), event)
                    if self._ended:  # the last member has left, while it was told
                        return
        self._end(refused)

    @contextlib.contextmanager
    def _failing_for_all(self) -> Iterator[None]:
        """A mistake of ours ends the group: nobody follows on who will hear nothing more."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - logged and masked
            self._end(self._execution.refusal(error))

    async def _tell(self, body: bytes, event: Event | None) -> None:
        """Give a result to all members, unless they know as much already."""
        payload = self._number(body, event)
        if payload is None:
            return
        ahead = self._catch_up(payload)
        for members in _portions(self._members):
            sent = 0
            for member in members:
                if member.group is self and (ahead is None or member not in ahead):
                    sent += member.take(payload)
            self._execution.metrics.payloads.inc(sent)
            if len(members) == AT_ONCE:
                await asyncio.sleep(0)

    def _number(self, body: bytes, event: Event | None) -> Payload | None:
        """The payload of a result; None when something newer was told about the same, or this."""
        number = self._told + 1
        if event is None:  # about nothing in particular: none takes the place of another
            self._told = number
            return Payload(str(number), (number,), body, number)
        newest = self._newest.get(event.key)
        if newest is not None and event.order <= newest.order:
            return None
        known = newest is not None and newest.body == body
        # Who is ahead may know another state: what they were told was perhaps read earlier.
        if newest is not None and known and not event.repeats and event.key not in self._ahead:
            self._newest[event.key] = replace(newest, order=event.order)
            return None
        self._told = number
        payload = Payload(event.key, event.order, body, number)
        self._newest.pop(event.key, None)
        self._newest[event.key] = payload
        if len(self._newest) > MOST_KEPT:
            del self._newest[next(iter(self._newest))]
        return payload

    def _catch_up(self, payload: Payload) -> dict[Member, tuple[int, ...]] | None:
        """Who knows as much as this payload says; who knows no more than it is no longer ahead."""
        ahead = self._ahead.pop(payload.key, None)
        if ahead is None:
            return None
        further = {member: order for member, order in ahead.items() if order > payload.order}
        if further:
            self._ahead[payload.key] = further
        return {member: order for member, order in ahead.items() if order >= payload.order}

    async def _welcome(self) -> None:
        """Give those who joined the present state, with one execution for all of them."""
        with self._failing_for_all():
            while self._waiting:
                since = self._waiting_since
                self._arriving, self._waiting = self._waiting, {}
                present_state = await self._read_present()
                for members in _portions(self._arriving):
                    self._admit(members, present_state, since)
                    if len(members) == AT_ONCE:
                        await asyncio.sleep(0)
                await asyncio.sleep(GATHER_SECONDS)
        self._snapshot = None

    async def _read_present(self) -> dict[str, Payload]:
        """The present state of each key; if it is refused, those who asked for it are."""
        present_state: dict[str, Payload] = {}
        run = self._execution.run(self._operation, self._facts, present_only=True)
        async with contextlib.aclosing(run):
            async for answer, event in run:
                self._execution.metrics.live_executions.inc()
                if not answer.executed:
                    self._turn_away(answer)
                    break
                if event is not None:
                    body = answer.to_json()
                    present_state[event.key] = Payload(event.key, event.order, body)
        return present_state

    def _admit(
        self, members: Sequence[Member], present_state: dict[str, Payload], since: int
    ) -> None:
        """From here on they are told what all are told.

        What was told of a key since the first of them joined takes the place of what was read,
        where it is newer; what was told of other keys since then is told them, too.
        """
        known = {key: told for key, told in self._newest.items() if told.number > since}
        for key, read in present_state.items():
            told = self._newest.get(key)
            known[key] = told if told is not None and told.order >= read.order else read
        sent = 0
        for member in members:
            if self._arriving.pop(member, self) is self:
                continue  # it has left meanwhile
            self._members[member] = None
            for payload in known.values():
                if payload.number == 0:
                    self._ahead.setdefault(payload.key, {})[member] = payload.order
                sent += member.take(payload)
        self._execution.metrics.payloads.inc(sent)

    def _turn_away(self, refused: Answer) -> None:
        for member in list(self._arriving):
            self.remove(member)
            member.end(refused)

    def _end(self, refused: Answer | None, *, tell: bool = True) -> None:
        if self._ended:
            return
        self._ended = True
        self._on_end()
        leaving = [*self._members, *self._waiting, *self._arriving]
        for members in (self._members, self._waiting, self._arriving, self._ahead, self._newest):
            members.clear()
        for task in (self._task, self._snapshot):
            if task is not None and task is not asyncio.current_task():
                task.cancel()
        for member in leaving:
            member.group = None
            if tell:
                member.end(refused)


def _portions(members: dict[Member, None]) -> list[list[Member]]:
    """As they are now, so many at once that others need not wait long."""
    everybody = list(members)
    return [everybody[start : start + AT_ONCE] for start in range(0, len(everybody), AT_ONCE)]
