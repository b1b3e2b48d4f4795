"""Serving an ASGI application with uvicorn: in this process, or in several on one socket."""

import gc
import socket
import time
from collections.abc import Callable
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from graph.front_door import Answer
from kit.settings import Settings
from runtime.http_protocol import express_http
from runtime.services import Service
from runtime.signals import StopAsked, ignore_stop_signals, stop_signals
from runtime.socket_protocol import BoundedSocket

# Connections that may wait to be accepted in a drop's first second; net.core.somaxconn caps it.
_BACKLOG = 4_096
# Requests in flight may finish; sockets are told to come back.
_FINISH_SECONDS = 10
# Storefronts ask again within half a minute; proxies keep theirs a minute.
_KEEP_ALIVE_SECONDS = 65
_WATCH_SECONDS = 0.25
# New objects before the young are looked at, then the older, then all: for Python's own defaults
# (700, 10, 10) each request would be several collections.
_COLLECT_AFTER = (50_000, 20, 100)


class Server(uvicorn.Server):
    """Tells when it has started, and the application that it is to stop before it waits."""

    def __init__(
        self,
        config: uvicorn.Config,
        on_stop: Callable[[], None],
        on_start: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(config)
        self._on_stop = on_stop
        self._on_start = on_start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start serving."""
        await super().startup(sockets)
        self._on_start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, let what is in flight finish, send the rest away."""
        self._on_stop()
        await super().shutdown(sockets)


def serve_app(
    app: ASGIApp,
    listener: socket.socket,
    *,
    trusted_proxies: str,
    message_bytes: int,
    on_stop: Callable[[], None] = lambda: None,
    front_door: Answer = lambda _headers, _body, _client: None,
) -> None:
    """Serve until SIGTERM or SIGINT, then call `on_stop` and finish what is in flight.

    `front_door` is asked before the application is, at its own path alone.
    A socket on which a message is larger than `message_bytes` is closed with 1009.
    """
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=express_http(front_door),
        ws=BoundedSocket,
        ws_max_size=message_bytes,
        # A compressor for each of thousands of sockets costs more than the bytes it saves.
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=trusted_proxies or None,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_FINISH_SECONDS,
    )
    Server(config, on_stop, _spare_collections).run(sockets=[listener])


def _spare_collections() -> None:
    """Leave what lives at the start out of garbage collections, and make full ones rare.

    A full one looks at every object that lives: tens of thousands of sockets made a request's CPU
    time a fifth longer (bench W6). What dies young is still collected soon.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


def serve_in_processes(
    settings: Settings, listener: socket.socket, *, environment: dict[str, str]
) -> None:
    """Serve from `settings.api_processes` children that share the socket, until told to stop."""
    children = [
        Service(
            f"API process {number + 1}",
            ("serve", "--fd", str(listener.fileno()), "--processes", "1"),
            folder=Path.cwd(),
            log=None,
            environment=environment,
            sockets=(listener.fileno(),),
        )
        for number in range(settings.api_processes)
    ]
    with stop_signals():
        try:
            for child in children:
                child.start()
            while True:
                time.sleep(_WATCH_SECONDS)
                for child in children:
                    child.restart_if_dead()
        except StopAsked:
            pass
        finally:
            ignore_stop_signals()
            for child in children:
                child.ask_to_stop()
            for child in children:
                child.stop()
