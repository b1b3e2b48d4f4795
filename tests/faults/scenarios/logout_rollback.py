"""People sign out; then Redis is set back to a copy from before."""

import asyncio
import shutil

from tests.faults.history import SET_BACK
from tests.faults.scenario import Run, Scenario

_LEAVING_SECONDS = 20.0


async def _set_back(run: Run) -> None:
    valkey = run.stack.valkey
    log, copy = valkey.data / "appendonlydir", run.stack.folder / "older"
    await asyncio.to_thread(shutil.copytree, log, copy)
    run.note("Redis is copied")
    gone = await _until_somebody_has_left(run)
    await asyncio.sleep(run.random.uniform(0.2, 1.0))
    valkey.kill()
    shutil.rmtree(log)
    copy.rename(log)
    await valkey.start()
    run.history.mark(SET_BACK)
    run.harmed(f"Redis is set back to before the sign-out of {gone} people")
    # They try their old tokens now.
    await asyncio.sleep(2.0)


async def _until_somebody_has_left(run: Run) -> int:
    async with asyncio.timeout(_LEAVING_SECONDS):
        while True:
            gone = sum(one.outcome == "ok" for one in run.history.of("logout"))
            if gone:
                return gone
            await asyncio.sleep(0.1)


SCENARIO = Scenario(
    name="logout-rollback",
    harm="logout, then an older copy of Redis is restored",
    expected="the token stays refused; holds of the older copy come back until they lapse",
    nemesis=_set_back,
)
