from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

from harness.theory.dominance import Edges, alike_edges, kept_terms_bound, printed_bound, random_edges, steps_to


def one_by_one(alpha: list[float], scores: list[float], rate: float, target: float) -> int:
    """Descend in plain Python until the first weight reaches the target."""
    step = 0
    while True:
        weights = [math.exp(a) for a in alpha]
        weights = [w / sum(weights) for w in weights]
        if weights[0] >= target:
            return step
        mean = sum(w * s for w, s in zip(weights, scores, strict=True))
        alpha = [a - rate * w * (s - mean) for a, w, s in zip(alpha, weights, scores, strict=True)]
        step += 1


def test_steps_against_plain_python() -> None:
    edges = random_edges(np.random.default_rng(5), count=30)
    steps = steps_to((0.6, 0.95), edges)
    for row in range(30):
        size = int(edges.size[row])
        alpha, scores = edges.alpha[row, :size].tolist(), edges.scores[row, :size].tolist()
        expected = [one_by_one(alpha, scores, float(edges.rate[row]), target) for target in (0.6, 0.95)]
        assert steps[row].tolist() == expected


def test_random_edges_meet_the_hypothesis() -> None:
    edges = random_edges(np.random.default_rng(6), count=500)
    there = np.isfinite(edges.alpha)
    assert (there.sum(1) == edges.size).all()
    assert (edges.alpha[:, 0] >= edges.alpha.max(1)).all() and (edges.scores[:, 0] == 0).all()
    others = np.where(there, edges.scores, np.inf)[:, 1:]
    np.testing.assert_allclose(others.min(1), edges.margin)


def test_steps_beyond_the_limit_are_missing() -> None:
    assert np.isnan(steps_to((0.9,), alike_edges([3]), limit=5)).all()


def bound(function: object, size: int, epsilon: float, rate: float = 0.1, margin: float = 1.0) -> float:
    edges = alike_edges([size], rate, margin)
    return float(function(edges.size, edges.rate, edges.margin, epsilon)[0])  # type: ignore[operator]


def test_printed_bound() -> None:
    assert bound(printed_bound, 5, 0.1) == pytest.approx(5 * math.log(4.5) / 0.1)
    assert bound(printed_bound, 5, 0.1, rate=0.2, margin=3.0) == pytest.approx(5 * math.log(4.5) / 0.6)


@pytest.mark.parametrize("size", [2, 5, 8])
@pytest.mark.parametrize("epsilon", [0.4, 0.05])
def test_kept_terms_against_quadrature(size: int, epsilon: float) -> None:
    """Integrate dt = dp / (n/(n-1) p^2 (1-p)^2) numerically."""
    flow = quad(lambda p: (size - 1) / size / (p * (1 - p)) ** 2, 1 / size, 1 - epsilon)[0] / 0.1
    lag = 1 + math.log(size**2 / (4 * (size - 1)))
    assert bound(kept_terms_bound, size, epsilon) == pytest.approx(flow + lag)


def test_the_flow_behind_the_bound_is_softmax_gradient_flow() -> None:
    """Solve the ordinary differential equation of the logits themselves."""
    scores = np.array([0.0, 1.0, 1.0, 1.0])

    def flow(_: float, alpha: np.ndarray) -> np.ndarray:
        weights = np.exp(alpha) / np.exp(alpha).sum()
        return -weights * (scores - weights @ scores)

    def reached(_: float, alpha: np.ndarray) -> float:
        return float(np.exp(alpha[0]) / np.exp(alpha).sum() - 0.95)

    reached.terminal = True  # type: ignore[attr-defined]
    solved = solve_ivp(flow, (0, 1000), np.zeros(4), events=reached, rtol=1e-10, atol=1e-12)
    lag = 1 + math.log(16 / 12)
    assert bound(kept_terms_bound, 4, 0.05, rate=1.0) - lag == pytest.approx(solved.t_events[0][0], rel=1e-6)


def test_theorem_4_3_fails_on_two_operations() -> None:
    assert one_by_one([0.0, 0.0], [0.0, 1.0], rate=0.1, target=0.9) == 66 > 5 * bound(printed_bound, 2, 0.1)


def test_a_large_margin_of_epsilon_is_met_at_once() -> None:
    edges = Edges(np.zeros((1, 2)), np.array([[0.0, 1.0]]), np.array([2.0]), np.array([0.1]), np.array([1.0]))
    assert steps_to((0.5,), edges)[0, 0] == 0
