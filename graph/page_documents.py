"""What our own pages ask: the documents in web/, read from the modules that browsers load."""

import re
from pathlib import Path
from typing import Final

from graph.pages import WEB

_CONSTANT: Final = re.compile(
    r"""^(export )?const (\w+) = (?:"([^"\n]*)"|`([^`]*)`);$""", re.MULTILINE
)
_COMMENT: Final = re.compile(r"^//.*$|/\*.*?\*/", re.MULTILINE | re.DOTALL)
_PIECE: Final = re.compile(r"\$\{(\w+)\}")


def page_documents(page: Path) -> dict[str, str]:
    """The documents of a page by their constants' names, as its browser sends them.

    A page's documents.js holds nothing but constants: strings, and templates of those above them.
    What it exports is a document; the rest are pieces.
    """
    source = (page / "documents.js").read_text(encoding="utf-8")
    left = _COMMENT.sub("", _CONSTANT.sub("", source)).strip()
    assert not left, f"{page.name}/documents.js holds more than constants: {left[:80]}"
    known: dict[str, str] = {}
    documents: dict[str, str] = {}
    for exported, name, string, template in _CONSTANT.findall(source):
        known[name] = string or _PIECE.sub(lambda piece: known[piece[1]], template)
        if exported:
            documents[name] = known[name]
    return documents


def all_page_documents() -> list[str]:
    """Those of all pages; GraphiQL has none, it sends what a person writes."""
    pages = sorted(path.parent for path in WEB.glob("*/documents.js"))
    return [text for page in pages for text in page_documents(page).values()]
