"""W2 from the empty stores to the last check."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.assistant import Assistant
from bench.headline.findings import OPENING, Costs, Headline
from bench.headline.settling import Heard, check_all
from bench.headline.shoppers import ADD_SHARE, Facts
from bench.headline.zipf import allotments, shares
from bench.openloop.answers import Outcome
from bench.openloop.load import Load
from bench.openloop.schedule import Stretch, surge_in_the_middle
from bench.shop import Shop, open_shop
from bench.stage import Stage
from bench.workload import Checks, Options

# What the design document asks for; a run that is asked for shorter turns offers it for less.
PER_SECOND: Final = 11_112.0
SECONDS: Final = 150.0
SURGE_SECONDS: Final = 10.0
SURGE_FACTOR: Final = 2.0
# The doors open a little before: pages are looked at for the first time. Told, but no goal's.
_OPENING_SHARE: Final = 1 / 30
_OPENING_RATE: Final = 0.1
_USUAL_TURN_SECONDS: Final = 8
_HOT: Final = 20
_SEED: Final = 20_261_127
# Chance may ask for a few more adds than the mix says.
_SPARE_BUYERS: Final = 1.05
_FEWEST_SPARE: Final = 100
# The provider takes what comes: its pace is not what is measured.
_SETTINGS: Final = {
    "intents_per_second": "100000",
    # Everybody comes from one address here.
    "limit_cart_address_burst": "10000000",
    "limit_cart_address_per_second": "1000000",
    "limit_order_address_burst": "10000000",
    "limit_order_address_per_second": "1000000",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is offered, and to what."""

    per_second: float = PER_SECOND
    seconds: float = SECONDS
    surge_seconds: float = SURGE_SECONDS
    deals: int = 1_000
    processes: int = 2
    connections: int = 4_000
    most_waiting: int = 20_000

    @property
    def stretches(self) -> list[Stretch]:
        """First visitors, then the steady rate with the surge in its middle."""
        return [
            Stretch(OPENING, self.seconds * _OPENING_SHARE, self.per_second * _OPENING_RATE),
            *surge_in_the_middle(
                self.seconds,
                self.per_second,
                surge_seconds=self.surge_seconds,
                factor=SURGE_FACTOR,
            ),
        ]

    @property
    def requests(self) -> float:
        """How many are offered, but for chance."""
        return sum(stretch.seconds * stretch.per_second for stretch in self.stretches)


def measure(stage: Stage, options: Options, checks: Checks) -> Headline:
    """The whole of it: ten times shorter turns make a load that is offered for a tenth."""
    share = min(options.seconds / _USUAL_TURN_SECONDS, 1.0)
    plan = Plan(seconds=SECONDS * share, surge_seconds=SURGE_SECONDS * share)
    return offer(plan, stage.folder / "headline", stage.environment, checks, stage.tell)


def offer(
    plan: Plan,
    folder: Path,
    environment: Mapping[str, str],
    checks: Checks,
    tell: Callable[[str], None],
) -> Headline:
    """Open a shop, offer it the load, and hold the answers against the stores."""
    with (
        open_shop(
            folder, environment, processes=plan.processes, settings=_SETTINGS, tell=tell
        ) as shop,
        Assistant("bench.headline.opening", environment=shop.environment) as opening,
        Assistant("bench.headline.crowd", environment=shop.environment) as crowd,
    ):
        shop.parts["driver"] = crowd.pid
        adds = plan.requests * ADD_SHARE
        tell(f"W2: opening {plan.deals:,} deals")
        units = allotments(shares(plan.deals), round(adds), hot=_HOT)
        deals = opening.ask("open", allotments=units, hot=_HOT)["deals"]
        tokens = shop.folder / "tokens"
        buyers = round(adds * _SPARE_BUYERS) + _FEWEST_SPARE
        shop.step("Making the buyers", "seed", "--buyers", str(buyers), "--tokens", str(tokens))
        load, facts, costs = _drive(plan, shop, crowd, deals, tokens)
        heard = Heard(facts.added, facts.unknown, facts.orders, facts.unknown_orders)
        tell("W2: counting every unit and every order")
        asyncio.run(check_all(shop, opening, deals, heard, checks))
    _check_answers(load, facts, checks)
    return Headline(
        stretches=[(one.name, one.seconds, one.per_second) for one in plan.stretches],
        load=load,
        costs=costs,
        processes=plan.processes,
        connections=plan.connections,
        deals=plan.deals,
        buyers=buyers,
        sold_out=sum(added >= allotted for added, allotted in zip(facts.added, units, strict=True)),
        facts=facts,
    )


def _drive(
    plan: Plan, shop: Shop, crowd: Assistant, deals: Sequence[str], tokens: Path
) -> tuple[Load, Facts, list[Costs]]:
    stretches = plan.stretches
    crowd.ask(
        "prepare",
        port=shop.port,
        deals=deals,
        tokens=str(tokens),
        stretches=[[one.name, one.seconds, one.per_second] for one in stretches],
        connections=plan.connections,
        most_waiting=plan.most_waiting,
        seed=_SEED,
    )
    shop.tell(f"W2: {plan.requests:,.0f} requests in {plan.seconds:.0f} s")
    crowd.begin("drive")
    began = time.monotonic()
    costs: list[Costs] = []
    at, before = began, shop.cpu_seconds()
    ends = began
    for stretch in stretches:
        ends += stretch.seconds
        time.sleep(max(ends - time.monotonic(), 0))
        now, after = time.monotonic(), shop.cpu_seconds()
        used = {part: after[part] - before[part] for part in after}
        costs.append(Costs(stretch.name, now - at, used))
        at, before = now, after
    told = crowd.answer()
    facts = told["facts"]
    facts["orders"] = [(order, deal) for order, deal in facts["orders"]]
    return Load.heard(told["load"]), Facts(**facts), costs


def _check_answers(load: Load, facts: Facts, checks: Checks) -> None:
    for what, outcome in (
        ("answers that are neither an answer, a refusal nor OVERLOADED", Outcome.FAILED),
        ("connections lost", Outcome.LOST),
        ("requests without an answer in five seconds", Outcome.UNANSWERED),
    ):
        seen = load.latencies(outcomes=[outcome]).count
        checks.check(f"W2: {what}", f"{seen:,}", holds=not seen)
    checks.check(
        "W2: answers parsed and looked at whole, wrong ones",
        "; ".join(facts.wrong) or f"none of {facts.sampled:,}",
        holds=not facts.wrong,
    )
