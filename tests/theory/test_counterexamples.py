"""The counterexamples that a failed statement is shown with, worked out again by hand in plain Python."""

from __future__ import annotations

import math

import pytest

from harness.theory.checks import CHECKS


def softmax(x: list[float]) -> list[float]:
    total = sum(math.exp(value) for value in x)
    return [math.exp(value) / total for value in x]


def moved(y: list[float], by: float) -> list[float]:
    """Return the weights after the first logit has moved."""
    x = [math.log(weight) for weight in y]
    return softmax([x[0] + by, *x[1:]])


def test_single_darts_equation_17() -> None:
    found = CHECKS["single-darts-eq-17"]().measured
    p, s = (0.9, 0.1), (0.0, 1.0)
    mean = sum(a * b for a, b in zip(p, s, strict=True))
    gradients = [a * (b - mean) for a, b in zip(p, s, strict=True)]
    assert found["difference at p = (.9, .1), delta = 1"] == pytest.approx(gradients[1] - gradients[0], rel=1e-12)
    assert found["p_i* delta there"] == p[0] > gradients[1] - gradients[0]


def test_delve_equation_9() -> None:
    found = CHECKS["delve-eq-9"]().measured
    above, below = moved([0.2, 0.5, 0.3], 1e-4), moved([0.2, 0.5, 0.3], -1e-4)
    slope = (above[0] * above[1] - below[0] * below[1]) / (above[0] - below[0])
    assert found["slope of y_i y_j at y = (.2, .5, .3)"] == pytest.approx(slope, rel=1e-5)
    assert found["printed slope there"] == pytest.approx(0.5 - 0.2)
    assert abs(slope - 0.3) > 0.05


def test_delve_equation_10() -> None:
    found = CHECKS["delve-eq-10"]().measured
    above, below = moved([0.4, 0.6], 1e-4), moved([0.4, 0.6], -1e-4)
    exponent = math.log(above[0] * above[1] / (below[0] * below[1])) / math.log(above[0] / below[0])
    assert found["exponent at y = (.4, .6), printed as 1"] == pytest.approx(exponent, rel=1e-4)
    assert abs(exponent - 1) > 0.05


def test_darts_pt_equation_18() -> None:
    """The logarithm of a variance less the covariance does not exist."""
    found = CHECKS["darts-pt-eq-18"]().measured
    variances = [found["one without: Var(o - m)"], found["one without: Var(x - m)"]]
    covariance = found["one without: Cov"]
    assert min(variances) < covariance
    assert covariance**2 <= variances[0] * variances[1]  # as of any two numbers that vary
