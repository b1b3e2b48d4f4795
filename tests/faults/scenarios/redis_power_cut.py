"""The power fails: Valkey is killed, and the end of its log never reached the disk."""

import asyncio
from pathlib import Path

from tests.faults.history import SET_BACK
from tests.faults.scenario import Run, Scenario

_CUTS = 2


async def _cut_power(run: Run) -> None:
    valkey = run.stack.valkey
    for _ in range(_CUTS):
        await asyncio.sleep(run.random.uniform(1.0, 3.0))
        valkey.kill()
        log = _log_of(valkey.data)
        size = log.stat().st_size
        kept = int(size * run.random.uniform(0.3, 0.95))
        with log.open("r+b") as tail:
            tail.truncate(kept)
        run.harmed(f"kill -9 Valkey; its log ends after {kept} of {size} bytes")
        await asyncio.sleep(run.random.uniform(0.1, 0.8))
        await valkey.start()
        run.history.mark(SET_BACK)
        run.note("Valkey is back, with an old memory")


def _log_of(data: Path) -> Path:
    """The part of the append-only file that grows."""
    return max((data / "appendonlydir").glob("*.incr.aof"), key=lambda path: path.stat().st_mtime)


SCENARIO = Scenario(
    name="redis-power-cut",
    harm="kill -9, and the tail of the AOF is cut off, twice",
    expected="gates of the earlier life answer nobody; rebuilt; drift 0 after settling",
    nemesis=_cut_power,
)
