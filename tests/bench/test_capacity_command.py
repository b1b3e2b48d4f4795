from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.capacity.costs import load_costs, save_costs
from bench.capacity.page import PAGE, UNSAID
from bench.summary import told_in
from runtime.__main__ import command_line
from runtime.problems import CannotStart

COSTS = Path(__file__).with_name("capacity_costs.json")
EXAMPLE = Path(__file__).with_name("capacity_example.txt")


def told(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(command_line(), ["capacity", *words], terminal_width=200)
    if isinstance(done.exception, CannotStart):
        return 2, str(done.exception)
    return done.exit_code, done.output


def test_the_example_of_the_design_document_is_told_as_it_was() -> None:
    code, page = told("--costs", str(COSTS))
    assert page == EXAMPLE.read_text()
    assert code == 0


def test_the_page_of_the_documents_shows_the_example_and_what_is_not_modelled() -> None:
    shown = told_in(PAGE.read_text())
    assert "Expected: 10,000,000 requests in 15 minutes, 11,112 a second" in shown
    assert all(sentence in shown for sentence in UNSAID)


def test_what_is_given_changes_the_plan() -> None:
    _, page = told(
        "--costs", str(COSTS), "--requests", "600", "--minutes", "1", "--surge", "3",
        "--sockets", "0", "--connections", "10", "--stock-changes", "1", "--cores", "7",
        "--reads", "0.9", "--adds", "0.08", "--orders", "0.02", "--sold-out", "0.25",
        "--deals", "3",
    )  # fmt: skip
    assert "600 requests in 1 minutes, 10 a second, 30 in a surge; 0 sockets; 6 orders" in page
    assert "cores              1 (there are 7)" in page


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--requests", "0"), "--requests"),
        (("--surge", "0.5"), "--surge"),
        (("--reads", "1.5"), "--reads"),
        (("--minutes", "0"), "--minutes"),
        (("--cores", "0"), "--cores"),
        (("--reads", "0.9"), "together 1, not 0.95"),
        (("--save", "elsewhere.json"), "--save keeps what is measured"),
        (("--adds", "0.01", "--orders", "0.04"), "more than the adds"),
    ],
)
def test_nonsense_is_refused_before_anything_is_measured(words: tuple[str, ...], why: str) -> None:
    code, said = told("--costs", str(COSTS), *words)
    assert code == 2
    assert why in said.replace("\n", " ")


def test_a_file_of_costs_that_is_none_is_named_with_what_is_wrong(tmp_path: Path) -> None:
    missing = tmp_path / "none.json"
    assert told("--costs", str(missing)) == (
        2,
        f"Cannot read {missing}: No such file or directory.",
    )
    broken = tmp_path / "broken.json"
    broken.write_text(COSTS.read_text().replace('"wal_bytes": 4000', '"wal_bytes": -1', 1))
    code, said = told("--costs", str(broken))
    assert code == 2
    assert said.startswith(f"{broken} is no file of costs at requests.placeOrder.wal_bytes: ")
    broken.write_text(COSTS.read_text().replace('"refusal"', '"checkout"', 1))
    _, said = told("--costs", str(broken))
    assert "nothing is said of refusal" in said


def test_costs_that_were_saved_are_read_back(tmp_path: Path) -> None:
    costs = load_costs(COSTS)
    save_costs(costs, tmp_path / "new" / "costs.json")
    assert load_costs(tmp_path / "new" / "costs.json") == costs
