"""A small SMTP server for the tests: keeps what it is sent, refuses what a test tells it to."""

import asyncio
import email.policy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser


@dataclass
class MailServer:
    """`answers` by command ("RCPT": "550 No") replace the friendly ones."""

    port: int = 0
    answers: dict[str, str] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    received: list[tuple[str, str, EmailMessage]] = field(default_factory=list)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 tests.example\r\n")
        sender = recipient = ""
        while line := (await reader.readline()).decode():
            self.commands.append(line.strip())
            command = line[:4].strip().upper()
            answer = self.answers.get(command, "354 Go on" if command == "DATA" else "250 Yes")
            writer.write(f"{answer}\r\n".encode())
            match command:
                case "MAIL":
                    sender = line.partition("<")[2].partition(">")[0]
                case "RCPT":
                    recipient = line.partition("<")[2].partition(">")[0]
                case "DATA" if answer.startswith("354"):
                    body = (await reader.readuntil(b"\r\n.\r\n")).removesuffix(b".\r\n")
                    parsed = BytesParser(EmailMessage, policy=email.policy.default).parsebytes(body)
                    self.received.append((sender, recipient, parsed))
                    writer.write(b"250 Kept\r\n")
                case "QUIT":
                    break
        writer.close()


@asynccontextmanager
async def serve_mail() -> AsyncIterator[MailServer]:
    mail = MailServer()
    server = await asyncio.start_server(mail.converse, "127.0.0.1", 0)
    async with server:
        mail.port = server.sockets[0].getsockname()[1]
        yield mail
