"""Telling a user one fact once, through the job queue, to a real mail server."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import aiosmtplib
import asyncpg
import pytest
import structlog
from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
from pgqueuer.queries import Queries

from kit.ids import new_id
from kit.settings import SettingsError, load_settings
from notifications.mail import Mailer
from notifications.messages import (
    AnyNotice,
    HoldLapsing,
    Line,
    OrderConfirmed,
    OrderRefunded,
    SentBack,
)
from notifications.notices import SEND_MAIL, send_mail, stage
from tests.notifications.mail_server import MailServer, serve_mail

CONFIRMED = OrderConfirmed(
    order_number="FS-1042",
    lines=(
        Line(title="Kettle, 1.7 l", quantity=2, unit_price_minor=1_999),
        Line(title="Teapot\r\nBcc: eve@example.com", quantity=1, unit_price_minor=3_000),
    ),
    total_minor=6_998,
    currency="USD",
)
LAPSES_AT = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
LAPSING = HoldLapsing(title="Kettle, 1.7 l", quantity=2, lapses_at=LAPSES_AT)


class Undone(Exception):
    """Rolls a transaction back."""


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with serve_mail() as serving:
        yield serving


@pytest.fixture
def mailer(server: MailServer) -> Mailer:
    return Mailer(
        load_settings(
            smtp_url=f"smtp://127.0.0.1:{server.port}", mail_from="Flash <shop@flash.example>"
        )
    )


@pytest.fixture
async def user_id(pool: asyncpg.Pool) -> str:
    made = new_id("usr")
    await pool.execute(
        "INSERT INTO users (id, email, name) VALUES ($1, $2, $3)",
        made,
        f"{made}@buyers.example",
        "Zoë, of the shop",
    )
    return made


async def _jobs(pool: asyncpg.Pool, user_id: str) -> list[bytes]:
    """The payloads that wait in the queue for this user."""
    queries = Queries(AsyncpgPoolDriver(pool))
    table = queries.qbe.settings.queue_table
    rows = await pool.fetch(f"SELECT payload FROM {table} WHERE entrypoint = $1", SEND_MAIL)  # noqa: S608 - the library's own table
    return [row["payload"] for row in rows if user_id.encode() in row["payload"]]


async def _stage(pool: asyncpg.Pool, user_id: str, notice: AnyNotice) -> bytes:
    async with pool.acquire() as connection, connection.transaction():
        assert await stage(connection, user_id, f"{notice.kind}:1", notice)
    [payload] = await _jobs(pool, user_id)
    return payload


async def test_a_staged_notice_reaches_the_buyer(
    pool: asyncpg.Pool, user_id: str, mailer: Mailer, server: MailServer
) -> None:
    assert await send_mail(await _stage(pool, user_id, CONFIRMED), mailer, pool)
    [(sender, recipient, message)] = server.received
    assert (sender, recipient) == ("shop@flash.example", f"{user_id}@buyers.example")
    assert message["Subject"] == "Your order FS-1042 is paid"
    assert message["From"] == "Flash <shop@flash.example>"
    [to] = message["To"].addresses
    assert (to.display_name, to.addr_spec) == ("Zoë, of the shop", f"{user_id}@buyers.example")
    assert message["Date"].datetime.utcoffset() == timedelta()
    text = message.get_content()
    assert "Hello Zoë, of the shop," in text
    assert "2 x Kettle, 1.7 l   39.98 USD" in text
    assert "1 x Teapot Bcc: eve@example.com   30.00 USD" in text
    assert "Total   69.98 USD" in text


async def test_a_refund_is_told_payment_by_payment(
    pool: asyncpg.Pool, user_id: str, mailer: Mailer, server: MailServer
) -> None:
    payments = (
        SentBack(amount_minor=6_998, currency="USD"),
        SentBack(amount_minor=1, currency="EUR"),
    )
    refunded = OrderRefunded(order_number="FS-1042", payments=payments)
    assert await send_mail(await _stage(pool, user_id, refunded), mailer, pool)
    [(_, _, message)] = server.received
    assert message["Subject"] == "Your money for order FS-1042 is on its way back"
    text = message.get_content()
    assert "what was paid for order FS-1042 was sent back:" in text
    assert "  69.98 USD\n  0.01 EUR\n" in text


async def test_a_fact_is_told_once_however_often_and_at_once_it_is_staged(
    pool: asyncpg.Pool, user_id: str
) -> None:
    async def tell() -> bool:
        async with pool.acquire() as connection, connection.transaction():
            return await stage(connection, user_id, "order_confirmed:1", CONFIRMED)

    assert sorted(await asyncio.gather(*(tell() for _ in range(5)))) == [False] * 4 + [True]
    assert not await tell()
    assert len(await _jobs(pool, user_id)) == 1


async def test_another_fact_of_the_same_user_is_told_too(pool: asyncpg.Pool, user_id: str) -> None:
    async with pool.acquire() as connection, connection.transaction():
        assert await stage(connection, user_id, "order_confirmed:1", CONFIRMED)
        assert await stage(connection, user_id, "order_confirmed:2", CONFIRMED)
    assert len(await _jobs(pool, user_id)) == 2


async def test_a_notice_of_a_transaction_undone_was_never_staged(
    pool: asyncpg.Pool, user_id: str
) -> None:
    async def tell_and_fail() -> None:
        async with pool.acquire() as connection, connection.transaction():
            assert await stage(connection, user_id, "order_confirmed:1", CONFIRMED)
            raise Undone

    with pytest.raises(Undone):
        await tell_and_fail()
    assert await _jobs(pool, user_id) == []
    assert await _stage(pool, user_id, CONFIRMED)


async def test_a_repeated_job_carries_the_same_message_id(
    pool: asyncpg.Pool, user_id: str, mailer: Mailer, server: MailServer
) -> None:
    payload = await _stage(pool, user_id, CONFIRMED)
    await send_mail(payload, mailer, pool)
    await send_mail(payload, mailer, pool)
    first, second = [message["Message-ID"] for _, _, message in server.received]
    assert first == second
    assert first.endswith("@flash.example>")


async def test_a_hold_is_announced_before_it_lapses_and_not_after(
    pool: asyncpg.Pool, user_id: str, mailer: Mailer, server: MailServer
) -> None:
    payload = await _stage(pool, user_id, LAPSING)
    assert not await send_mail(payload, mailer, pool, now=LAPSES_AT)
    assert server.received == []
    before = LAPSES_AT - timedelta(milliseconds=1)
    assert await send_mail(payload, mailer, pool, now=before)
    [(_, _, message)] = server.received
    assert message["Subject"] == "Still yours for a moment: Kettle, 1.7 l"
    assert "2 x Kettle, 1.7 l in your cart until 09:30:00 UTC" in message.get_content()


async def test_nobody_is_told_who_has_gone(
    pool: asyncpg.Pool, user_id: str, mailer: Mailer, server: MailServer
) -> None:
    payload = await _stage(pool, user_id, CONFIRMED)
    await pool.execute("DELETE FROM users WHERE id = $1", user_id)
    assert not await send_mail(payload, mailer, pool)
    assert server.received == []


async def test_an_address_refused_for_good_is_not_tried_again(
    pool: asyncpg.Pool, user_id: str, mailer: Mailer, server: MailServer
) -> None:
    payload = await _stage(pool, user_id, CONFIRMED)
    server.answers["RCPT"] = "550 No such mailbox"
    with structlog.testing.capture_logs() as lines:
        assert await send_mail(payload, mailer, pool)
    assert [line["event"] for line in lines] == ["mail_refused"]
    assert server.received == []


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("RCPT", "450 Mailbox busy"),
        ("MAIL", "550 We do not know this sender"),
        ("DATA", "451 Try again"),
    ],
)
async def test_a_server_that_refuses_for_now_makes_the_job_fail(
    pool: asyncpg.Pool,
    user_id: str,
    mailer: Mailer,
    server: MailServer,
    command: str,
    answer: str,
) -> None:
    payload = await _stage(pool, user_id, CONFIRMED)
    server.answers[command] = answer
    with pytest.raises(aiosmtplib.SMTPException):
        await send_mail(payload, mailer, pool)
    del server.answers[command]
    assert await send_mail(payload, mailer, pool)
    assert len(server.received) == 1


async def test_a_server_that_is_down_makes_the_job_fail(pool: asyncpg.Pool, user_id: str) -> None:
    async with serve_mail() as gone:
        nowhere = Mailer(load_settings(smtp_url=f"smtp://127.0.0.1:{gone.port}"))
    with pytest.raises(OSError, match="Connect"):
        await send_mail(await _stage(pool, user_id, CONFIRMED), nowhere, pool)


async def test_a_password_is_not_sent_to_a_server_without_tls(
    pool: asyncpg.Pool, user_id: str, server: MailServer
) -> None:
    careful = Mailer(load_settings(smtp_url=f"smtp://shop:s%40cret@127.0.0.1:{server.port}"))
    with pytest.raises(aiosmtplib.SMTPException, match="STARTTLS"):
        await send_mail(await _stage(pool, user_id, CONFIRMED), careful, pool)
    assert not any(command.startswith("AUTH") for command in server.commands)


async def test_without_a_server_the_log_gets_the_mail(pool: asyncpg.Pool, user_id: str) -> None:
    payload = await _stage(pool, user_id, CONFIRMED)
    with structlog.testing.capture_logs() as lines:
        assert await send_mail(payload, Mailer(load_settings(smtp_url="")), pool)
    [line] = lines
    assert (line["event"], line["to"]) == ("mail", f"{user_id}@buyers.example")
    assert line["subject"] == "Your order FS-1042 is paid"
    assert "Total   69.98 USD" in line["text"]


@pytest.mark.parametrize(
    "url", ["mail.example", "http://mail.example", "smtp://", "smtp://mail.example:port"]
)
def test_a_wrong_smtp_url_stops_the_start_with_a_line_that_names_it(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^FLASHSALE_SMTP_URL: ") as stopped:
        Mailer(load_settings(smtp_url=url))
    assert "\n" not in str(stopped.value)


@pytest.mark.parametrize("sender", ["", "shop", "shop@", "shop@flash.example\nBcc: eve@x.example"])
def test_a_wrong_sender_stops_the_start_with_a_line_that_names_it(sender: str) -> None:
    with pytest.raises(SettingsError, match=r"^FLASHSALE_MAIL_FROM: "):
        Mailer(load_settings(mail_from=sender))
