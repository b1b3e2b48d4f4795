"""Loads the Lua scripts into Redis and runs them, one by one or many in one round trip."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError, ResponseError

from kit.lua import assemble

FOLDER = Path(__file__).parent / "lua"
_RUN_ID = "@RUN_ID@"
# A server that restarts between two answers is caught by asking twice; three times is an outage.
_MOST_LOADS = 3
# How a script fails at keys of another type, or at fields that no script wrote. All that is not
# listed, as a full or a read-only server, says nothing about what the keys hold.
_OF_CONTENT = re.compile(
    r"WRONGTYPE "
    r"|user_script:\d+: (?:attempt to |bad argument #)"
    r"|hash value is not an integer"
    r"|value is not an integer or out of range"
    r"|value is not a valid float"
    r"|increment or decrement would overflow"
    r"|Lua redis lib command arguments must be strings or integers"
)


@dataclass(frozen=True, slots=True)
class Call:
    """One run of a script: its name, its keys, of one hash tag on a cluster, and its arguments."""

    script: str
    keys: Sequence[str]
    arguments: Sequence[str | int | bytes] = ()


class Scripts:
    """The scripts of inventory/lua on one Redis, or those that are given.

    Each loaded text carries the run id of the server it was loaded into. A restarted or failed-over
    server does not know the scripts, so its new run id is asked for before it runs one, and every
    gate that an earlier life wrote answers as stale (protocol rule 12).
    """

    def __init__(self, redis: Redis, texts: Mapping[str, str] | None = None) -> None:
        self._redis = redis
        self._texts = read_texts() if texts is None else texts
        self._shas: dict[str, str] = {}
        self._loading = asyncio.Lock()

    async def run(self, call: Call) -> Any:  # noqa: ANN401 - each script answers in its own shape
        """What one script answers.

        Raises:
            redis.RedisError: whether it ran is unknown.
        """
        shas = self._shas or await self._load(self._shas)
        try:
            return await self._evaluate(shas, call)
        except NoScriptError:
            return await self._evaluate(await self._load(shas), call)

    async def run_all(self, calls: Sequence[Call]) -> list[Any]:
        """What several scripts answer, in the same order, in one round trip.

        The answer of one that cannot read its keys is its error: the others have theirs.

        Raises:
            redis.RedisError: any of them may have run.
        """
        shas = self._shas or await self._load(self._shas)
        answers = await self._evaluate_all(shas, calls)
        unknown = [at for at, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if unknown:
            again = await self._evaluate_all(await self._load(shas), [calls[at] for at in unknown])
            for at, answer in zip(unknown, again, strict=True):
                answers[at] = answer
        for answer in answers:
            if isinstance(answer, Exception) and not is_unreadable(answer):
                raise answer
        return answers

    async def run_id(self) -> str:
        """The id of the server's present life, asked now."""
        return str((await self._redis.info("server"))["run_id"])

    async def _evaluate(self, shas: dict[str, str], call: Call) -> Any:  # noqa: ANN401 - as in run
        return await self._redis.evalsha(
            shas[call.script], len(call.keys), *call.keys, *call.arguments
        )

    async def _evaluate_all(self, shas: dict[str, str], calls: Sequence[Call]) -> list[Any]:
        async with self._redis.pipeline(transaction=False) as pipe:
            for call in calls:
                pipe.evalsha(shas[call.script], len(call.keys), *call.keys, *call.arguments)
            return list(await pipe.execute(raise_on_error=False))

    async def _load(self, known: dict[str, str]) -> dict[str, str]:
        """Load all scripts under the server's run id, once for all callers that miss them."""
        async with self._loading:
            if self._shas is not known:
                return self._shas
            for _ in range(_MOST_LOADS):
                run_id = await self.run_id()
                async with self._redis.pipeline(transaction=False) as pipe:
                    for text in self._texts.values():
                        pipe.script_load(text.replace(_RUN_ID, run_id))
                    pipe.info("server")
                    *shas, server = await pipe.execute()
                if server["run_id"] == run_id:
                    self._shas = dict(zip(self._texts, shas, strict=True))
                    return self._shas
                # What was loaded just now names a life that is over. Others may know it by its
                # names: everybody is to ask anew.
                await self._redis.script_flush()
        raise RedisError("the server restarted while scripts were loaded")


def is_unreadable(error: Exception) -> bool:
    """Whether it is what the keys hold that a command failed at, and not the server."""
    if isinstance(error, UnicodeDecodeError):
        return True
    return isinstance(error, ResponseError) and _OF_CONTENT.match(str(error)) is not None


def read_texts(folder: Path = FOLDER, *, parts_from: Sequence[Path] = ()) -> dict[str, str]:
    """Every script of a folder by name, with shared parts of ours and of these other folders."""
    return assemble(folder, (FOLDER / "shared", *parts_from))
