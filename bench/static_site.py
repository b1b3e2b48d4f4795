"""Reference: nginx, one process, serving files from a folder with nothing to log."""

from pathlib import Path
from typing import Final

from bench.programs import find

_CONFIGURATION: Final = """\
daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  default_type application/json;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  open_file_cache max=100;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    root {folder};
    location = /healthz {{ return 200 "ok"; }}
  }}
}}
"""


def site_folder(folder: Path, port: int) -> Path:
    """Where the files of the site on this port are."""
    return folder / f"nginx-{port}"


def static_site(folder: Path, port: int) -> list[str]:
    """Prepare a site in a folder of its own; the command that serves it.

    Raises:
        CannotStart: nginx is not installed.
    """
    site = site_folder(folder, port)
    site.mkdir()
    configuration = site / "nginx.conf"
    configuration.write_text(_CONFIGURATION.format(folder=site, port=port))
    return [find("nginx"), "-p", str(site), "-c", str(configuration), "-e", str(site / "error.log")]
