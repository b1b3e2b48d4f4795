"""An exported ledger is checked by a script that knows nothing of us; every forgery is named."""

import asyncio
import copy
import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.ids import new_id
from orders.errors import NotFound
from orders.ledger_export import export_ledger
from runtime.resources import Resources
from tests.orders.shop import ACTOR, Shop, buyer

SCRIPT = Path(__file__).parents[2] / "docs" / "check_ledger.py"
COUNTED = ("allotment", "claimed", "sold")
CHANGE = ("deal_id", "seq", "reason", "units", "order_ids", "actor", "note")
COVERED = (*CHANGE, *COUNTED, "at", "prev_hash")

Lines = list[dict[str, Any]]
Forgery = Callable[[Lines], object]


async def exported(shop: Shop, deal_id: str) -> Lines:
    return [json.loads(line) async for line in export_ledger(shop.resources.pool, deal_id)]


async def check(folder: Path, lines: Lines | bytes, *heads: str) -> tuple[int, str]:
    """The script's exit code, and all that it prints."""
    file = folder / "ledger.jsonl"
    if isinstance(lines, bytes):
        file.write_bytes(lines)
    else:
        file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        str(SCRIPT),
        str(file),
        *heads,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await program.communicate()
    assert program.returncode is not None
    return program.returncode, printed.decode()


async def storied(shop: Shop) -> str:
    """A deal with an entry of nearly every reason, and a note that is hard to write in JSON."""
    deal_id = await shop.deal(allotment=6, withheld=5)
    restock: list[str] = []
    for _ in range(2):
        order = await shop.order(buyer(), deal_id, quantity=2)
        await shop.pay(order)
        await shop.resources.settlement.settle(order.user_id, order.id)
        restock.append(order.id)
    given_back = await shop.order(buyer(), deal_id)
    await shop.resources.cancelling.cancel(given_back.user_id, given_back.id)
    await shop.resources.safety_stock.release(deal_id, 3, actor=ACTOR)
    adjust = shop.resources.restocking.adjust_stock
    await adjust(deal_id, 2, reason='deux "boîtes" \\ 茶 \u2028 🍵 </script>', actor=ACTOR)
    await adjust(deal_id, -1, reason="dented", actor=ACTOR)
    for order_id in restock:
        await shop.resources.refunding.refund(
            order_id, restock=order_id == restock[0], reason="too cold", actor=ACTOR
        )
    await shop.work()
    await shop.order(buyer(), deal_id)
    return deal_id


@pytest.fixture(scope="module")
async def story(resources: Resources) -> Lines:
    """A ledger that is told once, for it takes seconds."""
    await resources.pool.execute("DELETE FROM pgqueuer")
    shop = Shop(resources)
    return await exported(shop, await storied(shop))


@pytest.fixture
def lines(story: Lines) -> Lines:
    return copy.deepcopy(story)


def reasons(lines: Lines) -> list[str]:
    return [line["reason"] for line in lines[1:]]


def entry(lines: Lines, reason: str) -> dict[str, Any]:
    """The first entry of a reason."""
    return next(line for line in lines[1:] if line["reason"] == reason)


def chained(lines: Lines) -> Lines:
    """As somebody would write them who knows how: numbers, hashes and header fit again."""
    head = ""
    for seq, line in enumerate(lines[1:], 1):
        line["seq"], line["prev_hash"] = seq, head
        text = json.dumps(
            [line[name] for name in COVERED], ensure_ascii=False, separators=(",", ":")
        )
        head = line["hash"] = hashlib.sha256(text.encode()).hexdigest()
    lines[0]["head"], lines[0]["entries"] = head, len(lines) - 1
    for name in COUNTED:
        lines[0][name] = lines[-1][name]
    return lines


async def test_an_exported_ledger_is_right(shop: Shop, lines: Lines, tmp_path: Path) -> None:
    assert reasons(lines) == [
        "OPENED",
        "WITHHELD",
        *["CLAIMED", "SOLD"] * 2,
        "CLAIMED",
        "FREED",
        "RELEASED",
        "RAISED",
        "LOWERED",
        "RETURNED",
        "WRITTEN_OFF",
        "CLAIMED",
    ]
    report = await shop.resources.sale_reports.of(lines[0]["ledger"])
    assert report is not None
    head = report.ledger_head
    as_of = lines[0].pop("as_of")
    assert lines[0] == {
        "ledger": report.deal_id,
        "allotment": 8,
        "claimed": 1,
        "sold": 0,
        "safety_stock": 2,
        "entries": 14,
        "head": head,
    }
    lines[0]["as_of"] = as_of
    code, printed = await check(tmp_path, lines, lines[5]["hash"], head)
    assert code == 0
    assert printed == (
        f"RIGHT: ledger {report.deal_id}, allotment 8, claimed 1, sold 0, safety_stock 2, "
        f"entries 14, head {head}, as_of {as_of}\n"
    )


async def test_an_export_goes_on_while_the_deal_is_sold(shop: Shop, tmp_path: Path) -> None:
    deal_id = await shop.deal()
    await shop.order(buyer(), deal_id)
    export = export_ledger(shop.resources.pool, deal_id)
    begun = await anext(export)
    await shop.order(buyer(), deal_id)
    whole = begun + b"".join([line async for line in export])
    assert json.loads(begun)["entries"] == 2
    assert (await check(tmp_path, whole))[0] == 0


async def test_a_ledger_without_word_of_safety_stock_says_so(shop: Shop, tmp_path: Path) -> None:
    code, printed = await check(tmp_path, await exported(shop, await shop.deal()))
    assert code == 0
    assert "safety_stock is not in this ledger" in printed


@pytest.mark.parametrize("name", [*COVERED, "hash"])
async def test_an_altered_entry_is_named(lines: Lines, tmp_path: Path, name: str) -> None:
    for odd in (7, "forged", ["ord_forged"]):
        altered: Lines = [dict(line) for line in lines]
        altered[4][name] = odd
        code, printed = await check(tmp_path, altered)
        assert code == 1
        assert printed.startswith("WRONG: line 5 ")


@pytest.mark.parametrize("name", ["ledger", *COUNTED, "safety_stock", "entries", "head"])
async def test_an_altered_header_is_named(lines: Lines, tmp_path: Path, name: str) -> None:
    for odd in (3, "forged"):
        lines[0][name] = odd
        code, printed = await check(tmp_path, lines)
        assert code == 1
        # The header's deal is compared with the one that each entry names.
        assert printed.startswith(f"WRONG: line {2 if name == 'ledger' else 1} ")


@pytest.mark.parametrize(
    ("forgery", "number"),
    [
        (lambda lines: lines.pop(), 1),  # the last entry left out
        (lambda lines: lines.pop(4), 5),  # one in the middle
        (lambda lines: lines.insert(5, lines[4]), 6),  # one twice
        (lambda lines: lines.append(dict(lines[1])), 16),  # one more
        (lambda lines: lines.insert(3, lines.pop(4)), 4),  # two in the other order
        (lambda lines: lines.pop(0), 1),  # no header
        (lambda lines: lines.clear(), 1),  # nothing at all
        (lambda lines: lines[4].update(more=1), 5),  # a name more
        (lambda lines: lines[4].pop("actor"), 5),  # a name less
        (lambda lines: lines[4].update(units=2.0), 5),  # equal, but not the same
        (lambda lines: lines[4].update(seq=True), 5),
    ],
)
async def test_entries_left_out_added_or_moved_are_named(
    lines: Lines, tmp_path: Path, forgery: Forgery, number: int
) -> None:
    forgery(lines)
    code, printed = await check(tmp_path, lines)
    assert code == 1
    assert printed.startswith(f"WRONG: line {number} ")


@pytest.mark.parametrize(
    "line", [b"", b"{", b"[1, 2]", b"5", b'"text"', b"\xff\xfe", b"null", b'{"seq": 1, "seq": 2}']
)
async def test_a_line_that_is_no_entry_is_named(lines: Lines, tmp_path: Path, line: bytes) -> None:
    texts = [json.dumps(each).encode() for each in lines]
    texts[6] = line
    code, printed = await check(tmp_path, b"\n".join(texts))
    assert code == 1
    assert printed.startswith("WRONG: line 7 ")


def more(lines: Lines, reason: str, name: str) -> None:
    """Twenty units more of a reason, counted on as if they were there."""
    line = entry(lines, reason)
    line["units"] += 20
    for later in lines[lines.index(line) :]:
        later[name] += 20


@pytest.mark.parametrize(
    ("forgery", "complaint"),
    [
        (lambda lines: more(lines, "CLAIMED", "claimed"), "line 4 OVERSELLS"),
        (lambda lines: more(lines, "RELEASED", "allotment"), "line 10 releases more"),
        (lambda lines: entry(lines, "RAISED").update(units=3), "line 11 does not add up"),
        (lambda lines: entry(lines, "SOLD").update(sold=0), "line 5 does not add up"),
        (lambda lines: entry(lines, "RAISED").update(reason="FOUND"), "line 11 has the reason"),
        (lambda lines: entry(lines, "RAISED").update(deal_id="deal_x"), "line 11 is of another"),
        (lambda lines: entry(lines, "CLAIMED").update(order_ids=["ord_x"]), "line 5 cannot be"),
        (lambda lines: entry(lines, "FREED").update(order_ids=["ord_x"]), "line 9 cannot be"),
        (lambda lines: entry(lines, "RETURNED").update(order_ids=["ord_x"]), "line 13 cannot be"),
        (lambda lines: entry(lines, "CLAIMED").update(order_ids=[]), "line 4 has not a unit"),
        (lambda lines: entry(lines, "SOLD").update(order_ids=["a", "b", "c"]), "line 5 has not"),
        (
            lambda lines: lines[6].update(order_ids=lines[4]["order_ids"]),
            "line 7 cannot be",  # paid twice
        ),
        (
            lambda lines: lines[14].update(order_ids=lines[4]["order_ids"]),
            "line 15 cannot be",  # claimed once more after it was refunded
        ),
    ],
)
async def test_a_chain_that_was_forged_anew_does_not_hang_together(
    lines: Lines, tmp_path: Path, forgery: Forgery, complaint: str
) -> None:
    forgery(lines)
    code, printed = await check(tmp_path, chained(lines))
    assert code == 1
    assert printed.startswith(f"WRONG: {complaint}")


async def test_a_chain_written_anew_has_not_the_head_that_was_noted(
    lines: Lines, tmp_path: Path
) -> None:
    noted = lines[6]["hash"]
    assert (await check(tmp_path, lines, noted))[0] == 0
    lines[2]["actor"] = "usr_somebody_else"
    code, printed = await check(tmp_path, chained(lines), noted)
    assert code == 1
    assert f"no line has the hash {noted}" in printed
    assert (await check(tmp_path, lines))[0] == 0  # why a head has to be noted


async def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-I", str(SCRIPT), str(tmp_path / "none"), stderr=asyncio.subprocess.PIPE
    )
    _, printed = await program.communicate()
    assert program.returncode == 1
    assert "No such file" in printed.decode()


@pytest.mark.parametrize("deal_id", ["", "nonsense", new_id("deal")])
async def test_there_is_no_ledger_of_nothing(shop: Shop, deal_id: str) -> None:
    with pytest.raises(NotFound):
        await anext(export_ledger(shop.resources.pool, deal_id))


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_python_writes_any_text_as_the_hash_covers_it(text: str) -> None:
    assert json.dumps([text], ensure_ascii=False, separators=(",", ":")).encode() == orjson.dumps(
        [text]
    )
