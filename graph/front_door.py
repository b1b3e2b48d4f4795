"""Where POSTs come in before ASGI: answered at once, or executed and answered without it."""

from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from http import HTTPStatus
from time import perf_counter
from typing import Any, Final, TypeAlias

import structlog
from starlette.datastructures import Headers

from graph.answers import MakeContext, plain_answer
from graph.context import RequestFacts
from graph.endpoint import GraphQLEndpoint
from graph.errors import MASKED
from graph.express import AtOnce, Express
from graph.lanes import FORWARDED, Lane, Lanes, RawHeaders, wire
from graph.metrics import Metrics
from graph.requests import address_of, client_of, credentials_of
from kit.settings import Settings

log = structlog.get_logger()

Client: TypeAlias = tuple[str, int] | None
"""Address and port of who asks."""

Answered: TypeAlias = AtOnce | Coroutine[Any, Any, AtOnce] | None
"""An answer, or one that will be; None when the request has to go the usual way."""

Answer: TypeAlias = Callable[[RawHeaders, bytes, Client], Answered]
"""Answers a POST to /graphql, by its headers, its whole body and who sent it."""

_ERROR: Final = HTTPStatus.INTERNAL_SERVER_ERROR


class FrontDoor:
    """Answers what needs nothing of ASGI: no middleware of ours does more than its lane knows.

    Measured: of an addToCart's processor time uvicorn's and Starlette's way in and out is a third.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        lanes: Lanes,
        express: Express,
        endpoint: GraphQLEndpoint,
        make_context: MakeContext,
        metrics: Metrics,
    ) -> None:
        self._most_bytes = settings.body_bytes
        self._believes_proxies = bool(settings.trusted_proxies)
        self._lanes = lanes
        self._express = express
        self._endpoint = endpoint
        self._make_context = make_context
        self._metrics = metrics

    def answer(self, headers: RawHeaders, body: bytes, client: Client) -> Answered:
        """The answer to a POST of this body."""
        lane = self._lanes.find(headers)
        if lane is None:
            return None
        at_once = self._express.answer(lane, headers, body)
        if at_once is not None:
            return at_once
        if len(body) > self._most_bytes:
            return None
        if self._believes_proxies and any(name in FORWARDED for name, _ in headers):
            return None
        return self._execute(lane, headers, body, client)

    async def _execute(
        self, lane: Lane, raw_headers: RawHeaders, body: bytes, client: Client
    ) -> AtOnce:
        """Have the endpoint answer. Never raises: what nobody foresaw is logged and masked."""
        started = perf_counter()
        headers, name = Headers(raw=list(raw_headers)), self._lanes.name(raw_headers)
        request_id = name.decode()
        context = self._make_context(
            RequestFacts(
                request_id,
                credentials_of(headers).token,
                address_of(client),
                lane.origin,
                secure=False,
                client=client_of(headers),
            )
        )
        with _logged_as(request_id):
            try:
                response = await self._endpoint.answer_post(
                    headers, (lane.client, body), context, lane.media_type
                )
            except Exception:
                log.exception("request_failed", path="/graphql")
                masked = plain_answer("INTERNAL", MASKED, requestId=request_id).to_json()
                return _ERROR, b"".join((lane.head, name, wire(masked)))
        status = response.status_code
        self._metrics.answered(context.operation_type, status, perf_counter() - started)
        told = wire(bytes(response.body), response.raw_headers)
        return HTTPStatus(status), b"".join((lane.head, name, told))


def _logged_as(request_id: str) -> AbstractContextManager[None]:
    return structlog.contextvars.bound_contextvars(request_id=request_id)
