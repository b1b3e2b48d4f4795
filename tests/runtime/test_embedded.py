"""The embedded stores: started, killed, started again, and never left behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import asyncpg
import pytest
from pymongo import MongoClient
from redis import Redis
from redis.exceptions import AuthenticationError

from runtime.embedded import EmbeddedStores
from runtime.problems import CannotStart
from runtime.programs import package_of_missing_library

STARTER = dedent(
    """
    import signal, sys
    from pathlib import Path
    from runtime.embedded import EmbeddedStores

    stores = EmbeddedStores(Path(sys.argv[1]), password="tests")
    stores.start()
    print(*stores.pids.values(), flush=True)
    signal.pause()
    """
)


@pytest.fixture
def starter(folder: Path) -> Callable[[], tuple[subprocess.Popen[str], list[int]]]:
    """Starts the stores from a process of its own; the process and the servers' ids."""

    def start() -> tuple[subprocess.Popen[str], list[int]]:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-c", STARTER, str(folder)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        return process, [int(pid) for pid in process.stdout.readline().split()]

    return start


def open_mongo(url: str) -> MongoClient[dict[str, Any]]:
    return MongoClient(url)


async def _write_postgres(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE kept (word text); INSERT INTO kept VALUES ('kept')")
    await connection.close()


async def _read_postgres(url: str) -> str:
    connection = await asyncpg.connect(url)
    word: str = await connection.fetchval("SELECT word FROM kept")
    await connection.close()
    return word


async def test_data_and_addresses_are_kept_at_the_second_start(folder: Path) -> None:
    with EmbeddedStores(folder, password="tests") as stores:
        urls, ports = stores.urls, stores.ports
        await _write_postgres(urls["database_url"])
        with Redis.from_url(urls["redis_url"], decode_responses=True) as redis:
            redis.set("word", "kept")
        with open_mongo(urls["mongo_url"]) as mongo:
            mongo.get_default_database().words.insert_one({"word": "kept"})
    with EmbeddedStores(folder, password="tests", ports=ports) as stores:
        assert stores.urls == urls
        assert await _read_postgres(urls["database_url"]) == "kept"
        with Redis.from_url(urls["redis_url"], decode_responses=True) as redis:
            assert redis.get("word") == "kept"
        with open_mongo(urls["mongo_url"]) as mongo:
            found = mongo.get_default_database().words.find_one()
            assert found is not None
            assert found["word"] == "kept"


async def test_each_killed_store_is_started_again_with_its_data(
    folder: Path, wait_for: Callable[[Callable[[], bool]], None]
) -> None:
    with EmbeddedStores(folder, password="tests") as stores:
        await _write_postgres(stores.urls["database_url"])
        assert stores.restart_dead() == []
        pids = stores.pids
        for pid in pids.values():
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
        restarted: list[str] = []

        def all_are_back() -> bool:
            restarted.extend(stores.restart_dead())
            return len(restarted) == 3

        wait_for(all_are_back)
        assert sorted(restarted) == ["MongoDB", "PostgreSQL", "Valkey"]
        assert not set(pids.values()) & set(stores.pids.values())
        assert await _read_postgres(stores.urls["database_url"]) == "kept"


def test_a_store_that_keeps_dying_is_given_up(
    folder: Path, wait_for: Callable[[Callable[[], bool]], None]
) -> None:
    with EmbeddedStores(folder, password="tests", needed=("redis_url",)) as stores:
        for _ in range(5):
            pid = stores.pids["valkey"]
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda: stores.restart_dead() == ["Valkey"])
        pid = stores.pids["valkey"]
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(CannotStart, match="Valkey keeps dying"):
            wait_for(lambda: bool(stores.restart_dead()))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_store_outlives_its_parent(
    starter: Callable[[], tuple[subprocess.Popen[str], list[int]]],
    number: signal.Signals,
    wait_for: Callable[[Callable[[], bool]], None],
    is_gone: Callable[[int], bool],
) -> None:
    process, pids = starter()
    assert len(pids) == 3
    assert not any(is_gone(pid) for pid in pids)
    with process:
        process.send_signal(number)
    wait_for(lambda: all(is_gone(pid) for pid in pids))


def test_a_start_waits_for_what_a_killed_run_left_behind(
    folder: Path, starter: Callable[[], tuple[subprocess.Popen[str], list[int]]]
) -> None:
    process, pids = starter()
    with process:
        process.kill()
    with EmbeddedStores(folder, password="tests") as stores:
        assert not set(pids) & set(stores.pids.values())


def test_stores_that_have_a_url_are_not_started(folder: Path) -> None:
    stores = EmbeddedStores(folder, password="tests", needed=("redis_url",))
    assert list(stores.urls) == ["redis_url"]
    assert stores.titles == ["Valkey"]


def test_a_store_that_does_not_start_says_why_in_one_line_and_stops_the_others(
    folder: Path,
) -> None:
    with EmbeddedStores(folder, password="tests", needed=("database_url",)):
        pass
    (folder / "postgres" / "data" / "PG_VERSION").write_text("12\n")
    stores = EmbeddedStores(folder, password="tests", needed=("redis_url", "database_url"))
    with pytest.raises(CannotStart) as refused:
        stores.start()
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith("PostgreSQL did not start: ")
    assert "version 12" in str(refused.value)
    assert stores.pids == {"postgres": None, "valkey": None}


def test_servers_listen_on_loopback_alone_and_want_the_password(folder: Path) -> None:
    with EmbeddedStores(folder, password="tests", needed=("redis_url",)) as stores:
        port = stores.ports["valkey"]
        with Redis(port=port) as stranger, pytest.raises(AuthenticationError):
            stranger.ping()
        with Redis.from_url(stores.urls["redis_url"], decode_responses=True) as ours:
            assert ours.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            assert ours.config_get("appendonly") == {"appendonly": "yes"}
            assert ours.config_get("bind") == {"bind": "127.0.0.1"}


def test_a_missing_library_is_named_by_its_package() -> None:
    line = (
        "/x/mongod: error while loading shared libraries: libcurl.so.4: "
        "cannot open shared object file: No such file or directory"
    )
    assert package_of_missing_library(line) == "libcurl4"
    assert package_of_missing_library("mongod: all is well") is None
