"""Lua scripts as files: each with the shared parts that its header asks for."""

import re
from collections.abc import Iterable
from pathlib import Path

_WITH = re.compile(r"^-- with: (.+)$", re.MULTILINE)


def assemble(folder: Path, parts_from: Iterable[Path]) -> dict[str, str]:
    """Every script of a folder by name; what `-- with:` names comes right after its first line."""
    parts = {path.stem: path.read_text() for of in parts_from for path in of.glob("*.lua")}
    texts = {}
    for path in sorted(folder.glob("*.lua")):
        shebang, _, body = path.read_text().partition("\n")
        wanted = _WITH.search(body)
        shared = [parts[name] for name in wanted.group(1).split(", ")] if wanted else []
        texts[path.stem] = "\n".join([shebang, *shared, body])
    return texts
