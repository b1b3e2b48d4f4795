"""The cookie that keeps a browser signed in."""

from datetime import datetime
from typing import Final

from starlette.responses import Response

SESSION_COOKIE: Final = "flashsale_session"


def set_session_cookie(
    response: Response, token: str, expires_at: datetime, *, secure: bool
) -> None:
    """Sign the browser in: out of reach of scripts, not sent along by other sites' posts."""
    response.set_cookie(
        SESSION_COOKIE,
        token,
        expires=expires_at,
        path="/",
        httponly=True,
        samesite="lax",
        secure=secure,
    )


def clear_session_cookie(response: Response, *, secure: bool) -> None:
    """Sign the browser out; the session itself is revoked elsewhere."""
    response.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="lax", secure=secure)
