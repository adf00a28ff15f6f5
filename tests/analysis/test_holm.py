"""Holm's correction against the definition, and that no other row has a say."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from harness.analysis.holm import holm, step_down


def naive(p: list[float], cells: int) -> list[float]:
    """Holm (1979): the k-th smallest of r, times r - k + 1, no smaller than those before; here times cells / r."""
    order = sorted(range(len(p)), key=p.__getitem__)
    found, least = [0.0] * len(p), 0.0
    for rank, index in enumerate(order):
        least = max(least, (len(p) - rank) * p[index])
        found[index] = min(1.0, min(1.0, least) * cells / len(p))
    return found


@pytest.mark.parametrize("p", [[0.001], [0.001, 0.04, 0.02], [0.5, 0.001, 0.001, 1.0, 1.0, 1.0]])
@pytest.mark.parametrize("cells", [6, 48])
def test_as_defined(p: list[float], cells: int) -> None:
    assert holm(p, cells) == pytest.approx(naive(p, cells))


def test_the_smallest_of_a_row_is_paid_for_by_the_whole_table() -> None:
    assert holm([0.0005, 1.0, 1.0], 48)[0] == pytest.approx(48 * 0.0005)


@pytest.mark.parametrize("seed", range(5))
def test_of_many_equal_and_unequal_ones_as_statsmodels_says(seed: int) -> None:
    p = np.round(np.random.default_rng(seed).beta(0.3, 2, 40), 2)
    assert step_down([*p]) == pytest.approx(multipletests(p, method="holm")[1])


def test_nothing_measurable() -> None:
    assert holm([], 48) == []
