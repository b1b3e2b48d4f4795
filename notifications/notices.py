"""Telling a user one fact once: staged with the change that causes it, sent by a job."""

from datetime import UTC, datetime
from typing import Final, cast

import asyncpg
import structlog
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.queries import Queries
from pydantic import BaseModel

from notifications.mail import Mailer
from notifications.messages import AnyNotice, HoldLapsing, Notice, compose

log = structlog.get_logger()

Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy

SEND_MAIL: Final = "send_mail"
"""The job's name in the queue."""


class _Payload(BaseModel):
    user_id: str
    fact: str
    notice: Notice


async def stage(
    connection: Connection,
    user_id: str,
    fact: str,
    notice: AnyNotice,
) -> bool:
    """Stage one notice, at most once per user and fact ("order_confirmed:ord_...").

    Call it inside the transaction that makes the fact true: row and job commit with it or not at
    all. False when the fact was told before; nothing is staged then.
    """
    fresh = await connection.fetchval(
        "INSERT INTO notifications (user_id, fact) VALUES ($1, $2)"
        " ON CONFLICT DO NOTHING RETURNING true",
        user_id,
        fact,
    )
    if not fresh:
        return False
    payload = _Payload(user_id=user_id, fact=fact, notice=notice)
    queries = Queries(AsyncpgDriver(cast("asyncpg.Connection", connection)))
    await queries.enqueue(SEND_MAIL, payload.model_dump_json().encode())
    return True


async def send_mail(
    payload: bytes,
    mailer: Mailer,
    pool: asyncpg.Pool,
    *,
    now: datetime | None = None,
) -> bool:
    """Do the job that `stage` enqueued. False when there is nobody to tell, or it is too late.

    At least once: may be repeated, a repeat carries the same Message-ID.

    Raises:
        aiosmtplib.SMTPException, OSError: not sent, or outcome unknown; repeat.
    """
    job = _Payload.model_validate_json(payload)
    notice = job.notice
    if isinstance(notice, HoldLapsing) and notice.lapses_at <= (now or datetime.now(UTC)):
        return False
    user = await pool.fetchrow("SELECT email, name FROM users WHERE id = $1", job.user_id)
    if user is None:
        log.info("mail_to_nobody", user_id=job.user_id, fact=job.fact)
        return False
    mail = compose(notice, name=user["name"])
    await mailer.send(mail, name=user["name"], address=user["email"], fact=job.fact)
    return True
