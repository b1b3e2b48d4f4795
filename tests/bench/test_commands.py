import pytest

from bench.ceiling import words_in
from bench.commands import Commands


def test_only_what_was_called_since_counts_and_not_what_asked_for_it() -> None:
    before = Commands({"evalsha": 10, "hget": 5, "info": 1})
    seen = Commands({"evalsha": 30, "eval": 1, "hget": 5, "get": 2, "info": 2}).since(before)
    assert seen == Commands({"evalsha": 20, "eval": 1, "get": 2})
    assert (seen.all, seen.scripts) == (23, 21)


def test_commands_are_told_for_each_request_the_most_frequent_first() -> None:
    seen = Commands({"get": 25, "evalsha": 100})
    assert seen.told(100) == "evalsha 1.00, get 0.25"
    assert seen.told(1_000, digits=3) == "evalsha 0.100, get 0.025"
    assert seen.told(0) == "evalsha 100.00, get 25.00"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            '+17.5 [0 127.0.0.1:5] "EVALSHA" "ab" "1" "{deal:1}:x"',
            ["EVALSHA", "ab", "1", "{deal:1}:x"],
        ),
        (r'+17.5 [0 lua] "set" "a \"b\" \\ \x00\xff\r\n" ""', ["set", 'a "b" \\ \x00\xff\r\n', ""]),
        ("+OK", []),
    ],
)
def test_words_of_the_monitor_are_what_was_sent(line: str, words: list[str]) -> None:
    assert words_in(line) == words
