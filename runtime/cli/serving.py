"""Commands that run until they are stopped: up, serve, worker, sandbox."""

import asyncio
import os
import socket
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from kit.log import configure_logs
from kit.settings import Settings, load_settings, require_stores
from runtime.cli.joining import command_settings
from runtime.folder import WorkFolder
from runtime.ports import LOOPBACK, reserve_port
from runtime.problems import CannotStart
from runtime.reachable import check_stores, require_payments
from runtime.screen import Screen
from runtime.server import serve_app, serve_in_processes
from runtime.up import Up

commands = typer.Typer()

Port = Annotated[int | None, typer.Option(help="Where to listen.", min=1, max=65535)]
Host = Annotated[str | None, typer.Option(help="Address to listen on.")]
Processes = Annotated[
    int | None, typer.Option(help="API processes behind the one port.", min=1, max=64)
]
Descriptor = Annotated[int | None, typer.Option(hidden=True, help="An inherited socket.")]


@commands.command()
def up(
    host: Host = None,
    port: Port = None,
    sandbox_port: Annotated[
        int | None, typer.Option(help="Where the payment sandbox listens.", min=1, max=65535)
    ] = None,
    processes: Processes = None,
) -> None:
    """Start everything on this machine: stores, sandbox, worker, API. Ctrl-C stops it all."""
    given = {
        "host": host,
        "port": port,
        "sandbox_port": sandbox_port,
        "api_processes": processes,
    }
    settings = load_settings(**{key: value for key, value in given.items() if value is not None})
    Up(settings, WorkFolder(Path.cwd()), Screen()).run()


@commands.command()
def serve(
    host: Host = None, port: Port = None, processes: Processes = None, fd: Descriptor = None
) -> None:
    """Serve the API."""
    settings = command_settings(host=host, port=port, api_processes=processes)
    require_stores(settings)
    require_payments(settings)
    listener = (
        socket.socket(fileno=fd)
        if fd is not None
        else reserve_port(settings.host, settings.port, setting="FLASHSALE_PORT", option="--port")
    )
    asyncio.run(check_stores(settings, migrated=True))
    configure_logs(settings.log_level)
    if settings.api_processes > 1:
        if settings.trusted_documents:
            _check_trusted_documents(settings)
        serve_in_processes(settings, listener, environment=dict(os.environ))
        return
    from graph.app import create_app, front_door  # noqa: PLC0415 - not loaded by processes that do not serve

    app = create_app(settings)
    serve_app(
        app,
        listener,
        trusted_proxies=settings.trusted_proxies,
        message_bytes=settings.body_bytes,
        on_stop=app.state.farewell.say,
        front_door=front_door(app),
    )


def _check_trusted_documents(settings: Settings) -> None:
    """Have a wrong one stop this command, before it stops its children over and over."""
    from graph.app import create_app  # noqa: PLC0415 - as above

    create_app(settings)


@commands.command()
def worker() -> None:
    """Do jobs from the queue, and what is due because time passed. Several may run."""
    settings = command_settings()
    require_payments(settings)
    asyncio.run(check_stores(settings, migrated=True))
    configure_logs(settings.log_level)
    from runtime.worker import run_worker  # noqa: PLC0415 - the other commands start without it

    uvloop.run(run_worker(settings))


@commands.command()
def sandbox(
    port: Port = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = LOOPBACK,
    webhook_url: Annotated[
        str,
        typer.Option(help="Where signed events are sent.", envvar="FLASHSALE_SANDBOX_WEBHOOK_URL"),
    ] = "",
    data: Annotated[Path | None, typer.Option(help="Folder of its books.")] = None,
    fd: Descriptor = None,
) -> None:
    """Run the payment sandbox, which speaks Stripe's API and takes test cards."""
    settings = command_settings(sandbox_port=port)
    require_payments(settings)
    listener = (
        socket.socket(fileno=fd)
        if fd is not None
        else reserve_port(
            host, settings.sandbox_port, setting="FLASHSALE_SANDBOX_PORT", option="--port"
        )
    )
    configure_logs(settings.log_level)
    from sandbox.app import create_sandbox  # noqa: PLC0415 - no other command needs it
    from sandbox.config import SandboxConfig  # noqa: PLC0415 - the same
    from sandbox.store import DataFolderInUse, Store  # noqa: PLC0415 - the same

    folder = data or WorkFolder(Path.cwd()).sandbox
    try:
        Store(folder).close()
    except DataFolderInUse as error:
        raise CannotStart(f"{error}. Stop that one, or name another folder with --data.") from None
    config = SandboxConfig(
        data_dir=folder,
        secret_key=settings.stripe_api_key.get_secret_value(),
        publishable_key=settings.stripe_publishable_key,
        webhook_url=webhook_url or f"http://{LOOPBACK}:{settings.port}/webhooks/stripe",
        webhook_secret=settings.stripe_webhook_secret.get_secret_value(),
    )
    serve_app(
        create_sandbox(config), listener, trusted_proxies="", message_bytes=settings.body_bytes
    )
