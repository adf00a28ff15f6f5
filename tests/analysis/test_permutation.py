"""Exact p-values against brute force, and effects with their intervals."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import norm

from harness.analysis.permutation import Effect, Sample, effect, exact_p, least_p


def brute_force(higher: Sequence[int], lower: Sequence[int]) -> tuple[float, float]:
    """Assign the values to the sides in every way, in whole numbers."""
    pool = [*higher, *lower]
    sums = [sum(chosen) for chosen in itertools.combinations(pool, len(higher))]
    seen = sum(higher)
    above, below = sum(s >= seen for s in sums), sum(s <= seen for s in sums)
    return float(Fraction(above, len(sums))), float(Fraction(below, len(sums)))


def brute_force_paired(differences: Sequence[int]) -> tuple[float, float]:
    """Give the differences every combination of signs."""
    sums = [sum(np.multiply(signs, differences)) for signs in itertools.product((1, -1), repeat=len(differences))]
    seen = sum(differences)
    above, below = sum(s >= seen for s in sums), sum(s <= seen for s in sums)
    return float(Fraction(above, len(sums))), float(Fraction(below, len(sums)))


@pytest.mark.parametrize("seed", range(12))
def test_every_assignment_counts_once_ties_included(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, m = rng.integers(2, 6, size=2)
    higher, lower = rng.integers(0, 6, size=n).tolist(), rng.integers(0, 6, size=m).tolist()
    assert exact_p(Sample(tuple(higher), tuple(lower), paired=False)) == pytest.approx(brute_force(higher, lower))


@pytest.mark.parametrize("seed", range(12))
def test_every_sign_counts_once_ties_included(seed: int) -> None:
    rng = np.random.default_rng(seed)
    higher, lower = (tuple(side) for side in rng.integers(0, 4, size=(2, 6)).tolist())
    differences = [a - b for a, b in zip(higher, lower, strict=True)]
    assert exact_p(Sample(higher, lower, paired=True)) == pytest.approx(brute_force_paired(differences))


def test_rounding_breaks_no_tie() -> None:
    """0.1 + 0.2 is 0.3, and the sum of ten tenths is 1."""
    assert exact_p(Sample((0.1 + 0.2,) * 3, (0.3,) * 3, paired=False)) == (1.0, 1.0)
    assert exact_p(Sample((0.1 + 0.2,) * 6, (0.3,) * 6, paired=True)) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("seeds", "paired", "smallest"),
    [(6, False, 1 / 924), (10, False, 1 / 184756), (6, True, 1 / 64), (10, True, 1 / 1024)],
)
def test_sides_apart_give_the_least_p(seeds: int, paired: bool, smallest: float) -> None:
    higher = tuple(90 + 0.1 * seed for seed in range(seeds))
    lower = tuple(50 + 0.3 * seed for seed in range(seeds))
    assert exact_p(Sample(higher, lower, paired)) == pytest.approx((smallest, 1.0))
    assert exact_p(Sample(lower, higher, paired)) == pytest.approx((1.0, smallest))
    assert least_p(seeds, paired=paired) == pytest.approx(smallest)


def test_the_level_is_kept_exactly_whatever_the_values() -> None:
    """Over all 70 assignments of any eight values, at most a share of alpha has p <= alpha; ties, outliers."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        pool = np.where(rng.random(8) < 0.3, 54.3, rng.standard_cauchy(8)).tolist()
        found = []
        for chosen in itertools.combinations(range(8), 4):
            rest = [pool[i] for i in range(8) if i not in chosen]
            found.append(exact_p(Sample(tuple(pool[i] for i in chosen), tuple(rest), paired=False))[0])
        assert all(sum(p <= alpha + 1e-12 for p in found) / 70 <= alpha + 1e-12 for alpha in found)


def test_the_effect_counts_pairs_and_halves_ties() -> None:
    found = effect(Sample((3.0, 1.0, 2.0), (1.0, 0.0, 2.0), paired=False))
    assert found.probability == pytest.approx((3 + 1.5 + 2.5) / 9)
    paired = effect(Sample((3.0, 1.0, 2.0, 2.0), (1.0, 0.0, 2.0, 5.0), paired=True))
    assert paired.probability == pytest.approx(2.5 / 4)


def test_six_of_six_is_no_certainty() -> None:
    """Clopper and Pearson: .025^(1/6); two samples apart: a lower end that solves Newcombe's equation."""
    paired = effect(Sample((1.0,) * 6, (0.0,) * 6, paired=True))
    assert (paired.low, paired.high) == pytest.approx((0.025 ** (1 / 6), 1.0))
    apart = effect(Sample((1.0,) * 6, (0.0,) * 6, paired=False))
    theta, z = apart.low, norm.ppf(0.975)
    variance = theta * (1 - theta) * (1 + 5 * ((1 - theta) / (2 - theta) + theta / (1 + theta))) / 36
    assert (1 - theta) == pytest.approx(z * math.sqrt(variance))
    assert (apart.probability, apart.high) == (1.0, 1.0)
    assert 0.6 < apart.low < 0.75


def test_the_other_side_has_the_mirrored_interval() -> None:
    higher, lower = (3.0, 1.0, 2.0, 4.0), (1.5, 0.0, 2.5, 0.5)
    one, other = effect(Sample(higher, lower, paired=False)), effect(Sample(lower, higher, paired=False))
    assert (1 - other.probability, 1 - other.high, 1 - other.low) == pytest.approx((one.probability, one.low, one.high))


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.0])
def test_intervals_cover_the_truth(shift: float) -> None:
    """Of 400 samples of six a side about 95% contain P(higher > lower) = Phi(shift / sqrt 2)."""
    rng, truth = np.random.default_rng(1), norm.cdf(shift / math.sqrt(2))

    def one() -> Effect:
        return effect(Sample(tuple(rng.normal(shift, 1, 6)), tuple(rng.normal(0, 1, 6)), paired=False))

    covered = np.mean([found.low <= truth <= found.high for found in (one() for _ in range(400))])
    assert 0.92 <= covered <= 0.99
