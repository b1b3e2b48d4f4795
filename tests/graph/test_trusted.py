"""The registry of trusted documents: what is read, and what stops the start."""

import hashlib
from pathlib import Path
from typing import Any

import orjson
import pytest

from graph.remembered import sha256_of
from graph.trusted import Trusted, read_folder
from kit.settings import SettingsError
from tests.graph.edge import edge_settings
from tests.graph.small_schema import small_schema

HELLO = "query Hello { hello }"
BYE = 'query Bye { hello(name: "bye") }'  # fmt: skip
WRONG = "{ nothing }"
NO_FIELD = "Cannot query field 'nothing' on type 'Query'."
NO_HASH = "is not the hash of its document (SHA-256, SHA-1 or MD5)."
NO_MANIFEST = "neither an object of hashes and documents nor Apollo's manifest."


def sha1(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def apollo(*operations: dict[str, Any], version: int = 1) -> dict[str, Any]:
    form = "apollo-persisted-query-manifest"
    return {"format": form, "version": version, "operations": list(operations)}


def x(text: str) -> dict[str, Any]:
    return {"id": "X", "body": text}


def write(folder: Path, files: dict[str, Any]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else orjson.dumps(content))


def read(folder: Path) -> Trusted:
    settings, trusted = edge_settings(), Trusted()
    read_folder(trusted, folder, small_schema(settings).documents.trouble_of)
    return trusted


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ({"a.graphql": HELLO}, [sha256_of(HELLO)]),
        ({"a.graphql": f"{HELLO}\n"}, [sha256_of(HELLO), sha256_of(f"{HELLO}\n")]),
        ({"persisted-documents.json": {sha1(HELLO): HELLO}}, [sha1(HELLO), sha256_of(HELLO)]),
        ({"relay.json": {md5(HELLO): HELLO}}, [md5(HELLO), sha256_of(HELLO)]),
        ({"a.json": {f"sha256:{sha256_of(HELLO)}": HELLO}}, [sha256_of(HELLO)]),
        (
            {"a.json": apollo({"id": "Hello-1", "name": "Hello", "type": "query", "body": HELLO})},
            ["Hello-1", sha256_of(HELLO)],
        ),
        ({"a.json": apollo({"id": sha256_of(HELLO), "body": HELLO})}, [sha256_of(HELLO)]),
    ],
)
def test_a_document_is_found_by_what_its_tools_call_it(
    tmp_path: Path, files: dict[str, Any], names: list[str]
) -> None:
    write(tmp_path, {"README.md": "no document", **files})
    trusted = read(tmp_path)
    assert [(trusted.find(name, None) or "").strip() for name in names] == [HELLO] * len(names)
    assert trusted.has(HELLO, None)
    assert trusted.find("Hello", None) is None


def test_a_clients_documents_are_found_for_it_alone(tmp_path: Path) -> None:
    write(tmp_path, {"all.graphql": BYE, "shop/hello.graphql": HELLO, "kiosk/bye.graphql": BYE})
    trusted = read(tmp_path)
    by_client = {
        client: (trusted.find(sha256_of(HELLO), client), trusted.has(HELLO, client))
        for client in ("shop", "kiosk", None)
    }
    assert by_client == {"shop": (HELLO, True), "kiosk": (None, False), None: (None, False)}
    assert [trusted.find(sha256_of(BYE), each) for each in ("shop", "kiosk", None)] == [BYE] * 3
    assert len(trusted) == 2


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"shop/a.graphql": "{ hello "}, "a.graphql: Syntax Error: Expected Name, found <EOF>."),
        ({"shop/a.graphql": WRONG}, f"a.graphql: {NO_FIELD}"),
        ({"a.graphql": "fragment F on Query { hello }"}, "a.graphql: Fragment 'F' is never used."),
        ({"a.json": "{"}, "a.json: unexpected end of data: line 1 column 2 (char 1)."),
        ({"a.json": {sha256_of(BYE): HELLO}}, f"a.json: {sha256_of(BYE)} {NO_HASH}"),
        ({"a.json": {"Hello": HELLO}}, f"a.json: Hello {NO_HASH}"),
        (
            {"a.json": apollo({"id": sha256_of(BYE), "body": HELLO})},
            f"a.json: {sha256_of(BYE)} {NO_HASH}",
        ),
        ({"a.json": {sha1(WRONG): WRONG}}, f"a.json: {sha1(WRONG)}: {NO_FIELD}"),
        ({"a.json": apollo({"id": "Hello"})}, "a.json: each of operations needs an id and a body."),
        ({"a.json": apollo(version=2)}, "a.json: only version 1 of Apollo's manifest is known."),
        ({"a.json": [HELLO]}, f"a.json: {NO_MANIFEST}"),
        ({"a/b/c.graphql": HELLO}, "c.graphql: a client's folder holds no folders."),
        (
            {"a/m.json": apollo(x(HELLO)), "b/m.json": apollo(x(BYE))},
            "m.json: X already names another document.",
        ),
    ],
)
def test_what_is_of_no_use_stops_the_start_with_one_line(
    tmp_path: Path, files: dict[str, Any], told: str
) -> None:
    write(tmp_path, files)
    with pytest.raises(SettingsError) as stopped:
        read(tmp_path)
    line = str(stopped.value)
    assert line.startswith(f"FLASHSALE_TRUSTED_DOCUMENTS: {tmp_path}")
    assert line.endswith(told)
    assert "\n" not in line


def test_a_file_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "gone.graphql").symlink_to(tmp_path / "nowhere")
    with pytest.raises(SettingsError, match=r"gone\.graphql: No such file or directory\.$"):
        read(tmp_path)
    (tmp_path / "gone.graphql").unlink()
    (tmp_path / "latin.graphql").write_bytes(b"# \xe9\n{ hello }")
    with pytest.raises(SettingsError, match=r"latin\.graphql: 'utf-8' codec can't decode"):
        read(tmp_path)
    with pytest.raises(SettingsError, match="latin is not a folder"):
        read(tmp_path / "latin")
