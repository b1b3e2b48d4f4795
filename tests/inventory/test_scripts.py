"""The Lua files keep to their own headers, and to the house's bounds."""

import re
from pathlib import Path

import pytest
from redis.asyncio import Redis

import admission
import inventory
import orders
from inventory.keys import DealKeys
from inventory.scripts import Call, Scripts, read_texts

FOLDERS = [Path(str(package.__file__)).parent / "lua" for package in (inventory, orders, admission)]
# What admission has of its own answers in other shapes.
OPERATIONS = [path for folder in FOLDERS[:2] for path in sorted(folder.glob("*.lua"))]
SHARED = [path for folder in FOLDERS for path in sorted((folder / "shared").glob("*.lua"))]

SLOT = re.compile(r"\b(KEYS|ARGV)\[(\d+)\]")
DECLARED = re.compile(r"^-- (KEYS|ARGV)\[(\d+)\] (\w+) +(\S.*)$")
TYPES = {
    "KEYS": {"hash", "zset", "string"},
    "ARGV": {"integer", "number", "string", "JSON"},
}
# Words stand behind one of these; some are of shared functions.
ANSWER = re.compile(r"(?:answer\(|told\(|refused = |return )(.*)$", re.MULTILINE)
OF_OTHERS = ("why_not", "look_at_cart", "change_hold")
WORD = re.compile(r"\b[A-Z_]{3,}\b")


def split(text: str) -> tuple[list[str], str]:
    """The lines of the header and the body."""
    lines = text.splitlines()
    first = next(at for at, line in enumerate(lines[1:], 1) if not line.startswith("--"))
    return lines[:first], "\n".join(lines[first:])


def shared_function(name: str) -> str:
    text = "".join(path.read_text() for path in SHARED)
    (found,) = re.findall(rf"^local function {name}\(.*?^end$", text, re.MULTILINE | re.DOTALL)
    return str(found)


def by_name(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", OPERATIONS, ids=by_name)
def test_a_header_names_the_purpose_and_what_is_returned(path: Path) -> None:
    header, _ = split(path.read_text())

    assert re.fullmatch(r"#!lua(?: flags=(?:no-writes|allow-oom|no-cluster))?", header[0])
    assert re.match(r"-- [A-Z].+", header[1])
    assert any(line.startswith("-- Returns ") for line in header)


@pytest.mark.parametrize("path", OPERATIONS, ids=by_name)
def test_a_header_declares_exactly_the_slots_that_the_body_uses(path: Path) -> None:
    header, body = split(path.read_text())
    declared = [match.groups() for line in header if (match := DECLARED.match(line))]
    slots = [(kind, int(number)) for kind, number, _, _ in declared]
    used = {(kind, int(number)) for kind, number in SLOT.findall(body)}
    if "unpack(KEYS)" in body:
        used |= {slot for slot in slots if slot[0] == "KEYS"}

    assert set(slots) == used
    for kind in ("KEYS", "ARGV"):
        numbers = [number for of, number in slots if of == kind]
        assert numbers == list(range(1, len(numbers) + 1))
    for kind, _, type_, _ in declared:
        assert type_ in TYPES[kind]


@pytest.mark.parametrize("path", OPERATIONS, ids=by_name)
def test_a_header_lists_exactly_the_words_that_the_body_answers(path: Path) -> None:
    header, body = split(path.read_text())
    returns = next(at for at, line in enumerate(header) if line.startswith("-- Returns "))
    listed = {word for line in header[returns:] for word in WORD.findall(line)}
    for name in OF_OTHERS:
        if f"{name}(" in body:
            body += shared_function(name)
    answered = {
        word
        for rest in ANSWER.findall(body)
        for quoted in re.findall(r"'([^']*)'", rest)
        for word in WORD.findall(quoted)
    }

    assert listed == answered


@pytest.mark.parametrize("path", OPERATIONS, ids=by_name)
def test_a_header_asks_for_the_shared_parts_that_the_body_uses(path: Path) -> None:
    header, body = split(path.read_text())
    asked = next((line for line in header if line.startswith("-- with: ")), "-- with: ")
    parts = [part for part in asked.removeprefix("-- with: ").split(", ") if part]
    offered = {
        part.stem: set(re.findall(r"^local (?:function )?(\w+)", part.read_text(), re.MULTILINE))
        for part in SHARED
    }
    text = body + "".join(path.read_text() for path in SHARED if path.stem in parts)

    for part, names in offered.items():
        uses = any(re.search(rf"(?<![\w.'])({name})\b(?!')", body) for name in names)
        assert not uses or part in parts
        if part in parts:
            assert any(re.search(rf"\b{name}\b", text) for name in names)


@pytest.mark.parametrize("path", [*OPERATIONS, *SHARED], ids=by_name)
def test_a_file_has_at_most_sixty_lines_of_a_hundred_characters(path: Path) -> None:
    lines = path.read_text().splitlines()

    assert len(lines) <= 60
    assert max(len(line) for line in lines) <= 100


@pytest.mark.parametrize("path", SHARED, ids=by_name)
def test_shared_parts_get_their_keys_handed_in(path: Path) -> None:
    assert not SLOT.search(path.read_text())


@pytest.mark.parametrize("path", OPERATIONS, ids=by_name)
def test_a_script_that_says_it_writes_nothing_has_no_write(path: Path) -> None:
    header, body = split(path.read_text())
    writes = re.search(
        r"'(HSET|HSETNX|HDEL|HINCRBY|ZADD|ZREM|DEL|SET|PEXPIRE)'|write_|count\(|lapse|change_hold"
        r"|note_deal|take_note_back|drop_key",
        body,
    )

    assert ("no-writes" in header[0]) == (writes is None)


def test_the_shebang_is_the_first_line_of_what_is_loaded() -> None:
    for text in read_texts().values():
        assert text.startswith("#!lua")
        assert text.count("#!lua") == 1


def test_all_keys_of_a_deal_share_one_hash_tag() -> None:
    keys = DealKeys("deal_1").all

    assert len(set(keys)) == 6
    assert {key.partition("}")[0] for key in keys} == {"{deal:deal_1"}


async def test_scripts_of_many_deals_answer_in_order(redis: Redis) -> None:
    calls = [Call("read", (DealKeys(f"deal_{number}").stock,)) for number in range(3)]

    answers = await Scripts(redis).run_all(calls)

    assert [answer[0] for answer in answers] == ["MISSING"] * 3
