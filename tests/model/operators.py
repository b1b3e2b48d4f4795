"""What operators do to the stock of the first deal (rule 11)."""

from collections.abc import Iterator

from tests.model.edits import is_open, with_deal, with_gate
from tests.model.search import Step
from tests.model.state import Deal, State
from tests.model.world import World


def operating(state: State, world: World) -> Iterator[Step[State]]:
    if state.desk.gives:
        yield from _give(state, world)
    if state.desk.giving:
        yield from _tell_gate(state, world)
    if state.desk.takes:
        yield from _take(state, world)
    if state.desk.taking:
        yield from _record(state, world)


def _give(state: State, world: World) -> Iterator[Step[State]]:
    row = state.deals[0]
    desk = state.desk._replace(gives=0, giving=row.epoch)
    if world.keeps("rule-11-more"):
        more = row._replace(allotment=row.allotment + 1, raised=1)
        yield Step("the operator adds a unit", with_deal(state._replace(desk=desk), 0, more))
    elif is_open(state, 0, world):
        after = _adjust_gate(state._replace(desk=desk), 1)
        yield Step("the operator adds a unit at the gate", after)


def _adjust_gate(state: State, units: int) -> State:
    gate = state.deals[0].gate
    gate = gate._replace(allotment=gate.allotment + units, available=gate.available + units)
    return with_gate(state, 0, gate._replace(raised=1) if units > 0 else gate)


def _tell_gate(state: State, world: World) -> Iterator[Step[State]]:
    """The job "units were added", which may come at any time and more than once."""
    row, desk = state.deals[0], state.desk
    done = state._replace(desk=desk._replace(giving=0))
    if not world.keeps("rule-11-more"):
        more = row._replace(allotment=row.allotment + 1, raised=1)
        yield Step("Postgres hears of the unit", with_deal(done, 0, more))
        return
    if not is_open(state, 0, world) or row.gate.epoch < desk.giving:
        return
    label = "the gate hears of the unit"
    if row.gate.epoch > desk.giving or row.gate.raised:
        yield Step(f"{label}: it is counted", done)
        return
    yield Step(label, _adjust_gate(done, 1))
    if world.repeat and state.faults:
        again = _adjust_gate(state._replace(faults=state.faults - 1), 1)
        yield Step(f"{label}, and will again", again)


def _take(state: State, world: World) -> Iterator[Step[State]]:
    row, desk = state.deals[0], state.desk
    if not world.keeps("rule-11-less"):
        if row.allotment > row.claimed:
            less = row._replace(allotment=row.allotment - 1)
            after = with_deal(
                state._replace(desk=desk._replace(takes=0, taking=row.epoch)), 0, less
            )
            yield Step("the operator takes a unit in Postgres", after)
        return
    if is_open(state, 0, world) and row.gate.available > 0:
        begun = state._replace(desk=desk._replace(takes=0, taking=row.gate.epoch))
        yield Step("the operator takes a unit at the gate", _lower_gate(begun, 1))


def _lower_gate(state: State, units: int) -> State:
    gate = state.deals[0].gate
    return with_gate(
        state,
        0,
        gate._replace(allotment=gate.allotment - units, available=gate.available - units),
    )


def _record(state: State, world: World) -> Iterator[Step[State]]:
    """Postgres takes it under the same epoch; otherwise the gate gets it back, if it lost it."""
    row, desk = state.deals[0], state.desk
    done = state._replace(desk=desk._replace(taking=0))
    open_gate = is_open(state, 0, world)
    if not world.keeps("rule-11-less"):
        if open_gate and row.gate.available > 0:
            yield Step("the gate hears that a unit is gone", _lower_gate(done, 1))
        return
    if desk.taking < 0:
        same = open_gate and row.gate.epoch == -desk.taking
        yield Step("the gate gets the unit back", _lower_gate(done, -1) if same else done)
        return
    if _may_record(row, desk.taking, world):
        less = row._replace(allotment=row.allotment - 1)
        yield Step("Postgres takes the unit", with_deal(done, 0, less))
    else:
        undo = state._replace(desk=desk._replace(taking=-desk.taking))
        yield Step("Postgres does not take the unit", undo)


def _may_record(row: Deal, epoch: int, world: World) -> bool:
    same = row.epoch == epoch or not world.keeps("rule-11-epoch")
    return same and row.allotment > row.claimed
