"""Redis fails over to a replica that has heard nothing for a while."""

import asyncio

from redis.asyncio import Redis

from tests.faults.history import SET_BACK
from tests.faults.proxy import Proxy
from tests.faults.scenario import Run, Scenario
from tests.faults.stores import PASSWORD, StoreProgram, new_valkey

_COPYING_SECONDS = 10.0


async def _fail_over(run: Run) -> None:
    stack = run.stack
    primary = stack.valkey
    link = Proxy("replication", lambda: ("127.0.0.1", primary.port))
    await link.start()
    replica = new_valkey(stack.folder / "replica", persistent=False)
    replica.command += [
        "--masterauth", PASSWORD, "--replicaof", f"127.0.0.1 {link.port}",
        "--repl-diskless-sync-delay", "0",
    ]  # fmt: skip
    stack.programs.append(replica)
    try:
        await replica.start()
        await _until_copied(replica)
        await asyncio.sleep(run.random.uniform(0.5, 1.5))
        link.do(black_hole=True)
        run.harmed("the replica hears nothing more")
        await asyncio.sleep(run.random.uniform(1.5, 3.0))
        primary.kill()
        run.harmed("kill -9 the primary")
        await asyncio.sleep(run.random.uniform(0.1, 0.8))
        async with Redis.from_url(replica.url) as client:
            behind = (await client.info("replication"))["slave_repl_offset"]
            await client.replicaof("NO", "ONE")
        stack.redis_address = ("127.0.0.1", replica.port)
        run.history.mark(SET_BACK)
        run.note(f"the replica is promoted; it knows the first {behind} bytes")
    finally:
        await link.stop()


async def _until_copied(replica: StoreProgram) -> None:
    async with asyncio.timeout(_COPYING_SECONDS), Redis.from_url(replica.url) as client:
        while (await client.info("replication"))["master_link_status"] != "up":
            await asyncio.sleep(0.05)


SCENARIO = Scenario(
    name="redis-stale-failover",
    harm="the replica's link is a black hole, the primary dies, the replica is promoted",
    expected="the new server's run id triggers the rebuild; drift 0 after settling",
    nemesis=_fail_over,
)
