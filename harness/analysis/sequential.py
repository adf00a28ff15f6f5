"""Looks at a family of claims: when it is decided, in which direction, and how many seeds it would take.

Looks are taken at 6 and at 10 seeds a side. At each, Holm's correction over the whole family, once for the claims and
once for their opposites, at half of 5%: by the union of the looks at most 5% of suites pass a claim that is not so,
and at most 5% refute one that is. The family is all claims that a suite declares: one without enough seeds counts with
p = 1, and so does, at the later look, one that was decided before, which keeps its word. Raising a p-value only takes
decisions away.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.analysis.holm import step_down
from harness.analysis.permutation import RESOLUTION, Sample, exact_p, least_p

LOOKS = (6, 10)
ALPHA = 0.025  # of each look, for each direction
POWER = 0.8
MOST_SEEDS = 1000  # beyond, a number of seeds is no plan

Word = Literal["PASS", "FAIL"]


@dataclass(frozen=True)
class Look:
    """A look at a claim: p-values of the claim and of its opposite, as they are and corrected by Holm."""

    seeds: int
    raw: tuple[float, float]
    corrected: tuple[float, float]

    @property
    def word(self) -> Word | None:
        """Return PASS where the claim is shown, FAIL where its opposite is, None where neither."""
        return "PASS" if self.corrected[0] <= ALPHA else "FAIL" if self.corrected[1] <= ALPHA else None


def take_looks(family: Sequence[Sample | None], looks: Sequence[int] = LOOKS) -> list[tuple[Look, ...]]:
    """Return the looks at every claim, up to the one that decides it; None: a claim without values."""
    taken: list[tuple[Look, ...]] = [()] * len(family)
    for seeds in looks:
        raw = [
            exact_p(sample.first(seeds)) if sample and sample.seeds >= seeds and not _decided(before) else None
            for sample, before in zip(family, taken, strict=True)
        ]
        corrected = zip(*(step_down([p[way] if p else 1.0 for p in raw]) for way in (0, 1)), strict=True)
        taken = [
            (*before, Look(seeds, p, both)) if p else before
            for before, p, both in zip(taken, raw, corrected, strict=True)
        ]
    return taken


def _decided(looks: Sequence[Look]) -> bool:
    return any(look.word for look in looks)


def can_decide(seeds: int, claims: int, *, paired: bool) -> bool:
    """Tell whether a look at so many seeds a side can decide a claim, were it the clearest of its family."""
    return least_p(seeds, paired=paired) * claims <= ALPHA


def seeds_needed(sample: Sample, claims: int) -> int | None:
    """Return the seeds a side that would decide a claim in its present direction, with a power of 80%.

    As if the effect were the one seen, by the t-test's power at the first step of Holm's correction. None: more than
    a thousand, or no difference at all.
    """
    from statsmodels.stats.power import TTestIndPower, TTestPower

    level = ALPHA / claims
    size, test = _size(sample), TTestPower() if sample.paired else TTestIndPower()
    least = next(n for n in range(2, MOST_SEEDS) if can_decide(n, claims, paired=sample.paired))
    if math.isinf(size):
        return least
    if test.power(size, MOST_SEEDS, level, alternative="larger") < POWER:
        return None
    found = float(test.solve_power(size, alpha=level, power=POWER, alternative="larger"))
    return max(least, math.ceil(found))


def _size(sample: Sample) -> float:
    """Return the mean difference without its sign, in standard deviations (Cohen's d); infinite without scatter."""
    if sample.paired:
        difference, variance = np.mean(sample.differences), np.var(sample.differences, ddof=1)
    else:
        difference = np.mean(sample.higher) - np.mean(sample.lower)
        variance = (np.var(sample.higher, ddof=1) + np.var(sample.lower, ddof=1)) / 2
    if variance < RESOLUTION**2:
        return math.inf if abs(difference) > RESOLUTION else 0.0
    return float(abs(difference) / math.sqrt(variance))
