"""The words of graphql-transport-ws: close codes, and what a client's message must look like."""

from typing import Any, Final

from graph.requests import Asked, BadRequest, bearer_token, read_asked, read_json

PROTOCOL: Final = "graphql-transport-ws"

# RFC 6455, section 7.4.1
CLOSE_POLICY: Final = 1008  # before the handshake is over: the client sees HTTP 403
CLOSE_NOT_TEXT: Final = 1007
CLOSE_TOO_BIG: Final = 1009
CLOSE_INTERNAL: Final = 1011
# https://www.iana.org/assignments/websocket
CLOSE_RESTART: Final = 1012  # clients of graphql-ws connect again on this and the next
CLOSE_COME_BACK: Final = 1013
# https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
CLOSE_BAD_MESSAGE: Final = 4400
CLOSE_NOT_INITIALISED: Final = 4401
CLOSE_FORBIDDEN: Final = 4403
CLOSE_SUBPROTOCOL: Final = 4406
CLOSE_INIT_LATE: Final = 4408
CLOSE_DUPLICATE_ID: Final = 4409
CLOSE_INIT_TWICE: Final = 4429

MOST_ID_LENGTH: Final = 64  # a UUID has 36; a close reason holds 123 bytes


class Close(Exception):
    """The conversation is over: a code and a reason for the closing handshake."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def read_message(raw: bytes | None, *, most_bytes: int) -> dict[str, Any]:
    """The bytes of one text message as a message of some type.

    Raises:
        Close: it is not text, too big, or not a JSON object.
    """
    if raw is None:
        raise Close(CLOSE_BAD_MESSAGE, "Send text frames")
    if len(raw) > most_bytes:
        raise Close(CLOSE_TOO_BIG, f"At most {most_bytes} bytes")
    try:
        message = read_json(raw.decode())
    except UnicodeDecodeError:
        raise Close(CLOSE_NOT_TEXT, "Not UTF-8") from None
    except BadRequest:
        raise Close(CLOSE_BAD_MESSAGE, "Not JSON") from None
    if not isinstance(message, dict):
        raise Close(CLOSE_BAD_MESSAGE, "Send a JSON object")
    return message


def payload_of(message: dict[str, Any]) -> dict[str, Any] | None:
    """The payload of an init, ping or pong.

    Raises:
        Close: it is something else than an object.
    """
    payload = message.get("payload")
    if not isinstance(payload, dict | None):
        raise Close(CLOSE_BAD_MESSAGE, "payload must be an object")
    return payload


def token_of(payload: dict[str, Any] | None) -> str | None:
    """The token that an init presents, valid or not; None when it presents nothing."""
    token = None
    for name, value in (payload or {}).items():
        if name.lower() == "authorization" and value is not None:
            token = bearer_token(value) if isinstance(value, str) else ""
    return token


def id_of(message: dict[str, Any]) -> str:
    """The operation that a message is about.

    Raises:
        Close: it names none, or by too long a name.
    """
    operation_id = message.get("id")
    if not isinstance(operation_id, str) or not 0 < len(operation_id) <= MOST_ID_LENGTH:
        raise Close(CLOSE_BAD_MESSAGE, f"id must have 1 to {MOST_ID_LENGTH} characters")
    return operation_id


def client_named(payload: dict[str, Any] | None) -> str | None:
    """What the program that an init speaks for calls itself."""
    name = (payload or {}).get("clientName")
    return name if isinstance(name, str) and name else None


def asked_of(message: dict[str, Any]) -> Asked:
    """What a subscribe message asks for.

    Raises:
        Close: an entry has the wrong shape. An error in the document itself is found later.
    """
    try:
        return read_asked(message.get("payload"))
    except BadRequest as error:
        raise Close(CLOSE_BAD_MESSAGE, error.message) from None
