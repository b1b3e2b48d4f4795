"""Sending e-mail: over SMTP where a server is configured, else as a line of the log."""

import hashlib
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

import aiosmtplib
import structlog

from kit.clock import Clock
from kit.settings import Settings, SettingsError
from notifications.messages import Mail

log = structlog.get_logger()

# A job is repeated when the server does not answer, so there is no need to wait for long.
ANSWER_SECONDS: Final = 10.0
_PERMANENT: Final = 500  # RFC 5321, 4.2.1: a 5yz answer will be the same next time


class Mailer:
    """Sends one e-mail at a time; keeps no connection between them.

    Raises:
        SettingsError: FLASHSALE_SMTP_URL or FLASHSALE_MAIL_FROM cannot be understood.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        self._sender = settings.mail_from
        self._domain = _domain_of(settings.mail_from)
        self._server = _server_of(settings.smtp_url) if settings.smtp_url else None

    async def send(self, mail: Mail, *, name: str, address: str, fact: str) -> None:
        """Hand the e-mail to the server.

        May be repeated: `fact` makes the Message-ID, so that mail programs show a repeat once.
        An address that the server refuses for good is logged and not tried again.

        Raises:
            aiosmtplib.SMTPException, OSError: not sent, or outcome unknown; repeat.
        """
        if self._server is None:
            log.info("mail", to=address, subject=mail.subject, text=mail.text, fact=fact)
            return
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = Address(display_name=name, addr_spec=address)
        message["Subject"] = mail.subject
        message["Date"] = format_datetime(self._clock.now())
        message["Message-ID"] = f"<{_digest(address, fact)}@{self._domain}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
        message.set_content(mail.text)
        await self._hand_over(message, self._server, fact)

    async def _hand_over(self, message: EmailMessage, server: SplitResult, fact: str) -> None:
        username = unquote(server.username) if server.username else None
        try:
            await aiosmtplib.send(
                message,
                hostname=server.hostname,
                port=server.port,
                username=username,
                password=unquote(server.password) if server.password else None,
                use_tls=server.scheme == "smtps",
                # A password is never sent in the clear; without one, TLS where it is offered.
                start_tls=True if username and server.scheme == "smtp" else None,
                # The library would ask the network for the host's name, for seconds.
                local_hostname=self._domain,
                timeout=ANSWER_SECONDS,
            )
        except aiosmtplib.SMTPRecipientsRefused as refused:
            if any(one.code < _PERMANENT for one in refused.recipients):
                raise
            log.warning("mail_refused", fact=fact, answer=refused.recipients[0].message)


def _server_of(url: str) -> SplitResult:
    try:
        server = urlsplit(url)
        understood = server.scheme in {"smtp", "smtps"} and server.hostname and server.port != 0
    except ValueError:
        understood = False
    if not understood:
        raise SettingsError(
            "FLASHSALE_SMTP_URL: should be smtp:// or smtps://user:password@host:port."
        )
    return server


def _domain_of(sender: str) -> str:
    _, address = parseaddr(sender)
    _, at, domain = address.rpartition("@")
    if not at or not domain or not sender.isprintable():
        raise SettingsError("FLASHSALE_MAIL_FROM: should be an e-mail address.")
    return domain


def _digest(address: str, fact: str) -> str:
    return hashlib.sha256(f"{address}\n{fact}".encode()).hexdigest()[:32]
