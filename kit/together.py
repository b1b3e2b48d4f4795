"""One question to a store for all who ask it at the same time."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Key = TypeVar("Key")
Answer = TypeVar("Answer")


class Together(Generic[Key, Answer]):
    """Reads for many at once: who comes while a reading is under way shares the next one.

    Nobody waits for company: alone, one's reading begins in the next turn of the loop. What is read
    is never older than the question.
    """

    def __init__(
        self, read: Callable[[list[Key]], Awaitable[Sequence[Answer]]], *, most: int
    ) -> None:
        """`read` answers at most `most` keys at a time, in their order."""
        self._read = read
        self._most = most
        self._wanted: deque[tuple[Key, asyncio.Future[Answer]]] = deque()
        self._reading: asyncio.Task[None] | None = None

    async def ask(self, key: Key) -> Answer:
        """The answer to one key. What `read` raises, everybody gets whom it was to answer."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._wanted.append((key, answer))
        if self._reading is None:
            self._reading = loop.create_task(self._answer_all(), name="read together")
        return await answer

    async def _answer_all(self) -> None:
        asked: list[tuple[Key, asyncio.Future[Answer]]] = []
        try:
            while self._wanted:
                count = min(len(self._wanted), self._most)
                asked = [self._wanted.popleft() for _ in range(count)]
                await self._answer(asked)
        finally:
            self._reading = None
            for _, answer in (*asked, *self._wanted):
                answer.cancel()  # only of who is left when the loop is shut down
            self._wanted.clear()

    async def _answer(self, asked: Sequence[tuple[Key, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._read([key for key, _ in asked])
        except Exception as error:  # noqa: BLE001 - whoever waits gets it
            for _, waiting in asked:
                if not waiting.done():
                    waiting.set_exception(error)
        else:
            for (_, waiting), answer in zip(asked, answers, strict=True):
                if not waiting.done():
                    waiting.set_result(answer)
