"""Statistics against values worked out by hand."""

from __future__ import annotations

import math

import pytest

from harness.analysis.aggregate import summarise


def test_mean_and_both_standard_deviations() -> None:
    summary = summarise([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0], planned=8)
    assert summary.mean == 5.0
    assert summary.population_std == 2.0  # squares of the deviations sum to 32: sqrt(32 / 8)
    assert summary.sample_std == pytest.approx(math.sqrt(32 / 7))
    assert summary.complete


def test_one_value_has_no_sample_std() -> None:
    summary = summarise([3.5], planned=1)
    assert (summary.mean, summary.population_std, summary.sample_std) == (3.5, 0.0, None)


def test_nothing_measured_has_no_statistics() -> None:
    summary = summarise([], planned=3)
    assert (summary.n, summary.mean, summary.population_std, summary.sample_std) == (0, None, None, None)
    assert not summary.complete


def test_says_how_many_of_how_many() -> None:
    assert summarise([1.0, 2.0], planned=5).coverage == "2 of 5"
    assert not summarise([1.0, 2.0], planned=5).complete


def test_nothing_planned_is_not_complete() -> None:
    assert not summarise([], planned=0).complete


def test_more_values_than_trials_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="2 values from 1 planned"):
        summarise([1.0, 2.0], planned=1)
