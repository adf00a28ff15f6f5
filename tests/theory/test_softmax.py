from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from harness.theory.softmax import divergence, entropy, jacobian, pull_back, softmax

RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(size=(7, 4)) * 2


@pytest.mark.parametrize("temperature", [0.05, 1.0, 3.0])
def test_against_autograd(temperature: float) -> None:
    for row in LOGITS:
        x = torch.tensor(row, requires_grad=True)
        expected = torch.autograd.functional.jacobian(lambda z: torch.softmax(z / temperature, -1), x)
        y = softmax(row, temperature)
        np.testing.assert_allclose(y, torch.softmax(x / temperature, -1).detach(), atol=1e-12)
        np.testing.assert_allclose(jacobian(y, temperature), expected, atol=1e-10)


def test_pull_back_against_autograd() -> None:
    target = torch.linspace(-1, 1, 4, dtype=torch.float64)
    x = torch.tensor(LOGITS, requires_grad=True)
    y = torch.softmax(x, -1)
    ((y - target) ** 4).sum().backward()
    weights = softmax(LOGITS)
    np.testing.assert_allclose(pull_back(weights, 4 * (weights - target.numpy()) ** 3), x.grad, atol=1e-12)


def test_an_operation_that_is_not_there_has_no_weight() -> None:
    np.testing.assert_allclose(softmax(np.array([0.0, -np.inf, 0.0])), [0.5, 0, 0.5])


def test_entropy_and_divergence_against_scipy() -> None:
    p, q = softmax(LOGITS), softmax(LOGITS[::-1])
    np.testing.assert_allclose(entropy(p), stats.entropy(p, axis=-1))
    np.testing.assert_allclose(divergence(p, q), stats.entropy(p, q, axis=-1))
    assert entropy(np.array([1.0, 0.0])) == 0
    assert divergence(np.array([1.0, 0.0]), np.array([0.5, 0.5])) == pytest.approx(np.log(2))
