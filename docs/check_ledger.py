"""Check the exported ledger of a deal: no server, no network, only Python 3.10 or newer.

    python3 check_ledger.py FILE [HEAD ...]

FILE is what `flashsale ledger --deal ID --out FILE` wrote: a line about the deal, then a line for
each change of its units. What is checked: no line was altered, left out, added or moved (each has
the SHA-256 of itself and names that of the line before); the numbers follow from one another; at no
time was more claimed than there was; no order was paid, or gave units back, that had not claimed
them. When the file was made (`as_of`) cannot be checked. A HEAD is a hash that you noted before
(`ledgerHead` of the sale's report): it must be in the file, or somebody has written the whole
ledger anew. Exit code 0: all is right; 1: it says what is wrong.
"""

import hashlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# What a unit adds to allotment, claimed, sold and withheld; what its order was before, and is then.
REASONS = {
    "OPENED": ((1, 0, 0, 0), "", ""),  # the deal began
    "RAISED": ((1, 0, 0, 0), "", ""),  # an operator added units
    "LOWERED": ((-1, 0, 0, 0), "", ""),  # units were taken away
    "CLAIMED": ((0, 1, 0, 0), "NEW FREED", "CLAIMED"),  # orders were placed
    "SOLD": ((0, 0, 1, 0), "CLAIMED", "SOLD"),  # an order was paid
    "FREED": ((0, -1, 0, 0), "CLAIMED", "FREED"),  # an order ended unpaid
    "RETURNED": ((0, -1, -1, 0), "SOLD", "REFUNDED"),  # refunded, its units are on sale again
    "WRITTEN_OFF": ((-1, -1, -1, 0), "SOLD", "REFUNDED"),  # refunded, its units are gone
    "WITHHELD": ((0, 0, 0, 1), "", ""),  # units were kept from sale
    "RELEASED": ((1, 0, 0, -1), "", ""),  # withheld units went on sale
    "RECONCILED": ((0, 0, 0, 0), "", ""),  # a note about a difference between stores
}
COUNTED = ("allotment", "claimed", "sold")
OPENING = "created; what is withheld has an entry"  # a ledger that begins so tells all of it
CHANGE = ("deal_id", "seq", "reason", "units", "order_ids", "actor", "note")
COVERED = (*CHANGE, *COUNTED, "at", "prev_hash")  # by the hash, in this order
HEADER = ("ledger", *COUNTED, "safety_stock", "entries", "head", "as_of")


def require(holds: object, complaint: str) -> None:
    """Go on only where this is so."""
    if not holds:
        raise ValueError(complaint)


def read(line: bytes, names: Iterable[str]) -> dict[str, Any]:
    """A line with exactly these names, and whole numbers where numbers belong."""
    pairs: list[tuple[str, Any]] = json.loads(line, object_pairs_hook=list)
    require(sorted(name for name, _ in pairs) == sorted(names), "has not the names it should have")
    for name, value in pairs:
        if name in (*COUNTED, "seq", "units", "safety_stock", "entries"):
            require(type(value) is int and value >= 0, f"{name} is not a whole number from 0")
    return dict(pairs)


class Ledger:
    """What the entries so far say of a deal."""

    def __init__(self, deal_id: str) -> None:
        self.deal_id, self.hashes, self.orders = deal_id, [""], dict[str, str]()
        self.counts, self.knows_withheld = [0, 0, 0, 0], False

    def follow(self, entry: dict[str, Any]) -> None:
        """Take the next entry."""
        text = json.dumps([entry[n] for n in COVERED], ensure_ascii=False, separators=(",", ":"))
        digest = hashlib.sha256(text.encode()).hexdigest()
        require(entry["hash"] == digest, "was altered: its hash does not fit its content")
        require(entry["prev_hash"] == self.hashes[-1], "does not follow the line before it")
        require(entry["seq"] == len(self.hashes), "has not the next seq")
        require(entry["deal_id"] == self.deal_id, "is of another deal")
        reason, units, order_ids = entry["reason"], entry["units"], entry["order_ids"]
        require(reason in REASONS, f"has the reason {reason}, which is none")
        effects, before, after = REASONS[reason]
        self.counts = [had + units * by for had, by in zip(self.counts, effects, strict=True)]
        require(self.counts[:3] == [entry[name] for name in COUNTED], "does not add up")
        allotment, claimed, sold, withheld = self.counts
        require(0 <= sold <= claimed <= allotment, "OVERSELLS: more claimed or sold than there is")
        require(withheld >= 0, "releases more than was withheld")
        self.knows_withheld |= reason == "WITHHELD" or entry["note"] == OPENING
        require(not after or 0 < len(order_ids) <= units, "has not a unit for each order")
        for order_id in order_ids if after else ():
            state = self.orders.get(order_id, "NEW")
            require(state in before.split(), f"cannot be: {order_id} was {state}")
            self.orders[order_id] = after
        self.hashes.append(digest)


def check(lines: Iterable[bytes], heads: Iterable[str]) -> str:
    """A line about a ledger that is right; of any other ValueError says which line is wrong."""
    header, ledger, number = dict[str, Any](), Ledger(""), 1
    try:
        for number, line in enumerate(lines, 1):  # noqa: B007 - what is wrong names it
            if header:
                ledger.follow(read(line, (*COVERED, "hash")))
            else:
                header = read(line, HEADER)
                ledger = Ledger(header["ledger"])
        number = 1
        held = ledger.counts[3] if ledger.knows_withheld else header["safety_stock"]
        ends = (*ledger.counts[:3], held, len(ledger.hashes) - 1, ledger.hashes[-1])
        for name, end in zip(HEADER[1:-1], ends, strict=True):
            require(header[name] == end, f"says that {name} is {header[name]}, the entries: {end}")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"line {number} {error}") from error
    for head in heads:
        require(head in ledger.hashes, f"no line has the hash {head}: this is another ledger")
    unproven = "" if ledger.knows_withheld else " (safety_stock is not in this ledger)"
    return ", ".join(f"{name} {header[name]}" for name in HEADER) + unproven


if __name__ == "__main__":
    if len(sys.argv) == 1:
        sys.exit(__doc__)
    try:
        with Path(sys.argv[1]).open("rb") as file:
            sys.stdout.write(f"RIGHT: {check(file, sys.argv[2:])}\n")
    except (ValueError, OSError) as error:
        sys.exit(f"WRONG: {error}")
