"""`flashsale serve` with a registry of trusted documents that is of no use."""

import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


def reserved_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_trusted_document_of_no_use_is_named(
    run_command: Run, store_environment: dict[str, str], tmp_path: Path, processes: str
) -> None:
    (tmp_path / "a.graphql").write_text("{ nothing }", encoding="utf-8")
    environment = {**store_environment, "FLASHSALE_TRUSTED_DOCUMENTS": str(tmp_path)}
    words = ("serve", "--processes", processes, "--port", str(reserved_port()))
    result = run_command(*words, environment=environment)
    assert result.returncode == 2
    # Before it stands what authlib says, whenever it is loaded, of a package it is going to need.
    (line,) = (each for each in result.stderr.splitlines() if each.startswith("flashsale: "))
    assert line == (
        f"flashsale: FLASHSALE_TRUSTED_DOCUMENTS: {tmp_path / 'a.graphql'}:"
        " Cannot query field 'nothing' on type 'Query'."
    )
