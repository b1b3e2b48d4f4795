"""W6: the same requests to shops of three sizes, in turns, and what each of them cost."""

import time
from contextlib import ExitStack
from typing import Final

from bench.growth.dimensions import FACTORS, Place
from bench.growth.findings import Growth
from bench.growth.towns import CROWD, Town, Towns, open_towns
from bench.growth.turns import Asking
from bench.stage import Stage
from bench.workload import Checks, Options

# Enough for a median; a busy machine gets fewer, so that the whole stays within minutes.
_FEWEST_ROUNDS: Final = 3
_MOST_ROUNDS: Final = 7
_ROUNDS_SECONDS: Final = 140.0
_AT_ONCE: Final = 100
_CONNECT_SECONDS: Final = 120.0


def measure(stage: Stage, _options: Options, checks: Checks) -> Growth:
    """All dimensions, whatever the length of other workloads' turns."""
    found = Growth()
    with ExitStack() as stack:
        towns = stack.enter_context(open_towns(stage.folder, stage.environment, stage.tell))
        stage.tell("W6: subscribing, and warming up")
        for town in towns.all:
            for place in town.places:
                if place.dimension == "subscribers":
                    _subscribe(stack, stage, checks, town, place, towns.deals[-1])
        turns = list(_turns(towns))
        for asking in turns:
            asking.warm_up()
        began = time.monotonic()
        for number in range(_MOST_ROUNDS):
            if number >= _FEWEST_ROUNDS and time.monotonic() - began > _ROUNDS_SECONDS:
                break
            stage.tell(f"W6: round {number + 1}")
            for asking in turns if number % 2 == 0 else reversed(turns):
                costs = asking.costs_us()
                for place in asking.places:
                    found.note(place, costs)
    return found


def _turns(towns: Towns) -> list[Asking]:
    """Whom is asked in each round; one shop has the crowded deals of all three sizes."""
    others = [deal for deal in towns.deals if deal not in towns.crowded.values()]
    turns = [
        Asking(town.port, town.pids, town.places, deals=others, tokens=towns.tokens[CROWD:])
        for town in towns.all
    ]
    first = towns.all[0]
    turns += [
        Asking(
            first.port,
            first.pids,
            [Place("holds", factor)],
            deals=[towns.crowded[factor]],
            tokens=towns.tokens[:CROWD],
        )
        for factor in FACTORS
    ]
    return turns


def _subscribe(
    stack: ExitStack, stage: Stage, checks: Checks, town: Town, place: Place, deal: str
) -> None:
    """Sockets that follow a deal whose stock does not change much."""
    crowd = stack.enter_context(stage.crowd())
    answer = crowd.ask(
        "connect",
        port=town.port,
        count=place.size,
        topics=[deal],
        at_once=_AT_ONCE,
        seconds=_CONNECT_SECONDS,
    )
    connected = answer["live"]
    checks.check("W6: idle subscribed sockets", f"{connected:,}", holds=connected == place.size)
