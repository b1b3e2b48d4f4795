"""A run's figures as bars, drawn as SVG: medians, with a line from the least to the most."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from bench.contenders import OURS
from bench.figures import Spread

_WIDTH: Final = 720
_NAMES: Final = 130
_BARS: Final = 450
_ROW: Final = 30
_BAR: Final = 18
_HEAD: Final = 40
_INK, _OURS, _OTHER, _PAPER = "#1c1c1c", "#1f6f8b", "#b9b4a7", "#ffffff"


@dataclass(frozen=True, slots=True)
class Panel:
    """One measure of several servers; bars of ours, whose names begin so, stand out."""

    title: str
    digits: int
    bars: dict[str, Spread]


def chart(panels: Iterable[Panel], *, title: str) -> str:
    """The picture of these panels, one below the other."""
    parts: list[str] = []
    top = 10
    for panel in panels:
        parts.append(_text(10, top + 20, panel.title, weight="bold"))
        top += _HEAD
        longest = max(bar.most for bar in panel.bars.values()) or 1.0
        for name, bar in panel.bars.items():
            parts += _bar(name, bar, top, longest, panel.digits)
            top += _ROW
        top += 10
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{top}"'
        f' viewBox="0 0 {_WIDTH} {top}" font-family="sans-serif" font-size="13" role="img">'
    )
    paper = f'<rect width="{_WIDTH}" height="{top}" fill="{_PAPER}"/>'
    return "\n".join([head, f"<title>{escape(title)}</title>", paper, *parts, "</svg>"]) + "\n"


def _bar(name: str, bar: Spread, top: int, longest: float, digits: int) -> list[str]:
    width, least, most = (_BARS * value / longest for value in (bar.middle, bar.least, bar.most))
    colour = _OURS if name.startswith(OURS) else _OTHER
    middle = top + _BAR / 2
    return [
        _text(_NAMES - 8, top + 14, name, anchor="end"),
        f'<rect x="{_NAMES}" y="{top}" width="{width:.1f}" height="{_BAR}" fill="{colour}"/>',
        (
            f'<line x1="{_NAMES + least:.1f}" x2="{_NAMES + most:.1f}" y1="{middle:g}"'
            f' y2="{middle:g}" stroke="{_INK}" stroke-width="2"/>'
        ),
        _text(_NAMES + round(most) + 8, top + 14, f"{bar.middle:,.{digits}f}"),
    ]


def _text(x: int, y: int, words: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return (
        f'<text x="{x}" y="{y}" fill="{_INK}" text-anchor="{anchor}"'
        f' font-weight="{weight}">{escape(words)}</text>'
    )
