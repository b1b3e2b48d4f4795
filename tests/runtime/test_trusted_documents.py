"""`flashsale serve` with a registry of trusted documents that is of no use."""

import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.runtime.test_command_line import only_line

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
    environment = {
        **store_environment,
        "FLASHSALE_TRUSTED_DOCUMENTS": str(tmp_path),
        "PYTHONWARNINGS": "ignore",  # authlib's, of a package that it is going to need
    }
    words = ("serve", "--processes", processes, "--port", str(reserved_port()))
    line = only_line(run_command(*words, environment=environment))
    assert str(tmp_path / "a.graphql") in line
    assert "Cannot query field 'nothing'" in line
