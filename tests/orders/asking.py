"""What a test asks Redis for, command by command."""

from collections.abc import Sequence
from typing import Any

import pytest

from kit.redis_client import LineRedis


def record(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The names of the commands of each asking from now on; announcements are left out."""
    askings: list[list[str]] = []
    ask_line = LineRedis.ask_line

    async def ask(self: LineRedis, commands: Sequence[Sequence[Any]]) -> list[Any]:
        names = [str(command[0]) for command in commands]
        if names != ["PUBLISH"]:
            askings.append(names)
        return await ask_line(self, commands)

    monkeypatch.setattr(LineRedis, "ask_line", ask)
    return askings
