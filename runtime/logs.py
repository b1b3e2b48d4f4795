"""The end of a child's log, where the reason stands."""

from pathlib import Path

# Enough to hold the line that says why, behind a trace.
_TAIL_BYTES = 8_192


def last_lines(log: Path) -> list[str]:
    """The last lines that are not empty; the last comes last."""
    try:
        with log.open("rb") as lines:
            lines.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            told = lines.read().decode(errors="replace").split("\n")
    except FileNotFoundError:
        return []
    return [line.strip() for line in told if line.strip()]


def last_words(log: Path | None) -> str:
    """The last line of a log, and where the rest is."""
    if log is None:
        return "it said why above"
    lines = last_lines(log)
    return f"{lines[-1] if lines else 'it said nothing'} (whole log: {log})"
