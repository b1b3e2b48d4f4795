"""The pages for people: static files, which load nothing from anywhere else."""

import mimetypes
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from kit.settings import Settings

WEB: Final = Path(__file__).resolve().parent.parent / "web"

# A browser runs no module under another type, and a machine's own list may name one.
mimetypes.add_type("text/javascript", ".js")

_WORTH_PACKING_BYTES: Final = 1_024
_READING: Final = ["GET", "HEAD"]
# A page and its modules belong together: the browser asks each time, and an ETag makes it cheap.
_ASK_AGAIN: Final = "no-cache"
_KEEP_PICTURES: Final = "max-age=3600"


class Files(StaticFiles):
    """The files of web/, each with the headers that say how far to trust and keep it."""

    def __init__(self, *, payment_origin: str | None) -> None:
        super().__init__(directory=WEB)
        connect = "'self'" if payment_origin is None else f"'self' {payment_origin}"
        self._headers = {
            "Content-Security-Policy": (
                f"default-src 'self'; connect-src {connect}; object-src 'none';"
                " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
            ),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
        }

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, or 304 when the browser has it.

        Raises:
            HTTPException: 404 or 405.
        """
        response = await super().get_response(path, scope)
        response.headers.update(self._headers)
        kept = path.startswith("pictures/")
        response.headers["Cache-Control"] = _KEEP_PICTURES if kept else _ASK_AGAIN
        return response


def page_routes(settings: Settings) -> list[BaseRoute]:
    """The storefront, the control room, their files, and what a page has to know beforehand."""
    payment_base = _payment_base(settings)
    files = Files(payment_origin=_origin(payment_base) if payment_base else None)
    known = {
        "paymentBase": payment_base,
        "publishableKey": settings.stripe_publishable_key,
        "currency": settings.currency,
        "socialSignIn": bool(settings.oidc_issuer),
    }

    async def storefront(request: Request) -> Response:
        return await files.get_response("index.html", request.scope)

    async def dashboard(request: Request) -> Response:
        return await files.get_response("dashboard/index.html", request.scope)

    async def config(_request: Request) -> Response:
        return JSONResponse(known, headers={"Cache-Control": _ASK_AGAIN})

    return [
        Route("/", storefront, methods=_READING),
        Route("/dashboard", dashboard, methods=_READING),
        Route("/config.json", config, methods=_READING),
        Mount("/static", GZipMiddleware(files, minimum_size=_WORTH_PACKING_BYTES)),
    ]


def _payment_base(settings: Settings) -> str | None:
    """Where the storefront pays with test cards; None: Stripe itself, whose page it is not."""
    if not settings.stripe_api_base:
        return None
    return (settings.stripe_pages_base or settings.stripe_api_base).rstrip("/")


def _origin(url: str) -> str:
    return "{0.scheme}://{0.netloc}".format(urlsplit(url))
