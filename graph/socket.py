"""The WebSocket's door: which page, which protocol; then a conversation, without a task."""

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from graph.conversation import Conversation
from graph.line import LINE, HandOver
from graph.protocol import CLOSE_POLICY, CLOSE_SUBPROTOCOL, PROTOCOL
from graph.requests import Origins, credentials_of, facts_of
from graph.switchboard import Switchboard
from kit.settings import Settings


class GraphQLSocket:
    """The ASGI application for WebSockets at /graphql.

    It needs a server that hands its connections over (runtime/socket_protocol.py): the call ends
    with the handshake, and the conversation goes on by itself.
    """

    def __init__(self, board: Switchboard, settings: Settings) -> None:
        self._board = board
        self._origins = Origins(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a socket in, and begin its conversation."""
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
        facts = facts_of(scope, headers, credentials.token)
        hand_over: HandOver = scope["extensions"][LINE]
        hand_over(
            lambda line: Conversation(
                self._board, line, facts=facts, explicit_token=credentials.explicit
            )
        )
