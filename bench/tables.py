"""Tables and values as a report writes them."""

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def ms(value: float | None) -> str:
    """Milliseconds; None: there was nothing to be measured."""
    return "nothing was heard" if value is None else f"{value:,.0f} ms"
