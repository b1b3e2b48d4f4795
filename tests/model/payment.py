"""The model of one order's payments: the provider, and whoever settles (rules 7 to 9)."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from tests.model.search import Step, Subject
from tests.model.settling import Decision, Facts, decide
from tests.model.state import put
from tests.model.world import World

MOST_INTENTS: Final = 2
_ENDED: Final = ("EXPIRED", "CANCELLED", "REFUNDED")


class Intent(NamedTuple):
    money: str  # OPEN | CAPTURED | CANCELLED | REFUNDED, as the provider knows it
    known: int  # written down in Postgres
    event: int  # the provider still has to tell of its capture


class Settler(NamedTuple):
    """One run of `settle`. `stage` is what it does next; `facts` are what it was told."""

    stage: str  # ASK | APPLY | OPEN | LIST | CANCEL | TAKEN | REFUSED | SENT
    facts: Facts
    listed: int
    event: int  # number of the intent whose event it handles, from 1


class Payment(NamedTuple):
    status: str
    paid_by: int  # number of the intent, from 1
    intents: tuple[Intent, ...]
    key: int  # the intent that the provider remembers under the order's key
    request: int  # the API's request to open an intent is on its way
    settlers: tuple[Settler, ...]
    refunds: tuple[int, ...]  # staged jobs
    operator: int  # may refund the order
    faults: int


FREED_TOO_EARLY: Final = "units are freed while an intent can still move money"
NOTHING: Final = Facts("", 0, 0, (), 0)


def subject(world: World) -> Subject[Payment]:
    start = Payment("PENDING_PAYMENT", 0, (), 0, 1, (), (), int(world.refunds), world.faults)
    return Subject(
        start=start,
        steps=lambda state: list(_steps(state, world)),
        broken=broken,
        canonical=lambda state: state._replace(settlers=tuple(sorted(state.settlers))),
    )


def _steps(state: Payment, world: World) -> Iterator[Step[Payment]]:
    yield from _provider(state, world)
    yield from _clients(state, world)
    for which, settler in enumerate(state.settlers):
        yield from _settle(state, world, which, settler)
        if world.die and state.faults:
            yield Step("settle dies", _end(_fewer(state), which))
    for intent in state.refunds:
        sent = _set(state, intent, money="REFUNDED", event=0)
        left = tuple(other for other in state.refunds if other != intent)
        yield from _begin(sent._replace(refunds=left), world, f"intent {intent} is refunded", 0)


def _provider(state: Payment, world: World) -> Iterator[Step[Payment]]:
    for number, intent in enumerate(state.intents, start=1):
        if intent.money == "OPEN":
            captured = _set(state, number, money="CAPTURED", event=1)
            yield Step(f"intent {number} is paid", captured)
    # A key is remembered for a day, and hardly a request is on its way for so long.
    if state.faults and state.key and (world.forgets_early or not _may_create(state)):
        yield Step("the provider forgets the key", _fewer(state)._replace(key=0))


def _may_create(state: Payment) -> bool:
    """Whether a request is on its way that the provider's memory of the key has to meet."""
    return bool(state.request) or any(
        settler.stage == "OPEN" or (settler.stage == "APPLY" and not settler.facts.known)
        for settler in state.settlers
    )


def _clients(state: Payment, world: World) -> Iterator[Step[Payment]]:
    if state.request:
        yield from _create(state._replace(request=0), "the API", known=1)
    if state.status == "PENDING_PAYMENT":
        for status in ("EXPIRING", "CANCELLING"):
            yield Step(f"the order is {status}", state._replace(status=status))
    if state.status == "PAID" and state.operator:
        pending = state._replace(status="REFUND_PENDING", operator=0)
        yield Step("the operator refunds the order", pending)
    for number, intent in enumerate(state.intents, start=1):
        if intent.event:
            yield from _begin(state, world, f"the event of intent {number} is handled", number)
    if state.status not in (*_ENDED, "PAID") and not state.settlers:
        yield from _begin(state, world, "the order is polled", 0)


def _begin(state: Payment, world: World, label: str, event: int) -> Iterator[Step[Payment]]:
    if len(state.settlers) < world.late:
        begun = Settler("ASK", NOTHING, 0, event)
        yield Step(label, state._replace(settlers=(*state.settlers, begun)))
    elif not event:
        yield Step(label, state)


def _create(state: Payment, who: str, *, known: int) -> Iterator[Step[Payment]]:
    """Open an intent with the order's key: the one that the key led to before, if remembered."""
    if state.key:
        known_now = max(known, state.intents[state.key - 1].known)
        yield Step(f"{who} finds intent {state.key}", _set(state, state.key, known=known_now))
        return
    if len(state.intents) == MOST_INTENTS:
        return
    number = len(state.intents) + 1
    opened = state._replace(intents=(*state.intents, Intent("OPEN", 0, 0)), key=number)
    yield Step(f"{who} opens intent {number}", _set(opened, number, known=known))
    if state.faults:
        yield Step(f"{who} opens intent {number}, and its answer is lost", _fewer(opened))


def _settle(state: Payment, world: World, which: int, settler: Settler) -> Iterator[Step[Payment]]:
    match settler.stage:
        case "ASK":
            yield Step("settle asks the provider", _ask(state, which, settler))
        case "APPLY" | "TAKEN" | "REFUSED" | "SENT":
            yield from _apply(state, world, which, settler)
        case "OPEN":
            ended = _end(state, which)
            yield from _create(ended, "settle", known=1)
        case "LIST":
            yield from _list(state, world, which, settler)
        case _:
            closed = state
            for number in settler.facts.captures:  # those that the list showed as open
                if closed.intents[number - 1].money == "OPEN":
                    closed = _set(closed, number, money="CANCELLED")
            again = settler._replace(stage="ASK", facts=NOTHING, listed=1)
            yield Step("settle cancels what is open", _put(closed, which, again))


def _ask(state: Payment, which: int, settler: Settler) -> Payment:
    if settler.event:
        state = _set(state, settler.event, known=1)
    known = [n for n, intent in enumerate(state.intents, start=1) if intent.known]
    facts = Facts(
        status=state.status,
        known=len(known),
        open=sum(state.intents[n - 1].money == "OPEN" for n in known),
        captures=tuple(n for n in known if state.intents[n - 1].money == "CAPTURED"),
        paid_by=state.paid_by,
    )
    return _put(state, which, settler._replace(stage="APPLY", facts=facts))


def _apply(state: Payment, world: World, which: int, settler: Settler) -> Iterator[Step[Payment]]:
    """Decide, and for late money ask the gates first (rule 9)."""
    units = settler.stage if settler.stage != "APPLY" else "UNTRIED"
    decision = decide(settler.facts, world, units=units, listed=settler.listed)
    if decision.reclaims:
        for answer in ("TAKEN", "REFUSED"):
            asked = settler._replace(stage=answer)
            yield Step(f"the units for late money are {answer}", _put(state, which, asked))
    elif settler.stage == "REFUSED" and not world.keeps("rule-9-refund"):
        sent = _put(state, which, settler._replace(stage="SENT"))
        for number in decision.refunds:
            sent = _set(sent, number, money="REFUNDED", event=0)
        yield Step("settle sends the refund", sent)
    else:
        yield _write(state, world, which, decision)


def _write(state: Payment, world: World, which: int, decision: Decision) -> Step[Payment]:
    """Write a decision on condition that the order is what it was; the provider is asked next."""
    settler = state.settlers[which]
    moves = decision.status != settler.facts.status
    again = settler._replace(stage="ASK", facts=NOTHING)
    if moves and state.status != settler.facts.status:
        return Step("settle finds the order moved", _put(state, which, again))
    told = ""
    if moves and decision.status in _ENDED and any(i.money == "OPEN" for i in state.intents):
        told = "" if world.forgets_early else FREED_TOO_EARLY
    if moves:
        paid_by = decision.paid_by or state.paid_by
        state = state._replace(status=decision.status, paid_by=paid_by)
    state = state._replace(refunds=tuple(sorted({*state.refunds, *decision.refunds})))
    if decision.opens or decision.cancels:
        again = again._replace(stage="OPEN" if decision.opens else "LIST")
    elif not moves:
        done = _set(state, settler.event, event=0) if settler.event else state
        return Step(f"settle leaves the order {decision.status}", _end(done, which))
    return Step(f"settle decides {decision.status}", _put(state, which, again), told)


def _list(state: Payment, world: World, which: int, settler: Settler) -> Iterator[Step[Payment]]:
    """Know every intent before the first is cancelled (rules 7 and 8)."""
    opened: list[Payment] = [state]
    if world.keeps("rule-7") and not any(intent.known for intent in state.intents):
        opened = [s.state for s in _create(state, "settle", known=1)]
    for after in opened:
        listed = after
        if world.keeps("rule-8"):
            intents = tuple(intent._replace(known=1) for intent in after.intents)
            listed = after._replace(intents=intents)
        to_cancel = tuple(
            n
            for n, intent in enumerate(listed.intents, start=1)
            if intent.known and intent.money == "OPEN" and n != listed.paid_by
        )
        next_stage = settler._replace(stage="CANCEL", facts=NOTHING._replace(captures=to_cancel))
        yield Step("settle reads the provider's list", _put(listed, which, next_stage))


def broken(state: Payment) -> str:
    captured = [n for n, i in enumerate(state.intents, start=1) if i.money == "CAPTURED"]
    if state.status == "PAID" and state.intents[state.paid_by - 1].money == "REFUNDED":
        return "an order is paid and refunded"
    waits = state.settlers or state.refunds or state.request
    if waits or any(intent.event for intent in state.intents):
        return ""
    if state.status == "PAID" and captured != [state.paid_by]:
        return "a paid order has taken money twice"
    if state.status in _ENDED and captured:
        return "money was taken for an order that has ended"
    return ""


def _set(state: Payment, number: int, **changes: str | int) -> Payment:
    intent = state.intents[number - 1]._replace(**changes)  # type: ignore[arg-type]
    return state._replace(intents=put(state.intents, number - 1, intent))


def _put(state: Payment, which: int, settler: Settler) -> Payment:
    return state._replace(settlers=put(state.settlers, which, settler))


def _end(state: Payment, which: int) -> Payment:
    left = (*state.settlers[:which], *state.settlers[which + 1 :])
    return state._replace(settlers=left)


def _fewer(state: Payment) -> Payment:
    return state._replace(faults=state.faults - 1)
