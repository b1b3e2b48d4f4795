"""Which deals are wanted: the k-th most wanted 1/k as often as the first (Zipf, s = 1)."""

import itertools
import random


def shares(deals: int, *, s: float = 1.0) -> list[float]:
    """The share of all wishes that goes to each deal, the most wanted first."""
    weights = [1 / rank**s for rank in range(1, deals + 1)]
    total = sum(weights)
    return [weight / total for weight in weights]


def draw(of: list[float], count: int, chance: random.Random) -> list[int]:
    """So many wishes: places in `of`."""
    return chance.choices(range(len(of)), cum_weights=list(itertools.accumulate(of)), k=count)


def allotments(of: list[float], adds: int, *, hot: int) -> list[int]:
    """Units for each deal when so many are wanted of all together.

    The hot ones get half of what is wanted of them, so that they sell out half-way; so does each
    fourth of the others. The rest gets twice what is wanted.
    """
    return [
        max(round(share * adds * (0.5 if rank < hot or rank % 4 == 0 else 2.0)), 1)
        for rank, share in enumerate(of)
    ]
