"""Hundreds of sockets follow the stock, some never read, and an API is killed and comes back."""

import psutil

from tests.faults.programs import Program
from tests.faults.scenario import Run, SaleShape, Scenario
from tests.faults.sockets import Dashboard, Deaf, Link, following, until

_READERS = 450
_DEAF = 50
_OPENING_SECONDS = 30.0
# What the launcher makes of the half minute that a client may take to read something.
_DRAIN_SECONDS = 4
_CLOSING_SECONDS = 20.0
# Measured: 11 MiB for 250 sockets and 25 that leave an answer and a full buffer unread.
_MOST_GROWTH_MIB = 60
_MIB = 1 << 20


async def _follow(run: Run) -> None:
    stack = run.stack
    before = {api: _memory_mib(api) for api in stack.apis}
    readers = [
        Dashboard(run.random.choice(run.crowd.sale.deals), stack.api_addresses, run.random.choice)
        for _ in range(_READERS)
    ]
    async with following(readers):
        if not await until(lambda: all(one.opened for one in readers), within=_OPENING_SECONDS):
            run.broken.append(f"{sum(not one.opened for one in readers)} never opened")
        run.note(f"{len(readers)} dashboards follow")
        await _never_read(run)
        for api in stack.apis:
            growth = _memory_mib(api) - before[api]
            run.note(f"{api.name} has grown by {growth:.0f} MiB")
            if growth > _MOST_GROWTH_MIB:
                run.broken.append(f"{api.name} has grown by {growth:.0f} MiB")
        victim = run.random.choice(stack.apis)
        cut = {one: one.opened for one in readers}
        run.harmed(f"kill -9 {victim.name}")
        await victim.restart()
        run.note(f"{victim.name} is back")
        back = lambda: all(one.opened > len(one.closed) for one in readers)  # noqa: E731
        if not await until(back, within=_OPENING_SECONDS):
            run.broken.append("not every dashboard came back")
        came_back = sum(one.opened > opened for one, opened in cut.items())
        run.note(f"{came_back} dashboards came back, and began with a snapshot")
        if not came_back:
            run.broken.append("HARNESS: no dashboard was cut off")
    for trouble in {trouble for one in readers for trouble in one.troubles}:
        run.broken.append(trouble)
    run.note(f"{sum(one.messages for one in readers)} messages were read")


async def _never_read(run: Run) -> None:
    """Fifty clients ask for much and read nothing: the API closes them, and only them."""
    stack = run.stack
    deaf: list[Deaf] = []
    for _ in range(_DEAF):
        address = run.random.choice(stack.api_addresses())
        deaf.append(await Deaf.ask(address))
    run.harmed(f"{_DEAF} sockets ask for much, and never read")
    links = {one.link for one in deaf}
    if not await until(lambda: not links & _links(stack.apis), within=_CLOSING_SECONDS):
        left = len(links & _links(stack.apis))
        run.broken.append(f"{left} of {_DEAF} sockets that never read are still open")
    for one in deaf:
        one.leave()


def _links(apis: list[Program]) -> set[Link]:
    """Everybody who is connected to an API. A client's port alone may be in use towards both."""
    return {
        (link.raddr.port, link.laddr.port)
        for api in apis
        if api.running
        for link in psutil.Process(api.pid).net_connections("tcp4")
        if link.raddr
    }


def _memory_mib(api: Program) -> float:
    return float(psutil.Process(api.pid).memory_info().rss) / _MIB


SCENARIO = Scenario(
    name="slow-readers",
    harm="500 sockets, 50 of them never read; an API is killed and comes back",
    expected="memory is bounded, slow ones are closed, the others resume from a snapshot",
    nemesis=_follow,
    shape=SaleShape(launch={"FAULTS_DRAIN": str(_DRAIN_SECONDS)}),
)
