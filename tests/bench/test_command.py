from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.contenders import require_node
from runtime.__main__ import command_line
from runtime.problems import CannotStart


def test_a_missing_node_is_said_in_one_line_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = CliRunner().invoke(command_line(), ["bench", "W8", "--results", str(tmp_path / "new")])
    assert isinstance(done.exception, CannotStart)
    assert str(done.exception) == (
        "The peers need node, which is not installed: install Node.js 20 or later,"
        " or measure without them (--no-peers)."
    )
    assert not (tmp_path / "new").exists()


def test_a_missing_npm_is_named_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    node = tmp_path / "node"
    node.write_text("#!/bin/sh\n")
    node.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotStart, match="The peers need npm, which is not installed"):
        require_node()


def test_a_workload_that_does_not_exist_is_refused_by_name() -> None:
    done = CliRunner().invoke(command_line(), ["bench", "W99"])
    assert done.exit_code == 2
    assert "W99 is none of" in done.output


def test_more_sockets_than_files_may_be_open_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bench.run.allow_files", lambda: 1_100)
    done = CliRunner().invoke(command_line(), ["bench", "--no-peers", "--sockets", "1000"])
    assert isinstance(done.exception, CannotStart)
    assert "1100 files open, which is too few for 1000 sockets" in str(done.exception)
