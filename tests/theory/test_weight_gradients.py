from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.theory.weight_gradients import Batch, correlations, double_sum, draw, weight_gradient


@pytest.fixture
def batches() -> tuple[np.ndarray, Batch, Batch]:
    random = np.random.default_rng(7)
    centres = random.normal(size=(3, 5, 16))
    return random.normal(size=(3, 5, 16)), draw(random, centres), draw(random, centres)


def test_weight_gradient_against_autograd(batches: tuple[np.ndarray, Batch, Batch]) -> None:
    weights, batch, _ = batches
    w = torch.tensor(weights, requires_grad=True)
    logits = torch.tensor(batch.features) @ w.transpose(1, 2)
    loss = -(torch.tensor(batch.labels) * torch.log_softmax(logits, -1)).sum(-1).mean(-1).sum()
    loss.backward()
    np.testing.assert_allclose(weight_gradient(weights, batch), w.grad, atol=1e-12)


def test_the_double_sum_is_an_inner_product_of_gradients(batches: tuple[np.ndarray, Batch, Batch]) -> None:
    weights, first, second = batches
    product = (weight_gradient(weights, first) * weight_gradient(weights, second)).sum((1, 2))
    np.testing.assert_allclose(double_sum(weights, first, second), product)


def test_the_double_sum_against_loops(batches: tuple[np.ndarray, Batch, Batch]) -> None:
    weights, first, second = batches
    total = 0.0
    for x, label in zip(first.features[0], first.labels[0], strict=True):
        for z, other in zip(second.features[0], second.labels[0], strict=True):
            g = np.exp(weights[0] @ x) / np.exp(weights[0] @ x).sum() - label
            h = np.exp(weights[0] @ z) / np.exp(weights[0] @ z).sum() - other
            total += (g @ h) * (x @ z)
    assert double_sum(weights, first, second)[0] == pytest.approx(total / 64**2)


def test_labels_belong_to_their_centres() -> None:
    far = 100 * np.eye(5, 16)[None]
    batch = draw(np.random.default_rng(8), far)
    assert (batch.features[0, :, :5].argmax(-1) == batch.labels[0].argmax(-1)).all()


def test_no_correlation_without_information_at_the_start() -> None:
    two, one = correlations(np.random.default_rng(9), separation=0.0)
    assert abs(two[:20].mean() / one[:20].mean()) < 0.03
