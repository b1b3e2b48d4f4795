"""The product with one safeguard taken out: each mutant must be caught by a scenario."""

import asyncio
import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import asyncpg

from inventory import scripts
from tests.faults.rewriting import DoesNotApply, Rewrite, Setter, exchange, replace, rewrite
from tests.faults.scenario import Run, Scenario
from tests.faults.suspicions import (
    Suspicion,
    drift_was_found,
    freed_before_cancelled,
    gate_forgot_claims,
    sold_out_with_frozen_units,
)


@dataclass(frozen=True, slots=True)
class LuaEdit:
    """Exchange words in a script, or in a part that several scripts share."""

    part: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change that makes the product wrong, and the run that must notice it."""

    name: str
    wrong: str
    scenario: str
    caught_by: str
    """A pattern in the violation by which it must be noticed; being slow is not enough."""
    seed: int = 1
    rewrites: tuple[Rewrite, ...] = ()
    scripts: tuple[LuaEdit, ...] = ()
    statements: tuple[str, ...] = ()  # of SQL, before the program starts; may be repeated
    launch: Mapping[str, str] = field(default_factory=dict)  # further FAULTS_ variables of its run
    suspicions: tuple[Suspicion, ...] = ()

    def noticed(self, violations: Sequence[str]) -> list[str]:
        """The violations that are this mutant's own."""
        return [line for line in violations if re.search(self.caught_by, line)]


_HOLDS: Final = "holds"

MUTANTS: Final = {
    mutant.name: mutant
    for mutant in (
        Mutant(
            "fence-removed",
            "an order commits under whatever epoch the deal has by then (protocol rule 3)",
            scenario="redis-amnesia",
            caught_by="FORGOTTEN|DRIFT|SOLD_OUT|I1:|I6:",
            # Between the claim and the order there is time to lose a gate and to rebuild it.
            launch={"FAULTS_PAUSE": "claim:after:1.5"},
            suspicions=(gate_forgot_claims, drift_was_found, sold_out_with_frozen_units),
            rewrites=(
                Rewrite("orders.batch:_refusal", (("elif deal.epoch != line.epoch:", "elif 0:"),)),
            ),
        ),
        Mutant(
            "freed-before-cancel",
            "an order is over, and its units are free, while its intent can still move money",
            scenario="expiry-versus-payment",
            caught_by="FREED|charges",
            launch={"FAULTS_PAUSE": "cancel-sent:before:2.5"},
            suspicions=(freed_before_cancelled,),
            rewrites=(
                Rewrite(
                    "orders.decision:_closing",
                    (("if payment.open or not payment.known or not payment.listed:", "if 0:"),),
                ),
            ),
        ),
        Mutant(
            "no-operation-id",
            "the gate remembers no operations: a repeat runs again",
            scenario="reply-eater",
            caught_by="I13: .* holds",
            scripts=(
                LuaEdit(
                    "change",
                    "  local mark = mark_of(hold, operation)\n  if mark then return told(mark) end",
                    "  local mark",
                ),
            ),
        ),
        Mutant(
            "random-provider-key",
            "each attempt to open an order's intent has another idempotency key (rule 7)",
            scenario="provider-timeout-after-commit",
            caught_by="has [0-9]+ intents",
            rewrites=(
                Rewrite(
                    "payments.stripe_gateway:StripeGateway.open_intent",
                    (
                        (
                            'f"flashsale-intent-{request.order_id}"',
                            "__import__('uuid').uuid4().hex",
                        ),
                    ),
                ),
            ),
        ),
        Mutant(
            "inbox-without-unique-index",
            "an event that comes five times is received and handled five times",
            scenario="webhook-storm",
            caught_by="I9: .* came in",
            rewrites=(
                Rewrite("payments.events:receive", ((" ON CONFLICT (event_id) DO NOTHING", ""),)),
            ),
            statements=("ALTER TABLE inbox DROP CONSTRAINT IF EXISTS inbox_pkey",),
        ),
        Mutant(
            "holds-by-ttl",
            "holds vanish by a key's TTL, and nobody counts their units back",
            scenario="redis-pause",
            caught_by="DRIFT|I6:|I7:",
            suspicions=(drift_was_found,),
            scripts=(
                LuaEdit(_HOLDS, "if #buyers == 0 then return end", "if true then return end"),
                LuaEdit(
                    _HOLDS,
                    "hold.deadline, hold.checkout, hold.operations))",
                    "hold.deadline, hold.checkout, hold.operations))\n"
                    "  redis.call('PEXPIREAT', holds, hold.deadline)",
                ),
            ),
        ),
        Mutant(
            "duplicate-effects",
            "a transition is made whether or not somebody else has made it meanwhile",
            scenario="webhook-storm",
            caught_by="I1:|I12:",
            # Whoever settles the same order meanwhile has read what it was before.
            launch={"FAULTS_PAUSE": "transition:before:0.7"},
            rewrites=(
                Rewrite(
                    "orders.transition:move",
                    ((" AND status = $3 RETURNING true", " AND $3 <> '' RETURNING true"),),
                ),
            ),
        ),
    )
}


def suspecting(scenario: Scenario) -> Scenario:
    """The scenario, with what its mutants are suspected of looked for in every run of it."""
    found = [one for one in MUTANTS.values() if one.scenario == scenario.name]
    suspicions = dict.fromkeys(each for mutant in found for each in mutant.suspicions)

    async def verdict(run: Run) -> list[str]:
        lines = [] if scenario.verdict is None else await scenario.verdict(run)
        for suspicion in suspicions:
            lines += await suspicion(run)
        return lines

    return dataclasses.replace(scenario, verdict=verdict) if suspicions else scenario


def apply(mutant: Mutant, *, put: Setter = setattr) -> None:
    """Make the program that runs here this mutant.

    Raises:
        DoesNotApply: the present code is not what the mutant was written for.
    """
    for change in mutant.rewrites:
        rewrite(change, put=put)
    if mutant.scripts:
        edited(mutant)
        read = scripts.read_texts

        def changed_texts(*folder: Path, **parts: Any) -> dict[str, str]:
            return _edit(mutant, read(*folder, **parts))

        replace("inventory.scripts:read_texts", changed_texts, put=put)


def edited(mutant: Mutant) -> dict[str, str]:
    """All scripts of inventory as the mutant has them.

    Raises:
        DoesNotApply: an edit fits no script, or not exactly once.
    """
    texts = scripts.read_texts()
    for edit in mutant.scripts:
        if not any(edit.part in (name, *_parts(text)) for name, text in texts.items()):
            raise DoesNotApply(f"there is no {edit.part}.lua")
    return _edit(mutant, texts)


def _edit(mutant: Mutant, texts: dict[str, str]) -> dict[str, str]:
    for edit in mutant.scripts:
        for name in [name for name in texts if edit.part in (name, *_parts(texts[name]))]:
            texts[name] = exchange(texts[name], edit.old, edit.new, of=f"{name}.lua")
    return texts


async def prepare(mutant: Mutant, database_url: str) -> None:
    """Run the mutant's statements."""
    connection = await asyncpg.connect(database_url)
    try:
        for statement in mutant.statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def run_statements(mutant: Mutant, database_url: str) -> None:
    """Run the mutant's statements from a program that has no event loop yet."""
    if mutant.statements:
        asyncio.run(prepare(mutant, database_url))


def _parts(text: str) -> list[str]:
    """The shared parts that a script asks for."""
    wanted = next((line for line in text.splitlines() if line.startswith("-- with: ")), "")
    return wanted.removeprefix("-- with: ").split(", ")
