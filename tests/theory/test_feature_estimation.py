from __future__ import annotations

import numpy as np
import pytest

from harness.theory.feature_estimation import Moments, closed_form, logit_gap, minimise_gap, minimise_theta, moments

RANDOM = np.random.default_rng(10)


def normalised(maps: np.ndarray) -> np.ndarray:
    return (maps - maps.mean(1, keepdims=True)) / maps.std(1, keepdims=True)


@pytest.fixture(params=range(5))
def maps(request: pytest.FixtureRequest) -> np.ndarray:
    random = np.random.default_rng(request.param)
    return normalised(random.uniform(size=(3, 3)) @ random.normal(size=(3, 50)))


def test_closed_form_and_minimiser_against_least_squares(maps: np.ndarray) -> None:
    """theta minimises |theta (o - x) - (m - x)|^2 about the mean: a regression on one variable."""
    optimal, conv, skip = maps
    theta = np.linalg.lstsq((conv - skip)[:, None], optimal - skip, rcond=None)[0][0]
    assert closed_form(moments(optimal, conv, skip)) == pytest.approx((theta, 1 - theta))
    assert minimise_theta(optimal, conv, skip) == pytest.approx(theta, abs=1e-5)


def test_moments_against_numpy(maps: np.ndarray) -> None:
    optimal, conv, skip = maps
    m = moments(optimal, conv, skip)
    assert m.conv == pytest.approx(np.var(conv - optimal))
    assert m.skip == pytest.approx(np.var(skip - optimal))
    assert m.covariance == pytest.approx(np.mean((conv - optimal) * (skip - optimal)))


def test_logits_give_the_weights_back() -> None:
    m = Moments(conv=2.0, skip=1.0, covariance=0.3)
    gap = logit_gap(m)
    assert 1 / (1 + np.exp(-gap)) == pytest.approx(closed_form(m)[1])


def test_no_optimal_logits_where_a_weight_leaves_the_interval() -> None:
    """x is m with a little noise; o is x with a lot: mixing any o in makes it worse."""
    optimal = RANDOM.normal(size=500)
    skip = optimal + 0.3 * RANDOM.normal(size=500)
    conv = skip + RANDOM.normal(size=500) + 0.5 * (skip - optimal)
    maps = normalised(np.stack([optimal, conv, skip]))
    m = moments(*maps)
    assert np.isnan(logit_gap(m)) and closed_form(m)[0] < 0
    assert minimise_gap(*maps, bound=7.0) == pytest.approx(7, abs=1e-3)
