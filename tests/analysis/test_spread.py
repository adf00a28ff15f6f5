"""The printed std against ours: which intervals hold what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from harness.analysis.bands import Printed
from harness.analysis.spread import judge_spread


def sample(seed: int, std: float, n: int = 500) -> list[float]:
    """Return skewed values with the tail of a search: most are good, a few are bad."""
    values = 94 - stats.gamma(2.0).rvs(n, random_state=seed)
    return list(std * (values - values.mean()) / values.std(ddof=1) + 93)


@pytest.mark.parametrize(
    ("std", "verdict"),
    [(0.30, "PASS"), (0.33, "PASS"), (0.60, "FAIL"), (0.15, "FAIL"), (0.37, "DRIFT"), (0.45, "FAIL")],
)
def test_words(std: float, verdict: str) -> None:
    found = judge_spread(Printed(93.0, 0.3, 500, 2, "sample"), sample(0, std))
    assert found is not None
    assert found.verdict == verdict
    assert math.exp(found.delta) == pytest.approx(std / 0.3)


def test_too_few_runs_say_nothing() -> None:
    assert judge_spread(Printed(93.0, 0.3, 19, 2), sample(0, 0.9)) is None
    assert judge_spread(Printed(93.0, 0.3, 500, 2), sample(0, 0.9)[:19]) is None
    assert judge_spread(Printed(93.0, None, 500, 2), sample(0, 0.9)) is None
    assert judge_spread(Printed(93.0, 0.0, 500, 2), sample(0, 0.9)) is None
    assert judge_spread(Printed(93.0, 0.3, 500, 2), [93.0] * 500) is None


def test_the_error_is_that_of_a_ratio_of_two_samples() -> None:
    """Independent: the large-sample error of ln s, sqrt((kurtosis - 1) / 4n), on both sides."""
    values = sample(1, 0.3)
    found = judge_spread(Printed(93.0, 0.3, 500, 2, "sample"), values)
    kurtosis = stats.kurtosis(values, fisher=False)
    error = math.sqrt(2 * (kurtosis - 1) / (4 * 500))
    assert found is not None and found.width == pytest.approx(stats.t.ppf(0.95, 499) * error, rel=0.1)
    normal = stats.t.ppf(0.95, 499) * math.sqrt(2 / (2 * 499))
    assert found.width is not None and found.width > 1.3 * normal, "the F interval would be too narrow"


def test_the_same_values_give_the_same_word() -> None:
    values = sample(2, 0.4)
    first, second = (judge_spread(Printed(93.0, 0.3, 500, 2), values) for _ in range(2))
    assert first == second
    assert np.isfinite([first.delta, first.width]).all()  # type: ignore[union-attr, arg-type, list-item]
