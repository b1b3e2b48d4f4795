"""The page at /graphql: GraphiQL, with an example document in each of its tabs."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

_FOLDER: Final = Path(__file__).resolve().parent.parent / "web" / "explorer"
_NO_EXAMPLES: Final = '<script type="application/json" id="examples">[]</script>'


@dataclass(frozen=True, slots=True)
class Example:
    """A document, and its variables as JSON.

    `"DEAL"` and `"DEALS"` stand for the id of a live deal and for a list of such ids.
    """

    name: str
    query: str
    variables: str


def examples() -> list[Example]:
    """The examples in the order of their tabs: a .graphql file each, and a .json file beside it."""
    return [
        Example(
            path.stem,
            path.read_text(encoding="utf-8"),
            path.with_suffix(".json").read_text(encoding="utf-8").strip(),
        )
        for path in sorted((_FOLDER / "examples").glob("*.graphql"))
    ]


def explorer_page() -> str:
    """The page, with the examples in it."""
    page = (_FOLDER / "explorer.html").read_text(encoding="utf-8")
    assert _NO_EXAMPLES in page
    shown = [{"query": each.query, "variables": each.variables} for each in examples()]
    # A "<" could end the element that holds the examples.
    told = orjson.dumps(shown).decode().replace("<", "\\u003c")
    return page.replace(_NO_EXAMPLES, _NO_EXAMPLES.replace("[]", told))


def explorer_headers() -> dict[str, str]:
    """What the page may load: our own files, and those of the CDN that it names by their hashes."""
    page = (_FOLDER / "explorer.html").read_text(encoding="utf-8")
    scripts = " ".join(re.findall(r'src="(https://[^"]+)"', page))
    # GraphiQL's menus and dialogs bring style elements of their own, hence 'unsafe-inline'.
    styles = " ".join(re.findall(r'href="(https://[^"]+)"', page))
    return {
        "Content-Security-Policy": (
            f"default-src 'none'; connect-src 'self'; script-src 'self' {scripts};"
            f" style-src 'self' 'unsafe-inline' {styles}; font-src data:; img-src data:;"
            " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
        "Cache-Control": "no-cache",
        "Vary": "Accept",
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
    }
