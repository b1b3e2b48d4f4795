"""The launcher's patches fit the present code, each of them, and do what they say."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from graphql import build_schema, parse, validate
from redis.asyncio import Redis
from starlette.background import BackgroundTask
from starlette.responses import Response

import graph.switchboard
import orders.batch
import orders.writer
import payments.events
from graph import webhooks
from inventory import scripts
from kit.clock import Clock
from kit.money import Money
from orders.decision import OrderFacts, PaymentFacts, decide
from tests.faults import catalogue, sockets
from tests.faults.crash_points import LABELS, POINTS, Trap, read_pauses, watch
from tests.faults.environment import ROOT
from tests.faults.launch import harm, move_clock
from tests.faults.mutants import MUTANTS, Mutant, apply, edited
from tests.faults.rewriting import DoesNotApply, Rewrite, exchange, find, rewrite


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_mutant_fits_the_present_code(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    before = [find(change.where)[2] for change in mutant.rewrites]
    texts = scripts.read_texts()
    apply(mutant, put=monkeypatch.setattr)
    after = [find(change.where)[2] for change in mutant.rewrites]
    assert all(new is not old for new, old in zip(after, before, strict=True))
    changed = {name for name, text in scripts.read_texts().items() if text != texts[name]}
    assert bool(changed) == bool(mutant.scripts)
    assert mutant.rewrites or mutant.scripts


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_mutant_has_a_scenario_that_looks_for_it(mutant: Mutant) -> None:
    scenario = catalogue.scenario(mutant.scenario)
    assert scenario.verdict is not None
    slow = "I14: healed at 23.0 s; the next order was placed not at all later"
    assert mutant.noticed([slow, "HARNESS: only 3 replies were lost"]) == []


async def test_scripts_of_mutants_compile(redis: Redis) -> None:
    for mutant in MUTANTS.values():
        for text in edited(mutant).values():
            await redis.script_load(text)


def test_freed_before_cancel_frees_while_money_can_move(monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.now(UTC)
    order = OrderFacts(
        status="EXPIRING", total=Money(1_990, "USD"), payment_due_at=now, paid_by=None
    )
    payment = PaymentFacts(known=1, open=1, captures=())
    assert decide(order, payment, now).status == "EXPIRING"
    apply(MUTANTS["freed-before-cancel"], put=monkeypatch.setattr)
    assert decide(order, payment, now).status == "EXPIRED"


def test_a_function_that_was_imported_by_name_is_replaced_there_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    apply(MUTANTS["inbox-without-unique-index"], put=monkeypatch.setattr)
    assert vars(webhooks)["receive"] is payments.events.receive
    changed = "<payments.events:receive, changed>"
    assert payments.events.receive.__code__.co_filename == changed


@pytest.mark.parametrize(
    ("where", "old"),
    [
        ("orders.batch:_refusal_that_was_renamed", "return None"),
        ("orders.gone:decide", "return None"),
        ("orders.writer:OrderQueue.submit", "return None"),
        ("orders.batch:_refusal", "words that are not there"),
        ("orders.batch:_refusal", "return"),
    ],
)
def test_change_that_does_not_fit_is_refused(
    where: str, old: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = orders.batch._refusal  # noqa: SLF001 - what is patched is private
    with pytest.raises(DoesNotApply):
        rewrite(Rewrite(where, ((old, ""),)), put=monkeypatch.setattr)
    assert orders.batch._refusal is before  # noqa: SLF001 - the same


def test_words_are_exchanged_where_they_stand_once() -> None:
    assert exchange("a b c", "b", "x", of="text") == "a x c"
    with pytest.raises(DoesNotApply, match="has 2 times"):
        exchange("a b b", "b", "x", of="text")


def test_every_point_fits_the_present_code(monkeypatch: pytest.MonkeyPatch) -> None:
    watch(Trap(None, {}), serves=True, put=monkeypatch.setattr)
    watched = vars(orders.batch)["place_batch"]
    assert watched.__wrapped__ is not None
    assert vars(orders.writer)["place_batch"] is watched


class _Log(Trap):
    """Notes where a program was instead of killing it."""

    __slots__ = ("seen",)

    def __init__(self, seen: list[str]) -> None:
        super().__init__(None, {})
        self.seen = seen

    async def passed(self, label: str) -> None:
        self.seen.append(label)


async def test_a_point_reports_before_and_after_what_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[str] = []
    watch(_Log(seen), serves=True, put=monkeypatch.setattr)

    class Quiet:
        _server = None

    await find("notifications.mail:Mailer.send")[2](
        Quiet(), type("Mail", (), {"subject": "", "text": ""}), name="", address="", fact=""
    )
    assert seen == ["notification-sent:before", "notification-sent:after"]


async def test_an_event_is_answered_between_its_two_moments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[str] = []

    async def receive(_self: Any, _request: Any) -> Response:
        return Response()

    monkeypatch.setattr(webhooks.PaymentWebhook, "receive", receive)
    watch(_Log(seen), serves=True, put=monkeypatch.setattr)
    response = await webhooks.PaymentWebhook.receive(None, None)  # type: ignore[arg-type]
    assert seen == ["event-answer:before"]
    assert isinstance(response.background, BackgroundTask)
    await response.background()
    assert seen == ["event-answer:before", "event-answer:after"]


async def test_a_pause_keeps_a_program_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("asyncio.sleep", sleep)
    trap = Trap(None, read_pauses("claim:after:0.25,hold:before:1"))
    for label in ("hold:after", "claim:after", "hold:before"):
        await trap.passed(label)
    assert slept == [0.25, 1.0]
    with pytest.raises(DoesNotApply):
        read_pauses("no-such-point:before:1")


_DYING = """
import asyncio, sys
from pathlib import Path
from tests.faults import catalogue, sockets
from tests.faults.crash_points import Trap

async def work():
    trap = Trap(Path(sys.argv[1]), {})
    for step in range(5):
        await trap.passed("hold:before")
        await trap.passed("hold:after")
        print(step, flush=True)

asyncio.run(work())
"""


def _run(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def test_one_program_dies_at_the_pass_it_was_told(tmp_path: Path) -> None:
    order = tmp_path / "crash"
    order.write_text("hold:after:3")
    died = _run("-c", _DYING, str(order))
    assert died.returncode == -signal.SIGKILL
    assert died.stdout.split() == ["0", "1"]
    assert int((tmp_path / "crash.fired").read_text()) > 0
    assert not order.exists()
    lives = _run("-c", _DYING, str(order))
    assert (lives.returncode, lives.stdout.split()) == (0, ["0", "1", "2", "3", "4"])


def test_clock_follows_its_file_while_the_program_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "clock"
    move_clock(file, put=monkeypatch.setattr)
    hour = timedelta(hours=1)
    assert abs(Clock().now() - datetime.now(UTC)) < hour / 2
    file.write_text("3600")
    assert abs(Clock().now() - datetime.now(UTC) - hour) < hour / 2
    assert abs(time.time() - datetime.now(UTC).timestamp() - 3_600) < 1_800
    file.write_text("-3600")
    assert abs(Clock().now() - datetime.now(UTC) + hour) < hour / 2


def test_readers_are_given_less_time(monkeypatch: pytest.MonkeyPatch) -> None:
    harm(["serve"], {"FAULTS_DRAIN": "4"}, put=monkeypatch.setattr)
    assert vars(graph.switchboard)["Pace"]().drain_within == 4.0
    monkeypatch.undo()
    assert vars(graph.switchboard)["Pace"]().drain_within == 30.0


_REBORN = """
import os, signal, sys
from pathlib import Path
from tests.faults.environment import ROOT
from tests.faults.launch import be_reborn

lives = Path(sys.argv[1])
be_reborn(["no-such-command"])
with lives.open("a") as book:
    book.write(f"{os.getpid()}\\n")
if len(lives.read_text().split()) < 3:
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit(7)
"""


def test_a_killed_program_goes_on_as_another_until_it_ends_by_itself(tmp_path: Path) -> None:
    ended = _run("-c", _REBORN, str(tmp_path / "lives"))
    assert ended.returncode == 7, ended.stderr
    assert len(set((tmp_path / "lives").read_text().split())) == 3


def test_launched_program_is_the_product_with_the_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("-m", "tests.faults.launch", "schema")
    harmed = _run(
        *words, FAULTS_MUTANT="fence-removed,no-operation-id", FAULTS_CRASH=str(tmp_path / "crash")
    )
    assert harmed.returncode == 0, harmed.stderr
    assert "type Mutation" in harmed.stdout
    with pytest.raises(KeyError):
        harm(["schema"], {"FAULTS_MUTANT": "no-such-mutant"}, put=monkeypatch.setattr)


def test_documents_of_the_sockets_fit_the_schema() -> None:
    schema = build_schema((ROOT / "schema.graphql").read_text())
    for document in (sockets.STOCK, sockets.LONG_ANSWER):
        assert validate(schema, parse(document)) == []
    assert len(json.dumps({"query": sockets.LONG_ANSWER})) < 65_000


def test_points_are_named_before_and_after() -> None:
    assert len(LABELS) == 2 * len(POINTS)
    assert "order-commit:before" in LABELS
