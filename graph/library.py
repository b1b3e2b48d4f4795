"""From what a request asks for to a document's text: sent, named by its hash, or registered."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from redis.asyncio import Redis

from graph.context import Code
from graph.page_documents import all_page_documents
from graph.remembered import Remembered, sha256_of
from graph.requests import Asked, BadRequest, Operation
from graph.trusted import TroubleOf, Trusted, read_folder
from kit.settings import Settings

# https://www.apollographql.com/docs/apollo-server/performance/apq: version and words of Apollo's.
_VERSION: Final = 1
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class DocumentRefused(BadRequest):
    """A request of the right shape whose document is not to be had."""

    def __init__(self, message: str, *, status: int, code: Code) -> None:
        super().__init__(message, status=status, code=code)


class Library:
    """All documents that this process knows, but for those whose text comes with the request."""

    def __init__(
        self,
        trusted: Trusted,
        remembered: Remembered,
        *,
        fits: Callable[[str], bool],
        only_trusted: bool = False,
    ) -> None:
        """`fits` tells whether a document can be executed at all: only such are remembered."""
        self._trusted = trusted
        self._remembered = remembered
        self._fits = fits
        self._only_trusted = only_trusted

    def at_hand(self, asked: Asked, client: str | None) -> Operation | None:
        """What is to be executed; None when only `find` can tell. Costs no command.

        Raises:
            DocumentRefused: this document is not executed for this client.
            BadRequest: what names it is no hash.
        """
        text = asked.query
        if asked.document_id is not None:
            text = self._named(asked, asked.document_id, client)
            if text is None:
                return None
        elif text is not None and self._only_trusted and not self._trusted.has(text, client):
            raise _not_trusted()
        assert text is not None  # a request without a name has a text
        return Operation(text, asked.variables, asked.name)

    async def find(self, asked: Asked, client: str | None) -> Operation:
        """What is to be executed.

        Raises:
            DocumentRefused: this document is unknown, or not executed for this client.
            BadRequest: what names it is no hash.
        """
        operation = self.at_hand(asked, client)
        if operation is not None:
            return operation
        assert asked.document_id is not None
        text = await self._remembered.fetch(asked.document_id)
        if text is None:
            # Clients know it by its message (urql) or its code (Apollo), and send the text then.
            raise DocumentRefused(
                "PersistedQueryNotFound", status=200, code="PERSISTED_QUERY_NOT_FOUND"
            )
        return Operation(text, asked.variables, asked.name)

    async def aclose(self) -> None:
        """Let what is being remembered reach Redis."""
        await self._remembered.aclose()

    def _named(self, asked: Asked, name: str, client: str | None) -> str | None:
        if asked.version not in {None, _VERSION}:
            raise DocumentRefused(
                "PersistedQueryNotSupported", status=200, code="PERSISTED_QUERY_NOT_SUPPORTED"
            )
        registered = self._trusted.find(name, client)
        if registered is not None and asked.query in {None, registered}:
            return registered
        if asked.query is not None:
            if sha256_of(asked.query) != name:
                raise DocumentRefused(
                    "provided sha does not match query", status=400, code="BAD_USER_INPUT"
                )
            if self._only_trusted:
                raise _not_trusted()
            if self._remembered.get(name) is not None or self._fits(asked.query):
                self._remembered.keep(name, asked.query)
            return asked.query
        if self._only_trusted:
            raise _not_trusted()
        if not _SHA256.fullmatch(name):
            raise BadRequest(
                "No registered document has this name, and it is no SHA-256 hash"
                " (64 hexadecimal digits in lower case)."
            )
        return self._remembered.get(name)


def trusted_documents(settings: Settings, trouble_of: TroubleOf) -> Trusted:
    """The registry: our own pages' documents, and the folder of the settings.

    Raises:
        SettingsError: one line that names the file which is of no use.
    """
    trusted = Trusted()
    for text in all_page_documents():
        assert trouble_of(text) is None, text
        trusted.add(text)
    if settings.trusted_documents:
        read_folder(trusted, Path(settings.trusted_documents), trouble_of)
    return trusted


def open_library(
    trusted: Trusted, redis: Redis, settings: Settings, trouble_of: TroubleOf
) -> Library:
    """This process' library; nothing is connected yet."""
    return Library(
        trusted,
        Remembered(redis),
        fits=lambda text: trouble_of(text) is None,
        only_trusted=settings.only_trusted_documents,
    )


def _not_trusted() -> DocumentRefused:
    return DocumentRefused(
        "Only registered documents are executed here, and this is none of this client's.",
        status=403,
        code="DOCUMENT_NOT_TRUSTED",
    )
