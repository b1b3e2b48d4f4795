"""What every request passes on its way in."""

from typing import Final

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from graph.request_ids import RequestIds
from kit.settings import Settings

PREFLIGHT_SECONDS: Final = 600  # what Chromium keeps an answer for at most, without asking again


def edge_middleware(settings: Settings) -> list[Middleware]:
    """A name for each request, then leave for the pages of the settings to read the answers."""
    return [
        Middleware(RequestIds),
        Middleware(
            CORSMiddleware,
            allow_origins=settings.public_origins,
            allow_credentials=True,
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=["X-Request-Id", "Retry-After"],
            max_age=PREFLIGHT_SECONDS,
        ),
    ]
