"""The real nginx, with the configuration of deploy/nginx/, before an API at some address."""

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

DEPLOYED = Path(__file__).parents[2] / "deploy" / "nginx"
START_SECONDS = 20.0


@asynccontextmanager
async def running_nginx(folder: Path, *apis: str) -> AsyncIterator[str]:
    """Its address, while the block runs. `apis` are those of API processes, http://host:port."""
    port = _free_port()
    filled_in = {
        "PROXY_LISTEN": f"127.0.0.1:{port}",
        "PROXY_SERVERS": " ".join(f"server {api.removeprefix('http://')};" for api in apis),
        "PROXY_FOLDER": str(folder),
        "PROXY_LOG": str(folder / "access.log"),
    }
    text = (DEPLOYED / "flashsale.conf.template").read_text(encoding="utf-8")
    for name, value in filled_in.items():
        text = text.replace(f"${{{name}}}", value)
    (folder / "conf.d").mkdir()
    (folder / "conf.d" / "flashsale.conf").write_text(text, encoding="utf-8")
    shutil.copy(DEPLOYED / "nginx.conf", folder)
    told = f"daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;"
    if os.geteuid() == 0:
        told += " user root;"  # or its workers could not reach this folder
    process = subprocess.Popen(  # noqa: ASYNC220, S603 - our own command, no shell
        [str(shutil.which("nginx")), "-p", str(folder), "-c", "nginx.conf", "-g", told]
    )
    try:
        limit = time.monotonic() + START_SECONDS
        while not _listens(port):
            assert process.poll() is None, (folder / "error.log").read_text(encoding="utf-8")
            assert time.monotonic() < limit
            await asyncio.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, START_SECONDS)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
