"""Brings events to the webhook endpoint, signed, again and again until it says yes."""

import asyncio
import hashlib
import hmac
import sqlite3
from contextlib import suppress
from typing import Final

import httpx
import structlog

from kit.clock import Clock, to_ms
from sandbox.config import SandboxConfig
from sandbox.store import Store

log = structlog.get_logger()

_MOST_AT_ONCE: Final = 16
_PAUSE_AFTER_TROUBLE_SECONDS: Final = 1.0


def sign(body: str, secret: str, *, at: int) -> str:
    """The Stripe-Signature header: https://docs.stripe.com/webhooks#verify-manually."""
    mac = hmac.new(secret.encode(), f"{at}.{body}".encode(), hashlib.sha256)
    return f"t={at},v1={mac.hexdigest()}"


class Courier:
    """Delivers at least once and in no certain order, as Stripe does.

    What is still to be delivered is in the books, so a killed sandbox goes on where it was.
    """

    def __init__(self, *, store: Store, config: SandboxConfig, clock: Clock) -> None:
        self._store = store
        self._config = config
        self._clock = clock
        self._awake = asyncio.Event()
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._client = httpx.AsyncClient(
            timeout=config.webhook_answer_seconds,
            limits=httpx.Limits(max_connections=_MOST_AT_ONCE),
            follow_redirects=False,
        )

    def wake(self) -> None:
        """Look for deliveries now: some may have been written."""
        self._awake.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        try:
            while True:
                self._awake.clear()
                try:
                    self.run_once()
                    pause = self._pause_seconds()
                except sqlite3.Error:
                    log.exception("courier_in_trouble")
                    pause = _PAUSE_AFTER_TROUBLE_SECONDS
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._awake.wait(), pause)
        finally:
            tasks = list(self._under_way.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._client.aclose()

    def run_once(self) -> int:
        """Set out with all that is due, as far as there are hands; how many it was."""
        free = _MOST_AT_ONCE - len(self._under_way)
        with self._store.transaction() as db:
            due = db.execute(
                "SELECT d.seq, d.attempts, e.body FROM deliveries d JOIN events e"
                " ON e.id = d.event_id WHERE d.state = 'due' AND d.due_ms <= ?"
                " ORDER BY d.due_ms, d.seq LIMIT ?",
                (to_ms(self._clock.now()), _MOST_AT_ONCE * 2),
            ).fetchall()
        chosen = [row for row in due if row["seq"] not in self._under_way][:free]
        for row in chosen:
            task = asyncio.create_task(self._deliver(row["seq"], row["attempts"], row["body"]))
            self._under_way[row["seq"]] = task
        return len(chosen)

    def _pause_seconds(self) -> float | None:
        """Until the next delivery is due; None when only `wake` can bring work."""
        if len(self._under_way) >= _MOST_AT_ONCE:
            return None
        now_ms = to_ms(self._clock.now())
        with self._store.transaction() as db:
            (due_ms,) = db.execute(
                "SELECT min(due_ms) FROM deliveries WHERE state = 'due' AND due_ms > ?", (now_ms,)
            ).fetchone()
        return None if due_ms is None else max(0.0, (due_ms - now_ms) / 1000) + 0.001

    async def _deliver(self, seq: int, attempts: int, body: str) -> None:
        try:
            delivered, answer = await self._post(body)
            self._note(seq, attempts + 1, answer, delivered=delivered)
        except sqlite3.Error:
            log.exception("delivery_not_noted", seq=seq)
        finally:
            del self._under_way[seq]
            self.wake()

    async def _post(self, body: str) -> tuple[bool, str]:
        """Whether the endpoint took it, and what it said."""
        at = int(self._clock.now().timestamp())
        try:
            answer = await self._client.post(
                self._config.webhook_url,
                content=body,
                headers={
                    "Content-Type": "application/json; charset=utf-8",
                    "Stripe-Signature": sign(body, self._config.webhook_secret, at=at),
                },
            )
        except httpx.HTTPError as error:
            return False, repr(error)[:200]
        return answer.is_success, str(answer.status_code)

    def _note(self, seq: int, attempts: int, answer: str, *, delivered: bool) -> None:
        state = "due"
        if delivered:
            state = "delivered"
        elif attempts >= self._config.webhook_attempts:
            state = "given_up"
        wait = min(
            self._config.first_retry_seconds * 2 ** min(attempts - 1, 30),
            self._config.longest_retry_seconds,
        )
        with self._store.transaction() as db:
            db.execute(
                "UPDATE deliveries SET state = ?, attempts = ?, answer = ?, due_ms = ?"
                " WHERE seq = ?",
                (state, attempts, answer, to_ms(self._clock.now()) + round(wait * 1000), seq),
            )
