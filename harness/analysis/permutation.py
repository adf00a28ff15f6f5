"""Exact permutation tests of two samples, and the effect that goes with them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

RESOLUTION = 1e-9  # values count as whole multiples of it: sums are exact, and ties are ties
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Sample:
    """Values of two sides, one number per seed, such that ``higher`` is claimed to be above ``lower``.

    ``paired``: both sides were read from the same search, so that seeds belong together.
    """

    higher: tuple[float, ...]
    lower: tuple[float, ...]
    paired: bool

    @property
    def seeds(self) -> int:
        """Seeds that both sides have."""
        return min(len(self.higher), len(self.lower))

    def first(self, seeds: int) -> Sample:
        """Return the sample of the first seeds."""
        return Sample(self.higher[:seeds], self.lower[:seeds], self.paired)

    @property
    def differences(self) -> tuple[float, ...]:
        """Return higher - lower, seed by seed."""
        return tuple(a - b for a, b in zip(self.higher, self.lower, strict=True))


@dataclass(frozen=True)
class Effect:
    """How often the higher side is above the lower one (a tie counts half), with its 95% interval."""

    probability: float
    low: float
    high: float


def exact_p(sample: Sample) -> tuple[float, float]:
    """Return the exact one-sided p-values: that the higher side is above, and that it is below.

    Unpaired: every assignment of the values to the sides is equally likely under the null hypothesis, in which both
    sides have one distribution. Paired: every sign of every difference is. The statistic is the mean difference.
    """
    if sample.paired:
        return _exact_p((_whole(sample.differences),), "samples")
    return _exact_p((_whole(sample.higher), _whole(sample.lower)), "independent")


def _whole(values: Sequence[float]) -> tuple[int, ...]:
    return tuple(round(value / RESOLUTION) for value in values)


@lru_cache(maxsize=1024)
def _exact_p(data: tuple[tuple[int, ...], ...], kind: str) -> tuple[float, float]:
    from scipy.stats import permutation_test

    def total(*sides: Any, axis: int) -> Any:
        """Sum up one side: the sum of both stays, so that it orders the assignments as the mean difference does."""
        return np.sum(sides[0], axis=axis)

    floats = tuple(np.array(side, dtype=float) for side in data)
    found = permutation_test(floats, total, permutation_type=kind, n_resamples=math.inf, vectorized=True)
    every = found.null_distribution
    return float(np.mean(every >= found.statistic)), float(np.mean(every <= found.statistic))


def least_p(seeds: int, *, paired: bool) -> float:
    """Return the smallest p-value that so many seeds a side can give."""
    return 0.5**seeds if paired else 1 / math.comb(2 * seeds, seeds)


def effect(sample: Sample) -> Effect:
    """Return how often the higher side is above the lower one.

    Unpaired: of one seed of each, all pairs counted (Mann-Whitney), with Newcombe's interval for few values
    (Statistics in Medicine 25, 2006, method 5), which stays honest where the sides do not overlap. Paired: of the
    seeds, with the exact interval of Clopper and Pearson.
    """
    from scipy.stats import binomtest, mannwhitneyu

    if not sample.paired:
        higher, lower = _whole(sample.higher), _whole(sample.lower)
        share = float(mannwhitneyu(higher, lower).statistic) / (len(higher) * len(lower))
        return Effect(share, *_newcombe(share, len(higher), len(lower)))
    signs = np.sign(_whole(sample.differences))
    above, ties, n = int(np.sum(signs > 0)), int(np.sum(signs == 0)), len(signs)
    low = binomtest(above, n).proportion_ci(CONFIDENCE, method="exact").low
    high = binomtest(above + ties, n).proportion_ci(CONFIDENCE, method="exact").high
    return Effect((above + ties / 2) / n, float(low), float(high))


def _newcombe(share: float, m: int, n: int) -> tuple[float, float]:
    """Return where |share - theta| is the normal quantile times the standard error at theta."""
    from scipy.optimize import brentq
    from scipy.stats import norm

    z, others = norm.ppf((1 + CONFIDENCE) / 2), (m + n) / 2 - 1

    def excess(theta: float) -> float:
        spread = theta * (1 - theta) * (1 + others * ((1 - theta) / (2 - theta) + theta / (1 + theta))) / (m * n)
        return float((theta - share) ** 2 - z**2 * spread)

    inside = min(max(share, RESOLUTION), 1 - RESOLUTION)  # at 0 and 1 themselves nothing is left to solve
    low = float(brentq(excess, 0.0, inside)) if share > 0 else 0.0
    return low, float(brentq(excess, inside, 1.0)) if share < 1 else 1.0
