"""What was wanted of a run, beside what it reached."""

from dataclasses import dataclass

from bench.figures import Spread


@dataclass(frozen=True, slots=True)
class Target:
    """What is wanted, in words, and whether it was met."""

    wanted: str
    met: bool


@dataclass(frozen=True, slots=True)
class Goal:
    """One measure, with the first goal for it and the one to follow; either may be missing."""

    what: str
    reached: str
    first: Target | None = None
    then: Target | None = None


def at_least_times(
    what: str,
    ours: Spread,
    other: Spread,
    *,
    first: float | None = None,
    then: float | None = None,
) -> Goal:
    """Ours is to be so many times the other's, by medians."""

    def target(least: float | None) -> Target | None:
        if least is None:
            return None
        return Target(f"at least {least:g} x", ours.middle >= least * other.middle)

    return Goal(what, ratio(ours, other), target(first), target(then))


def at_most(
    what: str,
    value: float | None,
    *,
    first: float | None = None,
    then: float | None = None,
    unit: str = "",
    digits: int = 0,
) -> Goal:
    """A value is to be no more than this; None is a value that nothing was seen of."""
    end = f" {unit}" if unit else ""

    def target(most: float | None) -> Target | None:
        if most is None:
            return None
        return Target(f"at most {most:g}{end}", value is not None and value <= most)

    told = "nothing was seen" if value is None else f"{value:,.{digits}f}{end}"
    return Goal(what, told, target(first), target(then))


def ratio(ours: Spread, other: Spread) -> str:
    """The ratio of the medians, and the least and the most that the ranges allow."""
    middle, least, most = (
        mine / theirs if theirs else float("inf")
        for mine, theirs in (
            (ours.middle, other.middle),
            (ours.least, other.most),
            (ours.most, other.least),
        )
    )
    return f"{middle:.2f} x ({least:.2f}-{most:.2f})"
