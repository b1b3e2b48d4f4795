"""The WebSocket's door: which page, which protocol, which session; then a conversation."""

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send
from strawberry import Schema

from graph.answers import MakeContext
from graph.conversation import Conversation, Pace
from graph.metrics import Metrics
from graph.open_sessions import OpenSessions
from graph.protocol import CLOSE_POLICY, CLOSE_SUBPROTOCOL, PROTOCOL
from graph.requests import Origins, credentials_of, facts_of
from kit.settings import Settings


class GraphQLSocket:
    """The ASGI application for WebSockets at /graphql."""

    def __init__(
        self,
        schema: Schema,
        make_context: MakeContext,
        *,
        settings: Settings,
        metrics: Metrics,
        open_sessions: OpenSessions,
        pace: Pace | None = None,
    ) -> None:
        self._schema = schema
        self._make_context = make_context
        self._most_bytes = settings.body_bytes
        self._most_operations = settings.socket_operations
        self._origins = Origins(settings)
        self._metrics = metrics
        self._open_sessions = open_sessions
        self._pace = pace or Pace()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a socket in and serve it until one side closes it."""
        await receive()  # websocket.connect
        headers = Headers(scope=scope)
        if not self._origins.allow(headers):
            await send({"type": "websocket.close", "code": CLOSE_POLICY, "reason": ""})
            return
        spoken = PROTOCOL in scope["subprotocols"]
        await send({"type": "websocket.accept", "subprotocol": PROTOCOL if spoken else None})
        if not spoken:
            # Also for the legacy protocol, which is called graphql-ws as the newer library is.
            reason = f"Speak {PROTOCOL}"
            await send({"type": "websocket.close", "code": CLOSE_SUBPROTOCOL, "reason": reason})
            return
        credentials = credentials_of(headers)
        conversation = Conversation(
            self._schema,
            self._make_context,
            facts=facts_of(scope, headers, credentials.token),
            explicit_token=credentials.explicit,
            receive=receive,
            send=send,
            metrics=self._metrics,
            open_sessions=self._open_sessions,
            most_bytes=self._most_bytes,
            most_operations=self._most_operations,
            pace=self._pace,
        )
        with self._metrics.sockets.track_inprogress():
            await conversation.run()
