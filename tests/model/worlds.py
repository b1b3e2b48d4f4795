"""The bounds within which everything is explored, and where a missing rule shows first."""

from typing import Final

from tests.model import payment, stock
from tests.model.search import Exploration, explore
from tests.model.world import RULES, World

# More than any of these worlds has; a larger one is cut off rather than filling the memory.
MOST_STATES: Final = 2_000_000

_ALL: Final = (
    World("plain", buyers=3, units=2),
    World("three buyers", buyers=3, faults=1, flush=True, die=True, epochs=2),
    World("echoes", units=2, faults=2, echoes=True, flush=True, epochs=2),
    World("two faults", faults=2, flush=True, die=True, repeat=True, rebuilds=2),
    World("rebuilds for no reason", recounts=True, rebuilds=2),
    World("rollback", faults=2, rollback=True, die=True, epochs=2),
    World("late money", late=2, faults=1, flush=True, epochs=2),
    World("refunds", late=1, refunds=True, write_offs=True, faults=1, flush=True, epochs=2),
    World(
        "operators", gives=1, takes=1, faults=1, flush=True, repeat=True, epochs=2, recounts=True
    ),
    World("gate down", gate_down=True, flush=True, faults=2, epochs=4),
    World("changed holds", units=2, each=2, changes=True, faults=1, flush=True, epochs=2),
    World("two deals", deals=2, faults=1, flush=True, epochs=2),
    World("payments", provider=True, late=2, faults=2, die=True),
    World("forgotten keys", provider=True, late=2, refunds=True, faults=1, forgets_early=True),
    World("purchase limit", orders=2, units=2, limit=1, faults=1, gate_down=True, epochs=2),
)

WORLDS: Final = {world.name: world for world in _ALL}

CATCHES: Final = {
    "rule-1": "operators",
    "rule-2": "operators",
    "rule-2-at-all": "two faults",
    "rule-3": "two faults",
    "rule-3-late": "late money",
    "rule-4-rank": "late money",
    "rule-4-epoch": "rebuilds for no reason",
    "rule-4-wait": "rebuilds for no reason",
    "rule-5": "operators",
    "rule-5-own": "two faults",
    "rule-6": "rebuilds for no reason",
    "rule-6-ended": "rebuilds for no reason",
    "rule-6-evict": "rollback",
    "rule-7": "payments",
    "rule-8": "payments",
    "rule-8-extra": "payments",
    "cancelled-first": "payments",
    "rule-9-refund": "forgotten keys",
    "rule-9": "late money",
    "rule-10": "refunds",
    "rule-11-more": "operators",
    "rule-11-less": "operators",
    "rule-11-epoch": "operators",
    "rule-12": "rollback",
    "limit": "purchase limit",
    "operation-id": "echoes",
}
"""The world in which leaving a rule out breaks something soonest."""

assert set(CATCHES) == set(RULES)


def search(world: World, *, most_states: int = MOST_STATES) -> Exploration:
    """Explore one world."""
    if world.provider:
        return explore(payment.subject(world), most_states=most_states)
    return explore(stock.subject(world), most_states=most_states)
