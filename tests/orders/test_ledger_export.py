"""An exported ledger is checked by a script that knows nothing of us; every alteration is named."""

import asyncio
import json
import sys
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.ids import new_id
from orders import dealdesk
from orders.errors import NotFound
from orders.ledger_export import export_ledger
from tests.orders.ledgers import COUNTED, COVERED, SCRIPT, Forgery, Lines, check, exported
from tests.orders.shop import Shop, buyer


def reasons(lines: Lines) -> list[str]:
    return [line["reason"] for line in lines[1:]]


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


async def test_safety_stock_from_nowhere_is_named(shop: Shop, tmp_path: Path) -> None:
    ledger = await exported(shop, await shop.deal())
    assert (await check(tmp_path, ledger))[0] == 0
    ledger[0]["safety_stock"] = 9
    code, printed = await check(tmp_path, ledger)
    assert code == 1
    assert printed.startswith("WRONG: line 1 ")


async def test_an_older_ledger_says_that_it_knows_nothing_of_safety_stock(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dealdesk, "OPENING_NOTE", "created")
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
