"""Breaks the product on purpose, one promise at a time: the machine has to notice each."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from inventory import holds
from orders import batch, settlement
from orders.decision import Decision, Effect, OrderFacts, PaymentFacts, decide
from orders.drafts import Draft
from runtime.resources import Resources

Mutant = Callable[[Resources, pytest.MonkeyPatch], None]


def _without_the_fence(_: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protocol rule 3: the transaction does not compare epochs."""
    refusal = batch._refusal  # noqa: SLF001 - what is broken here has no public name

    def unfenced(draft: Draft, deals: Any, left: Any, bought: Any) -> Any:
        lines = tuple(
            replace(line, epoch=deals[line.deal_id].epoch if line.epoch else None)
            for line in draft.lines
        )
        return refusal(replace(draft, lines=lines), deals, left, bought)

    monkeypatch.setattr(batch, "_refusal", unfenced)


def _without_ranks(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protocol rule 4: a message counts, whatever was applied before it."""
    _rewrite(resources, monkeypatch, "claim.rank >= rank then return 'OLD_RANK'", "false then")


def _without_run_ids(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protocol rule 12: a server that was rolled back is believed."""
    _rewrite(resources, monkeypatch, "open = field[11] == RUN_ID", "open = field[11] ~= false")


def _with_old_holds_forgotten(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protocol rule 6: a rebuild does not subtract the claims that Postgres does not know."""
    _rewrite(
        resources, monkeypatch, "claim.place == 'CLAIMED' and not known", "false and not known"
    )


def _without_operation_ids(_: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repeated script is a new one."""
    monkeypatch.setattr(holds, "token", lambda _: secrets.token_hex(6))


def _freed_before_cancelled(_: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    """Units go back on sale while an intent can still move money."""

    def hasty(order: OrderFacts, payment: PaymentFacts, now: Any) -> Decision:
        if order.status in ("EXPIRING", "CANCELLING") and not payment.captures:
            return Decision("EXPIRED", (Effect.FREE_UNITS,))
        return decide(order, payment, now)

    monkeypatch.setattr(settlement, "decide", hasty)


def _extra_captures_kept(_: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protocol rule 8: a second captured payment of a paid order is kept."""

    def greedy(order: OrderFacts, payment: PaymentFacts, now: Any) -> Decision:
        if order.status == "PAID":
            return Decision("PAID")
        return decide(order, payment, now)

    monkeypatch.setattr(settlement, "decide", greedy)


def _rewrite(resources: Resources, monkeypatch: pytest.MonkeyPatch, old: str, new: str) -> None:
    scripts = resources.stock._scripts  # noqa: SLF001 - the loaded texts have no other door
    texts = {name: text.replace(old, new) for name, text in scripts._texts.items()}  # noqa: SLF001 - as above
    assert texts != scripts._texts, "nothing was broken"  # noqa: SLF001 - as above
    monkeypatch.setattr(scripts, "_texts", texts)
    monkeypatch.setattr(scripts, "_shas", {})


MUTANTS: dict[str, Mutant] = {
    mutant.__name__.removeprefix("_"): mutant
    for mutant in (
        _without_the_fence,
        _without_ranks,
        _without_run_ids,
        _with_old_holds_forgotten,
        _without_operation_ids,
        _freed_before_cancelled,
        _extra_captures_kept,
    )
}
