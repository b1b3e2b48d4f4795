import re

import pytest

from bench.programs import PACKAGES, find
from bench.registry import WORKLOADS, named
from bench.summary import PAGE
from runtime.problems import CannotStart


def test_workloads_are_run_in_the_order_of_a_full_run() -> None:
    assert [workload.name for workload in named(["W8", "W5"])] == ["W5", "W8"]


def test_a_name_that_there_is_not_is_told_with_those_there_are() -> None:
    with pytest.raises(LookupError, match=r"W99 is none of .*W5.*W8\."):
        named(["W5", "W99"])


def test_names_are_given_once_and_every_workload_has_its_section() -> None:
    names = [workload.name for workload in WORKLOADS]
    assert len(set(names)) == len(names)
    assert set(re.findall(r"^## (W\d): ", PAGE.read_text(), re.MULTILINE)) == set(names)


def test_it_is_known_what_to_install_for_each_program() -> None:
    for workload in WORKLOADS:
        assert set(workload.needs) | set(workload.peers_need) <= set(PACKAGES)


def test_a_missing_program_is_said_in_one_line_that_names_the_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bench.programs.shutil.which", lambda *_, **__: None)
    with pytest.raises(CannotStart, match=r"needs nginx, .* install nginx-light") as told:
        find("nginx")
    assert "\n" not in str(told.value)
