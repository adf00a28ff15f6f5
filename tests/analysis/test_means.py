"""The means of a row together: the word of a cell is of its mean and of its spread."""

from __future__ import annotations

import pytest

from harness.analysis.aggregate import summarise
from harness.analysis.bands import Printed
from harness.analysis.means import Mean, judge_means
from harness.suite.schema import ToleranceBand
from tests.analysis.test_spread import sample

BAND = ToleranceBand(kind="within", tolerance=0.3, drift=0.9, because="a test")


def mean(shift: float, std: float) -> Mean:
    """Return 500 runs around 93 + shift beside a print of 93.00 ± 0.30."""
    values = tuple(value + shift for value in sample(0, std))
    return Mean(BAND, Printed(93.0, 0.3, 500, 2, "sample"), summarise(values, 500), values)


@pytest.mark.parametrize(
    ("shift", "std", "verdict"),
    [
        (0.0, 0.3, "PASS"),
        (0.0, 0.6, "DRIFT"),
        (0.0, 0.4, "DRIFT"),
        (0.3, 0.3, "DRIFT"),
        (0.5, 0.3, "FAIL"),
        (0.5, 0.6, "FAIL"),
    ],
)
def test_a_mean_in_band_passes_only_with_its_spread(shift: float, std: float, verdict: str) -> None:
    found = judge_means(["a"], {"a": mean(shift, std)}, cells=6)["a"]
    assert found.verdict == verdict
    if shift == 0.0 and verdict == "DRIFT":
        assert found.mean.verdict == "PASS"
        assert f"std {std / 0.3:.2f} times the printed one" in found.reason


def test_unmeasured_columns_cost_as_much_as_measured_ones() -> None:
    alone = judge_means(["a", "b", "c"], {"a": mean(0.35, 0.3)}, cells=6)["a"]
    beside = judge_means(["a", "b", "c"], {"a": mean(0.35, 0.3), "b": mean(0.0, 0.3)}, cells=6)["a"]
    assert alone.mean.fails == beside.mean.fails
    assert alone.mean.fails is not None
    assert alone.mean.fails.corrected == pytest.approx(6 * alone.mean.fails.raw)
