"""GraphQL over HTTP: media types, status codes, and what is refused before it is executed."""

from functools import partial
from http import HTTPStatus
from time import perf_counter
from typing import Final

import structlog
from graphql import GraphQLError, get_operation_ast, parse
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.graphql import OperationType

from auth.cookie import clear_session_cookie, set_session_cookie
from graph.answers import Answer, plain_answer, present
from graph.context import Context
from graph.event_stream import EventStream, Results, answered, followed
from graph.explorer import explorer_headers, explorer_page
from graph.negotiation import EVENT_STREAM, GRAPHQL_JSON, HTML, JSON, answer_type, is_json
from graph.requests import (
    BadRequest,
    Credentials,
    Operation,
    Origins,
    client_of,
    credentials_of,
    facts_of,
    read_asked,
    read_body,
    read_json,
    read_query_string,
)
from graph.switchboard import Switchboard
from kit.settings import Settings
from orders.errors import OUT_OF_REACH

log = structlog.get_logger()

# Each waits for stores with bounded pools: more at once would only wait until they time out.
MOST_AT_ONCE: Final = 2_000
OVERLOADED_RETRY_MS: Final = 1_000
CROWDED_RETRY_SECONDS: Final = "5"

_READS: Final = (OperationType.QUERY,)
_READS_AND_WRITES: Final = (OperationType.QUERY, OperationType.MUTATION)


class GraphQLEndpoint:
    """The ASGI application at /graphql. Knows a schema and how to make contexts, and no stores."""

    def __init__(
        self, board: Switchboard, settings: Settings, *, most_at_once: int = MOST_AT_ONCE
    ) -> None:
        self._board = board
        self._schema = board.execution.schema
        self._make_context = board.make_context
        self._metrics = board.metrics
        self._most_tokens = settings.query_tokens
        self._most_bytes = settings.body_bytes
        self._secure = settings.public_url.startswith("https://")
        self._origins = Origins(settings)
        self._most_at_once = most_at_once
        self._running = 0
        self._page, self._page_headers = explorer_page(), explorer_headers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever goes wrong is answered in GraphQL's form, too."""
        started = perf_counter()
        headers = Headers(scope=scope)
        media_type, operation_type = JSON, "unknown"
        response: Response | EventStream
        try:
            credentials = self._admit(scope, headers)
            media_type = answer_type(headers.get("accept"), page=scope["method"] == "GET")
            if media_type == HTML:
                response = HTMLResponse(self._page, headers=self._page_headers)
            else:
                operation = await self._read(scope, headers, receive, credentials)
                context = self._make_context(facts_of(scope, headers, credentials.token))
                if media_type == EVENT_STREAM:
                    response = await self._stream(scope["method"], operation, context)
                else:
                    response = await self._run(scope["method"], operation, context, media_type)
                operation_type = context.operation_type
        except BadRequest as refused:
            self._metrics.refused(refused.code)
            response = _refusal(refused, media_type)
        status = response.status_code
        await response(scope, receive, send)
        self._metrics.answered(operation_type, status, perf_counter() - started)

    def _admit(self, scope: Scope, headers: Headers) -> Credentials:
        """Who asks; pages of other origins and methods that mean nothing here are turned away."""
        if not self._origins.allow(headers):
            raise BadRequest("This origin may not call us.", status=403, code="FORBIDDEN")
        if scope["method"] not in {"GET", "POST"}:
            raise BadRequest("Use GET or POST.", status=405, headers={"Allow": "GET, POST"})
        return credentials_of(headers)

    async def _read(
        self, scope: Scope, headers: Headers, receive: Receive, credentials: Credentials
    ) -> Operation:
        if scope["method"] == "GET":
            if len(scope["query_string"]) > self._most_bytes:
                raise BadRequest(f"At most {self._most_bytes} bytes.", status=414)
            asked = read_query_string(scope["query_string"])
            return await self._board.library.find(asked, client_of(headers))
        if not is_json(headers.get("content-type")):
            # A form of another site may send text or a form with the visitor's cookie, never JSON.
            if credentials.token is not None and not credentials.explicit:
                raise BadRequest("Send application/json.", status=403, code="FORBIDDEN")
            raise BadRequest("Send application/json.", status=415, headers={"Accept": JSON})
        body = await read_body(headers, receive, most_bytes=self._most_bytes)
        return await self._board.library.find(read_asked(read_json(body)), client_of(headers))

    async def _run(
        self, method: str, operation: Operation, context: Context, media_type: str
    ) -> Response:
        if self._running >= self._most_at_once:
            return _overloaded(media_type)
        self._running += 1
        try:
            result = await self._schema.execute(
                operation.query,
                variable_values=operation.variables,
                context_value=context,
                operation_name=operation.name,
                allowed_operation_types=_READS if method == "GET" else _READS_AND_WRITES,
            )
        except CannotGetOperationTypeError as error:
            raise BadRequest(error.as_http_error_reason()) from None
        except InvalidOperationTypeError as error:
            raise _wrong_transport(error.operation_type) from None
        finally:
            self._running -= 1
        answer = present(result, request_id=context.request.request_id, metrics=self._metrics)
        response = _respond(answer, media_type)
        self._keep_cookie(context, response)
        return response

    async def _stream(
        self, method: str, operation: Operation, context: Context
    ) -> Response | EventStream:
        facts = context.request
        if method == "GET" and self._is_mutation(operation):
            raise _wrong_transport(OperationType.MUTATION)
        try:
            viewer = await context.viewer_or_none()
        except OUT_OF_REACH:
            return _overloaded(JSON)
        if not self._board.crowding.let_stream_in(facts.address, viewer):
            raise BadRequest(
                "Too many sockets and streams of yours are open. Come back later.",
                status=429,
                code="RATE_LIMITED",
                headers={"Retry-After": CROWDED_RETRY_SECONDS},
            )
        audience = self._board.groups.audience(operation)
        results: Results
        if audience is None:
            allowed = _READS if method == "GET" else _READS_AND_WRITES
            results = partial(answered, self._board.errands, operation, facts, allowed)
        else:
            context.operation_type = "subscription"
            results = partial(followed, self._board.groups, operation, audience, facts)
        return EventStream(self._board, results, facts, viewer, brief=audience is None)

    def _is_mutation(self, operation: Operation) -> bool:
        """Asked before a stream is begun: nothing is executed, and a status can still be told."""
        try:
            document = parse(operation.query, max_tokens=self._most_tokens)
        except (GraphQLError, RecursionError):
            return False  # execution finds the same, and says so
        chosen = get_operation_ast(document, operation.name)
        return chosen is not None and chosen.operation.value == OperationType.MUTATION.value

    def _keep_cookie(self, context: Context, response: Response) -> None:
        """Sign the browser in or out, when a field asked for it."""
        cookie = context.cookie
        if cookie is None:
            return
        secure = self._secure or context.request.secure
        if cookie.token is None or cookie.expires_at is None:
            clear_session_cookie(response, secure=secure)
        else:
            set_session_cookie(response, cookie.token, cookie.expires_at, secure=secure)


def _wrong_transport(operation_type: OperationType) -> BadRequest:
    if operation_type is OperationType.MUTATION:
        return BadRequest("Mutations need POST.", status=405, headers={"Allow": "POST"})
    return BadRequest(f"Subscriptions need a WebSocket, or Accept: {EVENT_STREAM}.")


def _respond(answer: Answer, media_type: str) -> Response:
    status = answer.refused_status
    if status is None:
        status = 400 if media_type == GRAPHQL_JSON and not answer.executed else 200
    headers = {"Cache-Control": "no-store", "Vary": "Accept"}
    if answer.retry_after_seconds is not None:
        headers["Retry-After"] = str(answer.retry_after_seconds)
    return Response(
        answer.to_json(),
        status_code=status,
        headers=headers,
        media_type=f"{media_type}; charset=utf-8",
    )


def _overloaded(media_type: str) -> Response:
    answer = plain_answer(
        "OVERLOADED", "Too much at once. Try again.", retryAfterMs=OVERLOADED_RETRY_MS
    )
    return _respond(answer, media_type)


def _refusal(refused: BadRequest, media_type: str) -> Response:
    shown = media_type if media_type in {JSON, GRAPHQL_JSON} else JSON
    # A refusal may be 200 where the client expects that of all answers, and nowhere else.
    status = refused.status
    if status == HTTPStatus.OK and media_type != JSON:
        status = HTTPStatus.BAD_REQUEST
    return Response(
        plain_answer(refused.code, refused.message).to_json(),
        status_code=status,
        headers={"Cache-Control": "no-store", "Vary": "Accept", **refused.headers},
        media_type=f"{shown}; charset=utf-8",
    )
