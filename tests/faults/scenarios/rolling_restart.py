"""API processes are replaced one by one under load, as a deployment does."""

import asyncio
import signal

from tests.faults.programs import Program
from tests.faults.scenario import Run, Scenario
from tests.faults.sockets import Dashboard, following, until

_DASHBOARDS = 24
_REPLACEMENTS = 4
_HARM_SECONDS = 25.0
# A proxy hears that an API is not to be asked any more; what it has sent before goes on.
_DRAINING_SECONDS = 0.3
_OPENING_SECONDS = 20.0
# RFC 6455, section 7.4.1, and IANA's registry: going away, service restart.
_TOLD_TO_RECONNECT = frozenset({1001, 1012})
# What a client sees whose request was taken and then dropped.
_DROPPED = ("ReadError", "WriteError", "RemoteProtocolError")


async def _replace(run: Run) -> None:
    stack = run.stack
    dashboards = [
        Dashboard(run.random.choice(run.crowd.sale.deals), stack.api_addresses, run.random.choice)
        for _ in range(_DASHBOARDS)
    ]
    async with following(dashboards):
        await until(lambda: all(one.opened for one in dashboards), within=_OPENING_SECONDS)
        begun = run.history.now
        for _ in range(_REPLACEMENTS):
            if run.history.now > begun + _HARM_SECONDS:
                break  # on a slow machine
            await asyncio.sleep(run.random.uniform(0.2, 1.0))
            old = next(api for api in stack.apis if api.running and api not in stack.draining)
            await _replace_one(run, old)
        back = lambda: all(one.opened > len(one.closed) for one in dashboards)  # noqa: E731
        if not await until(back, within=_OPENING_SECONDS):
            run.broken.append("not every dashboard came back")
    codes = [code for one in dashboards for code in one.closed]
    run.note(f"{len(codes)} dashboards were cut off, with {sorted(set(codes))}")
    if not codes:
        run.broken.append("HARNESS: no dashboard was cut off")
    for code in set(codes) - _TOLD_TO_RECONNECT:
        run.broken.append(f"{codes.count(code)} dashboards were cut off with {code}")
    for one in dashboards:
        for trouble in one.troubles:
            run.broken.append(trouble)


async def _replace_one(run: Run, old: Program) -> None:
    """Start the new one, send nobody to the old one any more, and ask it to stop."""
    stack = run.stack
    new = stack.new_api()
    # Nobody is sent to it before it is ready.
    stack.draining.add(new)
    await new.start()
    stack.draining.remove(new)
    stack.draining.add(old)
    await asyncio.sleep(_DRAINING_SECONDS)
    run.harmed(f"SIGTERM to {old.name}, which {new.name} replaces")
    code = await old.stop()
    run.note(f"{old.name} has ended with {code}")
    # After an orderly end uvicorn hands the signal on to whoever waits.
    if code not in (0, -signal.SIGTERM):
        run.broken.append(f"{old.name} has ended with {code}")


async def _verdict(run: Run) -> list[str]:
    """No request that an API had accepted has failed."""
    lines: list[str] = []
    for operation in run.history.operations:
        why = str(operation.told.get("why", ""))
        if why.startswith(_DROPPED) and operation.name not in ("pay", "bank"):
            lines.append(f"operation {operation.number}, {operation.name}, was dropped: {why}")
    told = sum(
        "replaced" in str(operation.told.get("message", "")) for operation in run.history.operations
    )
    run.note(f"{told} operations were told to come again, since the server was being replaced")
    return lines


SCENARIO = Scenario(
    name="rolling-restart",
    harm="API processes replaced one by one under load with SIGTERM",
    expected="no failed request that was accepted; sockets are told to reconnect",
    nemesis=_replace,
    verdict=_verdict,
)
