"""The registry of trusted documents: a folder, read and checked once at the start."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, TypeAlias

import orjson

from graph.remembered import sha256_of
from graph.requests import MOST_ID_LENGTH, SHA256_PREFIX
from kit.settings import SettingsError

TroubleOf: TypeAlias = Callable[[str], str | None]
"""What keeps a document from being executed; None: nothing."""

EVERYBODY: Final = None

# What clients' build tools hash with: Apollo and urql, GraphQL Code Generator, Relay.
_HASHES: Final = {64: hashlib.sha256, 40: hashlib.sha1, 32: hashlib.md5}
_HEXADECIMAL: Final = re.compile(r"[0-9a-f]+")
_SETTING: Final = "FLASHSALE_TRUSTED_DOCUMENTS"


class Trusted:
    """Documents by what clients call them: a hash of the text, or a name that a manifest gives."""

    def __init__(self) -> None:
        self._by_client: dict[str | None, dict[str, str]] = {EVERYBODY: {}}
        # The same name means the same document for every client: answers by name may be cached.
        self._by_name: dict[str, str] = {}
        self._texts: dict[str | None, set[str]] = {EVERYBODY: set()}

    def __len__(self) -> int:
        return len({text for texts in self._texts.values() for text in texts})

    def add(self, text: str, *names: str, client: str | None = EVERYBODY) -> None:
        """Register a document for a client, or for everybody, under its hash and these names.

        Raises:
            ValueError: one of the names is taken by another document.
        """
        for name in (sha256_of(text), *names):
            if self._by_name.setdefault(name, text) != text:
                raise ValueError(f"{name} already names another document")
            self._by_client.setdefault(client, {})[name] = text
        self._texts.setdefault(client, set()).add(text)

    def find(self, name: str, client: str | None) -> str | None:
        """The document that this client may call by this name."""
        everybodys = self._by_client[EVERYBODY].get(name)
        if everybodys is not None or client is EVERYBODY:
            return everybodys
        return self._by_client.get(client, {}).get(name)

    def has(self, text: str, client: str | None) -> bool:
        """Whether this client may send this very text."""
        return text in self._texts[EVERYBODY] or text in self._texts.get(client, ())


def read_folder(trusted: Trusted, folder: Path, trouble_of: TroubleOf) -> None:
    """Register a folder's documents for everybody, and those of its folders for their clients.

    Raises:
        SettingsError: naming the first file that is of no use, and why.
    """
    if not folder.is_dir():
        raise SettingsError(f"{_SETTING}: {folder} is not a folder.")
    for path in sorted(folder.rglob("*")):
        if path.suffix not in {".graphql", ".json"} or path.is_dir():
            continue
        try:
            _read_file(trusted, path, _client_of(path.relative_to(folder).parts), trouble_of)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            told = " ".join(str(reason).split()).rstrip(".")
            raise SettingsError(f"{_SETTING}: {path}: {told}.") from None


def _client_of(inside: tuple[str, ...]) -> str | None:
    """Whose a file is, by its place in the folder."""
    match inside:
        case (_,):
            return EVERYBODY
        case (client, _):
            return client
        case _:
            raise ValueError("a client's folder holds no folders")


def _read_file(trusted: Trusted, path: Path, client: str | None, trouble_of: TroubleOf) -> None:
    for text, names in _documents_in(path):
        if (trouble := trouble_of(text)) is not None:
            raise ValueError(f"{names[0]}: {trouble}" if names else trouble)
        trusted.add(text, *names, client=client)


def _documents_in(path: Path) -> Iterator[tuple[str, list[str]]]:
    """The documents of one file, each with the names that it gives them."""
    raw = path.read_bytes()
    if path.suffix == ".json":
        yield from _manifest(orjson.loads(raw))
        return
    text = raw.decode()
    yield text, []
    # Editors end a file with a line break; the string in a client's program has none.
    if text != text.strip():
        yield text.strip(), []


def _manifest(manifest: object) -> Iterable[tuple[str, list[str]]]:
    match manifest:
        case {"format": "apollo-persisted-query-manifest", "operations": list(operations), **rest}:
            if rest.get("version") != 1:
                raise ValueError("only version 1 of Apollo's manifest is known")
            return [_operation(each) for each in operations]
        case dict() if all(isinstance(each, str) for each in manifest.values()):
            return [(text, [_hash(name, text)]) for name, text in manifest.items()]
        case _:
            raise ValueError("neither an object of hashes and documents nor Apollo's manifest")


def _operation(operation: object) -> tuple[str, list[str]]:
    """One entry of Apollo's manifest; its id is a hash by default, and may be anything."""
    match operation:
        case {"id": str(name), "body": str(text)} if 0 < len(name) <= MOST_ID_LENGTH:
            hashed = _HEXADECIMAL.fullmatch(name) and len(name) in _HASHES
            return text, [_hash(name, text) if hashed else name]
        case _:
            raise ValueError("each of operations needs an id and a body")


def _hash(name: str, text: str) -> str:
    """A name that is the hash of its document; without its prefix, as requests are read."""
    plain = name.removeprefix(SHA256_PREFIX)
    algorithm = _HASHES.get(len(plain))
    if algorithm is None or algorithm(text.encode(), usedforsecurity=False).hexdigest() != plain:
        raise ValueError(f"{name} is not the hash of its document (SHA-256, SHA-1 or MD5)")
    return plain
