"""Sign-in through an OpenID Connect provider: two routes, where one is configured."""

from typing import Any, Final

import httpx
import structlog
from authlib.integrations.base_client import OAuthError  # type: ignore[import-untyped] # has none
from authlib.integrations.starlette_client import (  # type: ignore[import-untyped] # has none
    OAuth,
    StarletteOAuth2App,
)
from joserfc.errors import JoseError
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from auth.accounts import Accounts, Identity
from auth.cookie import set_session_cookie
from auth.errors import InvalidInput, SubjectChanged
from auth.sessions import Sessions
from kit.settings import Settings

log = structlog.get_logger()

STATE_COOKIE: Final = "flashsale_sign_in"
STATE_SECONDS: Final = 600  # time to type a password and a second factor at the provider
PROVIDER_SECONDS: Final = 5.0
# Signatures that only the provider can make. With "none" or a shared secret anybody, or we, could.
_SIGNATURES: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)


def oidc_routes(settings: Settings, accounts: Accounts, sessions: Sessions) -> list[Route]:
    """The routes of social sign-in; none without FLASHSALE_OIDC_ISSUER.

    The state of a sign-in under way is kept in a cookie of these routes alone, so they bring
    their own middleware. Nothing is asked of the provider before somebody signs in.
    """
    if not settings.oidc_issuer:
        return []
    secure = settings.public_url.startswith("https://")
    state = Middleware(
        SessionMiddleware,
        secret_key=settings.secret_key.get_secret_value(),
        session_cookie=STATE_COOKIE,
        max_age=STATE_SECONDS,
        path="/auth/oidc",
        same_site="lax",
        https_only=secure,
    )
    social = SocialSignIn(settings, accounts, sessions)
    return [
        Route("/auth/oidc/start", social.start, name="oidc_start", middleware=[state]),
        Route("/auth/oidc/callback", social.callback, name="oidc_callback", middleware=[state]),
    ]


class SocialSignIn:
    """The authorization code flow with PKCE, state and nonce, by Authlib."""

    def __init__(self, settings: Settings, accounts: Accounts, sessions: Sessions) -> None:
        self._issuer = settings.oidc_issuer
        self._client_id = settings.oidc_client_id
        self._public_url = settings.public_url.rstrip("/")
        self._accounts = accounts
        self._sessions = sessions
        self._client: StarletteOAuth2App = OAuth().register(
            "oidc",
            server_metadata_url=f"{self._issuer.rstrip('/')}/.well-known/openid-configuration",
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret.get_secret_value(),
            client_kwargs={
                "scope": "openid email profile",
                "code_challenge_method": "S256",
                "timeout": PROVIDER_SECONDS,
                # Authlib makes a client per call, and each would read all certificates anew.
                "verify": httpx.create_ssl_context(),
            },
        )

    async def start(self, request: Request) -> Response:
        """Send the browser to the provider, and remember in its cookie that it was us."""
        callback = (
            f"{self._public_url}/auth/oidc/callback"
            if self._public_url
            else str(request.url_for("oidc_callback"))
        )
        try:
            response: Response = await self._client.authorize_redirect(request, callback)
        except (httpx.HTTPError, RuntimeError, ValueError) as error:
            return _unreachable(error).answer()
        response.headers["Cache-Control"] = "no-store"
        return response

    async def callback(self, request: Request) -> Response:
        """Sign in whoever the provider vouches for; 400 says why not, and nothing was written."""
        try:
            claims = await self._claims(request)
            identity = _identity(claims)
            user = await self._accounts.sign_in_with(identity)
        except _Refused as refused:
            return refused.answer()
        except InvalidInput as error:
            return _Refused("invalid_email", error.message).answer()
        except SubjectChanged as error:
            return _Refused("subject_changed", str(error)).answer()
        token, expires_at = await self._sessions.open(user.id)
        response = RedirectResponse(self._public_url or "/", status_code=303)
        secure = request.url.scheme == "https" or self._public_url.startswith("https://")
        set_session_cookie(response, token, expires_at, secure=secure)
        response.headers["Cache-Control"] = "no-store"
        return response

    async def _claims(self, request: Request) -> dict[str, Any]:
        """What the provider says of whoever signed in; state, nonce and signature are checked."""
        state = request.query_params.get("state")
        if await self._client.framework.get_state_data(request.session, state) is None:
            raise _Refused("invalid_state", "This sign-in was not started here, or is over.")
        try:
            await self._trust_signatures_only()
            token = await self._client.authorize_access_token(
                request,
                claims_options={
                    "iss": {"essential": True, "value": self._issuer},
                    "aud": {"essential": True, "value": self._client_id},
                    "sub": {"essential": True},
                },
            )
            claims: dict[str, Any] = token["userinfo"]
        except OAuthError as error:
            # "access_denied", or a code that the provider does not know or has used already.
            raise _Refused(str(error.error), str(error.description or "Refused.")) from None
        except (JoseError, KeyError, TypeError) as error:
            # The provider's answer does not hold what it must, or was not signed for us.
            log.warning("oidc_token_refused", error=repr(error))
            raise _Refused("invalid_id_token", "The provider's answer is not valid.") from None
        except (httpx.HTTPError, RuntimeError, ValueError) as error:
            raise _unreachable(error) from None
        return claims

    async def _trust_signatures_only(self) -> None:
        """Of the algorithms that the provider offers, keep those that we believe."""
        metadata = await self._client.load_server_metadata()
        offered = metadata.get("id_token_signing_alg_values_supported") or ()
        believed = [name for name in offered if name in _SIGNATURES]
        metadata["id_token_signing_alg_values_supported"] = believed or ["RS256"]


class _Refused(Exception):
    """Why somebody is not signed in, as the browser is told."""

    def __init__(self, error: str, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self._status = status
        self._body = {"error": error, "message": message}

    def answer(self) -> JSONResponse:
        return JSONResponse(
            self._body, status_code=self._status, headers={"Cache-Control": "no-store"}
        )


def _identity(claims: dict[str, Any]) -> Identity:
    if claims.get("email_verified") is not True or not isinstance(claims.get("email"), str):
        raise _Refused("email_not_verified", "The provider has not verified your e-mail address.")
    return Identity(
        issuer=str(claims["iss"]),
        subject=str(claims["sub"]),
        email=claims["email"],
        name=str(claims.get("name") or ""),
    )


def _unreachable(error: Exception) -> _Refused:
    log.warning("oidc_provider_unreachable", error=repr(error))
    message = "The sign-in provider does not answer. Try again."
    return _Refused("provider_unreachable", message, status=502)
