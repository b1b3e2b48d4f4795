"""Without a browser or node the tests say what they leave out; CI leaves nothing out."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NODE = "Left out: tests/clients (no node 20 or newer and npm: apt-get install nodejs npm)"
PROXY = "Left out: tests/proxy (no nginx on the PATH: apt-get install nginx-light)"
BROWSER = (
    "Left out: tests/browser (no chromium: apt-get install chromium;"
    " no node 20 or newer and npm: apt-get install nodejs npm)"
)


def collect(path: str, *, ci: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603 - pytest on our own tests
        [
            *(sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"),
            *("tests/clients", "tests/browser", "tests/kit/test_money.py"),
        ],
        cwd=ROOT,
        env={**os.environ, "PATH": path, "CI": ci},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_what_is_missing_is_said_and_the_rest_is_tested(tmp_path: Path) -> None:
    told = collect(str(tmp_path), ci="")
    assert told.returncode == 0, told.stdout + told.stderr
    lines = told.stdout.splitlines()
    assert [line for line in lines if line.startswith("Left out")] == [NODE, PROXY, BROWSER]
    assert any("test_money" in line for line in lines)
    assert not any("tests/clients/" in line or "tests/browser/" in line for line in lines)


def test_ci_fails_where_something_is_missing(tmp_path: Path) -> None:
    told = collect(str(tmp_path), ci="true")
    assert told.returncode == pytest.ExitCode.USAGE_ERROR
    assert NODE in told.stderr
    assert PROXY in told.stderr
    assert BROWSER in told.stderr


def test_an_old_node_is_as_good_as_none(tmp_path: Path) -> None:
    for name, told in (("node", "v18.20.4"), ("npm", "10.2.4"), ("chromium", ""), ("nginx", "")):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\necho {told}\n", encoding="utf-8")
        program.chmod(0o755)
    lines = collect(str(tmp_path), ci="").stdout.splitlines()
    only_node = BROWSER.replace("no chromium: apt-get install chromium; ", "")
    assert [line for line in lines if line.startswith("Left out")] == [NODE, only_node]
