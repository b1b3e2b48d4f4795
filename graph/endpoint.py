"""GraphQL over HTTP: media types, status codes, and what is refused before it is executed."""

from functools import partial
from time import perf_counter
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send
from strawberry.types.graphql import OperationType

from auth.cookie import clear_session_cookie, set_session_cookie
from graph.answers import Answer
from graph.context import Context
from graph.documents import Prepared
from graph.event_stream import EventStream, Results, answered, followed
from graph.explorer import explorer_headers, explorer_page
from graph.express import Express
from graph.http_answers import (
    TELL_CACHE_STATUS,
    overloaded,
    refusal,
    respond,
    respond_kept,
    wrong_transport,
)
from graph.lanes import client_bytes
from graph.negotiation import EVENT_STREAM, HTML, JSON, answer_type, is_json
from graph.public_answers import PublicAnswers, Status
from graph.requests import (
    Asked,
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
from graph.response_cache import CachedAnswer, Raw
from graph.switchboard import Switchboard
from graph.turnstile import READS, READS_AND_WRITES, Turnstile
from kit.settings import Settings
from orders.errors import OUT_OF_REACH

CROWDED_RETRY_SECONDS: Final = "5"

# RFC 9211. Where it is not from memory, why a request went on to execution.
_CACHE_STATUS: Final[dict[Status, str]] = {
    "hit": "flashsale; hit",
    "miss": "flashsale; fwd=miss; stored",
    "bypass": "flashsale; fwd=bypass",
}
# Before the client's name, so that the bytes of a GET never are those of a POST.
_GET: Final = b"GET\n"


class GraphQLEndpoint:
    """The ASGI application at /graphql. Knows no stores."""

    def __init__(
        self,
        board: Switchboard,
        settings: Settings,
        *,
        turnstile: Turnstile,
        public: PublicAnswers,
        express: Express,
    ) -> None:
        self._board = board
        self._execution = board.execution
        self._make_context = board.make_context
        self._metrics = board.metrics
        self._turnstile = turnstile
        self._public = public
        self._express = express
        self._most_bytes = settings.body_bytes
        self._secure = settings.public_url.startswith("https://")
        self._origins = Origins(settings)
        self._page, self._page_headers = explorer_page(), explorer_headers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever goes wrong is answered in GraphQL's form, too."""
        started = perf_counter()
        method, headers = scope["method"], Headers(scope=scope)
        media_type, operation_type = JSON, "unknown"
        response: Response | EventStream
        try:
            credentials = self._admit(method, headers)
            media_type = answer_type(headers.get("accept"), page=method == "GET")
            if media_type == HTML:
                response = HTMLResponse(self._page, headers=self._page_headers)
            else:
                raw = await self._read(scope, headers, receive, credentials)
                context = self._make_context(facts_of(scope, headers, credentials.token))
                response = await self._answer(method, headers, raw, context, media_type)
                operation_type = context.operation_type
        except BadRequest as refused:
            self._metrics.refused(refused.code)
            response = refusal(refused, media_type, method=method)
        status = response.status_code
        await response(scope, receive, send)
        self._metrics.answered(operation_type, status, perf_counter() - started)

    async def answer_post(
        self, headers: Headers, raw: Raw, context: Context, media_type: str
    ) -> Response:
        """The answer to a POST in JSON that was let in; whoever calls counts it."""
        try:
            response = await self._answer("POST", headers, raw, context, media_type)
        except BadRequest as refused:
            self._metrics.refused(refused.code)
            return refusal(refused, media_type, method="POST")
        assert isinstance(response, Response), "a stream was not asked for"
        return response

    def _admit(self, method: str, headers: Headers) -> Credentials:
        """Who asks; pages of other origins and methods that mean nothing here are turned away."""
        if not self._origins.allow(headers):
            raise BadRequest("This origin may not call us.", status=403, code="FORBIDDEN")
        if method not in {"GET", "POST"}:
            raise BadRequest("Use GET or POST.", status=405, headers={"Allow": "GET, POST"})
        return credentials_of(headers)

    async def _read(
        self, scope: Scope, headers: Headers, receive: Receive, credentials: Credentials
    ) -> Raw:
        """The bytes that say what is asked for, and who says so."""
        if scope["method"] == "GET":
            if len(scope["query_string"]) > self._most_bytes:
                raise BadRequest(f"At most {self._most_bytes} bytes.", status=414)
            return _GET + client_bytes(headers), scope["query_string"]
        if not is_json(headers.get("content-type")):
            # A form of another site may send text or a form with the visitor's cookie, never JSON.
            if credentials.token is not None and not credentials.explicit:
                raise BadRequest("Send application/json.", status=403, code="FORBIDDEN")
            raise BadRequest("Send application/json.", status=415, headers={"Accept": JSON})
        body = await read_body(headers, receive, most_bytes=self._most_bytes)
        return client_bytes(headers), body

    async def _answer(
        self, method: str, headers: Headers, raw: Raw, context: Context, media_type: str
    ) -> Response | EventStream:
        kept: CachedAnswer | Answer | None = None
        status: Status = "hit"
        if media_type != EVENT_STREAM:
            kept = self._public.find_raw(raw)
        if kept is None:
            operation = await self._board.library.find(_asked(method, raw), client_of(headers))
            prepared = self._execution.prepare(operation)
            context.operation_type = prepared.kind
            if media_type == EVENT_STREAM:
                return await self._stream(method, operation, prepared, context)
            if prepared.public:
                kept, status = await self._public.answer(operation, context, raw)
            else:
                only_reads = method == "GET"
                kept = await self._turnstile.run(operation, context, only_reads=only_reads)
                status = "bypass"
                self._remember_refusal(raw, kept, context)
        if isinstance(kept, CachedAnswer):
            context.operation_type = "query"
            response = respond_kept(
                kept, media_type, method=method, if_none_match=headers.get("if-none-match")
            )
        else:
            response = respond(kept, media_type, method=method)
            self._keep_cookie(context, response)
        self._tell_status(status, headers, response)
        return response

    def _tell_status(self, status: Status, headers: Headers, response: Response) -> None:
        """Count whether the answer came from memory, and say so (RFC 9211) to those who ask."""
        if status == "hit":
            self._metrics.cache_hits.inc()
        elif status == "miss":
            self._metrics.cache_misses.inc()
        if TELL_CACHE_STATUS in headers:
            response.headers["Cache-Status"] = _CACHE_STATUS[status]

    def _remember_refusal(self, raw: Raw, answer: Answer, context: Context) -> None:
        """Have the express lane refuse what asks for the same sold-out deal in the same bytes."""
        deal_id, seconds = context.sold_out, self._public.true_for(context.sources)
        if deal_id is None or answer.errors or len(answer.body["data"]) != 1 or seconds is None:
            return
        self._express.remember_refusal(raw, deal_id, answer.to_json(), seconds=seconds)

    async def _stream(
        self, method: str, operation: Operation, prepared: Prepared, context: Context
    ) -> Response | EventStream:
        facts = context.request
        # Refused before a stream is begun: a status can still be told.
        if method == "GET" and prepared.kind == "mutation":
            raise wrong_transport(OperationType.MUTATION)
        try:
            viewer = await context.viewer_or_none()
        except OUT_OF_REACH:
            return overloaded(JSON)
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
            allowed = READS if method == "GET" else READS_AND_WRITES
            results = partial(answered, self._board.errands, operation, facts, allowed)
        else:
            results = partial(followed, self._board.groups, operation, audience, facts)
        return EventStream(self._board, results, facts, viewer, brief=audience is None)

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


def _asked(method: str, raw: Raw) -> Asked:
    """What a request's bytes ask for."""
    if method == "GET":
        return read_query_string(raw[1])
    return read_asked(read_json(raw[1]))
