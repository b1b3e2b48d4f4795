"""A small OpenID Connect provider for the tests, as strict as a real one."""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT_ID = "flashsale-storefront"
CLIENT_SECRET = "a client secret"


@dataclass
class Provider:
    """An OpenID Connect provider: codes once only, PKCE, and claims that a test may spoil."""

    port: int
    subject: str = field(default_factory=lambda: secrets.token_hex(8))
    email: str = field(default_factory=lambda: f"{secrets.token_hex(8)}@People.Example")
    spoil: dict[str, Any] = field(default_factory=dict)
    signature: str = "RS256"
    broken: bool = False
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(parameters={"kid": "one"}))
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def routes(self) -> list[Route]:
        return [
            Route("/.well-known/openid-configuration", self.configuration),
            Route("/keys", self.keys),
            Route("/authorize", self.authorize),
            Route("/token", self.token, methods=["POST"]),
        ]

    async def configuration(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "id_token_signing_alg_values_supported": ["none", "HS256", "RS256"],
            }
        )

    async def keys(self, _: Request) -> Response:
        return JSONResponse(KeySet([self.key]).as_dict(private=False))

    async def authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        code = secrets.token_urlsafe()
        self.codes[code] = asked
        query = urlencode({"code": code, "state": asked["state"]})
        return RedirectResponse(f"{asked['redirect_uri']}?{query}", status_code=302)

    async def token(self, request: Request) -> Response:
        if self.broken:
            return Response(status_code=503)
        form = {key: str(value) for key, value in (await request.form()).items()}
        login = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
        asked = self.codes.pop(form["code"], None)
        challenge = _base64(hashlib.sha256(form["code_verifier"].encode()).digest())
        if (
            asked is None
            or login != f"{CLIENT_ID}:{CLIENT_SECRET}"
            or asked["code_challenge"] != challenge
            or asked["redirect_uri"] != form["redirect_uri"]
        ):
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 60,
            "nonce": asked["nonce"],
            "email": self.email,
            "email_verified": True,
            "name": "Grace Hopper",
        } | self.spoil
        claims = {name: value for name, value in claims.items() if value is not None}
        return JSONResponse(
            {"access_token": "unused", "token_type": "Bearer", "id_token": self.sign(claims)}
        )

    def sign(self, claims: dict[str, Any]) -> str:
        match self.signature:
            case "none":
                return f"{_unsigned('none', claims)}."
            case "HS256":
                text = _unsigned("HS256", claims)
                public = self.key.as_pem(private=False)
                return f"{text}.{_base64(hmac.digest(public, text.encode(), 'sha256'))}"
            case "another key":
                other = RSAKey.generate_key(parameters={"kid": "one"})
                return jwt.encode({"alg": "RS256", "kid": "one"}, claims, other)
            case _:
                return jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)


@asynccontextmanager
async def serve_provider() -> AsyncIterator[Provider]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        provider = Provider(port=listening.getsockname()[1])
        app = Starlette(routes=provider.routes())
        server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")
        )
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        yield provider
        server.should_exit = True
        await serving


def _unsigned(algorithm: str, claims: dict[str, Any]) -> str:
    header = {"alg": algorithm, "kid": "one"}
    return ".".join(_base64(json.dumps(part).encode()) for part in (header, claims))


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
