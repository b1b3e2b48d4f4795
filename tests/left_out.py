"""Which tests need programs that this machine does not have, and how to get them."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

NODE_VERSION = 20  # of graphql-ws
GET_NODE = f"node {NODE_VERSION} or newer and npm: apt-get install nodejs npm"
GET_NGINX = "nginx on the PATH: apt-get install nginx-light"
GET_CHROMIUM = "chromium: apt-get install chromium"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The tests of a folder, with the programs that are missing for them."""

    folder: str
    missing: tuple[str, ...]

    def __str__(self) -> str:
        return f"tests/{self.folder} (no {'; no '.join(self.missing)})"


def find_left_out() -> dict[str, LeftOut]:
    """By the folder's name under tests/; empty on a machine that has everything."""
    node = () if _has_node() else (GET_NODE,)
    chromium = () if shutil.which("chromium") else (GET_CHROMIUM,)
    nginx = () if shutil.which("nginx") else (GET_NGINX,)
    needs: Mapping[str, tuple[str, ...]] = {
        "clients": node,
        "proxy": nginx,
        "browser": (*chromium, *node),
    }
    return {folder: LeftOut(folder, missing) for folder, missing in needs.items() if missing}


def needs(program: str, package: str) -> pytest.MarkDecorator:
    """For a test that runs a program: left out without it, but for CI, where it fails then."""
    missing = shutil.which(program) is None and os.environ.get("CI") != "true"
    return pytest.mark.skipif(missing, reason=f"no {program}: apt-get install {package}")


def _has_node() -> bool:
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return False
    told = subprocess.run(  # noqa: S603 - a program on PATH, asked for its version
        [node, "--version"], capture_output=True, text=True, timeout=30, check=False
    )
    version = re.match(r"v(\d+)\.", told.stdout)
    return version is not None and int(version[1]) >= NODE_VERSION
