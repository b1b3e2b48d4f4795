"""Whoever writes a ledger anew, hashes and all, is told by what does not hang together."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.orders.ledgers import COUNTED, COVERED, Forgery, Lines, check


def entry(lines: Lines, reason: str) -> dict[str, Any]:
    """The first entry of a reason."""
    return next(line for line in lines[1:] if line["reason"] == reason)


def digest(line: dict[str, Any]) -> str:
    text = json.dumps([line[name] for name in COVERED], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def chained(lines: Lines) -> Lines:
    """As somebody would write them who knows how: numbers, hashes and header fit again."""
    head = ""
    for seq, line in enumerate(lines[1:], 1):
        line["seq"], line["prev_hash"] = seq, head
        head = line["hash"] = digest(line)
    lines[0]["head"], lines[0]["entries"] = head, len(lines) - 1
    for name in COUNTED:
        lines[0][name] = lines[-1][name]
    return lines


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


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"prev_hash": "0" * 64}, "does not follow the line before it"),
        ({"seq": 16}, "has not the next seq"),
        ({"units": True}, "units is not a whole number from 0"),
        ({"units": 1.0}, "units is not a whole number from 0"),
        ({"units": -1}, "units is not a whole number from 0"),
    ],
)
async def test_a_last_entry_with_a_hash_of_its_own_has_to_follow(
    lines: Lines, tmp_path: Path, change: dict[str, Any], complaint: str
) -> None:
    lines[-1].update(change)
    lines[0]["head"] = lines[-1]["hash"] = digest(lines[-1])
    code, printed = await check(tmp_path, lines)
    assert (code, printed) == (1, f"WRONG: line 15 {complaint}\n")


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
