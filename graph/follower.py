"""A subscription of a socket: its place in a group, and what its client has not taken yet."""

from typing import TYPE_CHECKING, Any, Final

import orjson

from graph.answers import Answer
from graph.group import Group, Payload
from graph.line import text_frame

if TYPE_CHECKING:
    from graph.conversation import Conversation

# Things of which a client that does not read may miss the newest state: more are forgotten.
MOST_KEPT: Final = 256


class Follower:
    """Passes payloads on as they are. Of each key it keeps only the newest while nobody reads."""

    __slots__ = ("_conversation", "_kept", "_last_word", "_prefix", "group", "operation_id")

    def __init__(self, conversation: "Conversation", operation_id: str) -> None:
        self.operation_id = operation_id
        self.group: Group | None = None
        self._conversation = conversation
        self._prefix = b'{"id":%b,"type":"next","payload":' % orjson.dumps(operation_id)
        self._kept: dict[str, Payload] | None = None
        self._last_word: bytes | None = None

    def take(self, payload: Payload) -> bool:
        """Send a payload, or keep it while the client is slow."""
        line = self._conversation.line
        if line.writable and self._kept is None:
            line.send(text_frame(self._prefix, payload.body, b"}"))
            return True
        if self._kept is None:
            self._kept = {}
            self._conversation.backlog().add(self)
        if payload.key in self._kept:
            self._conversation.board.metrics.skipped.inc()
        self._kept[payload.key] = payload
        if len(self._kept) > MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        return False

    def end(self, refused: Answer | None) -> None:
        """Tell the client, after what it has not taken yet. Its id is free from here on."""
        self._conversation.ended(self)
        word: dict[str, Any] = {"id": self.operation_id, "type": "complete"}
        if refused is not None:
            word |= {"type": "error", "payload": refused.errors}
        frame = text_frame(orjson.dumps(word))
        if self._kept is None:
            self._conversation.line.send(frame)
        else:
            self._last_word = frame

    def leave(self) -> None:
        """Hear no more."""
        self._kept = None
        if self.group is not None:
            self.group.remove(self)

    def catch_up(self) -> bool:
        """Send what was kept, as long as the client takes it; True when nothing is left."""
        line = self._conversation.line
        while self._kept and line.writable:
            payload = self._kept.pop(next(iter(self._kept)))
            line.send(text_frame(self._prefix, payload.body, b"}"))
            self._conversation.board.metrics.payloads.inc()
        if self._kept:
            return False
        self._kept = None
        if self._last_word is not None:
            line.send(self._last_word)
        return True
