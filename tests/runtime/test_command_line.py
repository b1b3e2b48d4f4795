"""The command line: what keeps a command from starting is one line and exit code 2."""

import os
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from kit.settings import load_settings
from models.stores import migrate_postgres
from runtime.cli.joining import command_settings
from runtime.folder import Running, WorkFolder

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def silent_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def only_line(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("flashsale: ")
    return lines[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FLASHSALE_PORT", "eighty"),
        ("FLASHSALE_HOLD_SECONDS", "0"),
        ("FLASHSALE_CURRENCY", "dollars"),
        ("FLASHSALE_LIMIT_CART_BURST", "-1"),
    ],
)
@pytest.mark.parametrize("command", ["up", "serve"])
def test_a_wrong_setting_is_named(
    run_command: Command, store_environment: dict[str, str], command: str, name: str, value: str
) -> None:
    line = only_line(run_command(command, environment={**store_environment, name: value}))
    assert name in line


@pytest.mark.parametrize("command", ["serve", "worker", "migrate", "verify", "reconcile"])
def test_a_missing_setting_is_named(
    run_command: Command, store_environment: dict[str, str], command: str
) -> None:
    environment = {**store_environment, "FLASHSALE_DATABASE_URL": ""}
    line = only_line(run_command(command, environment=environment))
    assert "FLASHSALE_DATABASE_URL is not set" in line


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_missing_payment_secret_is_named(
    run_command: Command, store_environment: dict[str, str], command: str
) -> None:
    environment = {**store_environment, "FLASHSALE_STRIPE_API_KEY": ""}
    line = only_line(run_command(command, environment=environment))
    assert "FLASHSALE_STRIPE_API_KEY is not set" in line


@pytest.mark.parametrize(
    ("name", "url", "title"),
    [
        ("FLASHSALE_DATABASE_URL", "postgresql://shop:hunter2@127.0.0.1:{}/shop", "PostgreSQL"),
        ("FLASHSALE_REDIS_URL", "redis://:hunter2@127.0.0.1:{}/0", "Redis"),
        ("FLASHSALE_MONGO_URL", "mongodb://shop:hunter2@127.0.0.1:{}/shop", "MongoDB"),
    ],
)
@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_server_that_is_down_is_named_without_its_password(
    run_command: Command,
    store_environment: dict[str, str],
    silent_port: int,
    command: str,
    name: str,
    url: str,
    title: str,
) -> None:
    words = (command, "--port", str(silent_port)) if command == "serve" else (command,)
    environment = {**store_environment, name: url.format(silent_port)}
    line = only_line(run_command(*words, environment=environment))
    assert f"{title} at 127.0.0.1:{silent_port}" in line
    assert name in line
    assert "hunter2" not in line


def test_a_wrong_password_is_named(
    run_command: Command, store_environment: dict[str, str], settings_with_wrong_password: str
) -> None:
    environment = {**store_environment, "FLASHSALE_DATABASE_URL": settings_with_wrong_password}
    line = only_line(run_command("migrate", environment=environment))
    assert "password authentication failed" in line
    assert "not-the-password" not in line


@pytest.fixture
def settings_with_wrong_password(store_environment: dict[str, str]) -> str:
    return store_environment["FLASHSALE_DATABASE_URL"].replace(":tests@", ":not-the-password@")


def test_a_taken_port_is_named_with_the_way_to_choose_another(
    run_command: Command, store_environment: dict[str, str], taken_port: int
) -> None:
    line = only_line(run_command("serve", "--port", str(taken_port), environment=store_environment))
    assert f"Port {taken_port} on 127.0.0.1 is already in use" in line
    assert "--port" in line
    assert "FLASHSALE_PORT" in line


@pytest.mark.parametrize(
    ("option", "setting"),
    [("--port", "FLASHSALE_PORT"), ("--sandbox-port", "FLASHSALE_SANDBOX_PORT")],
)
def test_up_starts_nothing_when_a_port_is_taken(
    run_command: Command,
    bare_environment: dict[str, str],
    folder: Path,
    taken_port: int,
    silent_port: int,
    option: str,
    setting: str,
) -> None:
    other = "--sandbox-port" if option == "--port" else "--port"
    line = only_line(
        run_command(
            "up", option, str(taken_port), other, str(silent_port), environment=bare_environment
        )
    )
    assert f"Port {taken_port} on 127.0.0.1 is already in use" in line
    assert option in line
    assert setting in line
    started = {path.name for path in (folder / ".flashsale").iterdir()}
    assert started == {"logs", "secrets.json", "up.lock"}


def test_an_address_that_is_not_ours_is_refused(
    run_command: Command, store_environment: dict[str, str]
) -> None:
    # 192.0.2.0/24 is for documentation: RFC 5737.
    line = only_line(run_command("serve", "--host", "192.0.2.1", environment=store_environment))
    assert "Cannot listen on 192.0.2.1 port 8000" in line


def test_a_second_up_in_one_folder_is_refused(
    run_command: Command, bare_environment: dict[str, str], folder: Path
) -> None:
    work = WorkFolder(folder)
    with work.claim():
        work.announce(running_up({}))
        line = only_line(run_command("up", environment=bare_environment))
    assert "already runs" in line
    assert f"process {os.getpid()}" in line


def test_a_database_without_a_schema_is_refused(
    run_command: Command, store_environment: dict[str, str], empty_database_url: str
) -> None:
    environment = {**store_environment, "FLASHSALE_DATABASE_URL": empty_database_url}
    assert "Run `flashsale migrate` first" in only_line(
        run_command("verify", environment=environment)
    )


def test_migrating_may_be_repeated_and_makes_the_ledger_provable(
    run_command: Command, store_environment: dict[str, str], empty_database_url: str
) -> None:
    environment = {**store_environment, "FLASHSALE_DATABASE_URL": empty_database_url}
    for _ in range(2):
        assert run_command("migrate", environment=environment).returncode == 0
    verified = run_command("verify", environment=environment)
    assert verified.returncode == 0
    assert verified.stdout == "0 deals proven, 0 broken.\n"
    for unknown in ("deal_unknown", "../x"):
        refused = run_command("verify", "--deal", unknown, environment=environment)
        assert refused.returncode == 2
        assert f"There is no deal {unknown}." in refused.stderr


async def test_seeded_buyers_have_live_sessions_that_only_the_owner_can_read(
    run_command: Command, store_environment: dict[str, str], empty_database_url: str, folder: Path
) -> None:
    await migrate_postgres(empty_database_url)
    environment = {**store_environment, "FLASHSALE_DATABASE_URL": empty_database_url}
    tokens = folder / "tokens.txt"
    made = run_command("seed", "--buyers", "300", "--tokens", str(tokens), environment=environment)
    assert made.returncode == 0, made.stderr
    lines = tokens.read_text().splitlines()
    assert len(set(lines)) == 300
    assert stat.S_IMODE(tokens.stat().st_mode) == 0o600
    connection = await asyncpg.connect(empty_database_url)
    live = await connection.fetchval(
        "SELECT count(*) FROM sessions WHERE revoked_at IS NULL AND expires_at > now()"
    )
    await connection.close()
    assert live == 300


def test_seeding_buyers_without_a_file_for_their_tokens_is_refused(
    run_command: Command, store_environment: dict[str, str]
) -> None:
    result = run_command("seed", "--buyers", "3", environment=store_environment)
    assert result.returncode == 2
    assert "--tokens" in result.stderr


def test_a_sandbox_that_is_down_is_named(
    run_command: Command, store_environment: dict[str, str], silent_port: int
) -> None:
    environment = {
        **store_environment,
        "FLASHSALE_STRIPE_API_BASE": f"http://127.0.0.1:{silent_port}",
    }
    line = only_line(run_command("seed", environment=environment))
    assert f"The payment sandbox at 127.0.0.1:{silent_port}" in line
    assert "FLASHSALE_STRIPE_API_BASE" in line


def test_a_file_that_cannot_be_written_is_named_before_buyers_are_made(
    run_command: Command, store_environment: dict[str, str]
) -> None:
    result = run_command(
        "seed", "--buyers", "3", "--tokens", "/no/such/folder", environment=store_environment
    )
    assert "/no/such/folder" in only_line(result)


def running_up(environment: dict[str, str]) -> Running:
    return Running(
        pid=os.getpid(),
        api="http://127.0.0.1:8000",
        sandbox="http://127.0.0.1:8001",
        environment=environment,
        ports={"valkey": 7001},
    )


def test_a_command_finds_the_up_that_runs_in_its_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    for name in ("FLASHSALE_DATABASE_URL", "FLASHSALE_REDIS_URL", "FLASHSALE_MONGO_URL"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    work = WorkFolder(folder)
    with work.claim():
        work.announce(running_up({"FLASHSALE_REDIS_URL": "redis://127.0.0.1:7001/0"}))
        assert command_settings().redis_url == "redis://127.0.0.1:7001/0"
    os.environ.pop("FLASHSALE_REDIS_URL")
    assert command_settings().redis_url == ""
    assert work.remembered_ports() == {"valkey": 7001}


def test_an_environment_that_names_a_store_wins_over_a_running_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FLASHSALE_MONGO_URL", "mongodb://elsewhere/shop")
    work = WorkFolder(folder)
    with work.claim():
        work.announce(running_up({"FLASHSALE_REDIS_URL": "redis://127.0.0.1:7001/0"}))
        settings = command_settings()
    assert settings == load_settings()
    assert settings.redis_url == ""


def test_secrets_are_made_once_and_only_the_owner_can_read_them(folder: Path) -> None:
    work = WorkFolder(folder)
    with work.claim():
        first = work.secrets()
        assert work.secrets() == first
    file = folder / ".flashsale" / "secrets.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert first.store_password in file.read_text()
