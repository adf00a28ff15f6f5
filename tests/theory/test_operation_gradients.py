from __future__ import annotations

import numpy as np
import torch

from harness.theory.operation_gradients import compare_logits, compare_pair, logit_gradients, normalised_divergence
from harness.theory.softmax import softmax

RANDOM = np.random.default_rng(2)


def test_logit_gradients_against_autograd() -> None:
    """Of a loss that is not linear in the mixed feature map, through the scores at that point."""
    features = torch.tensor(RANDOM.normal(size=(4, 3)))
    alpha = torch.tensor(RANDOM.normal(size=4), requires_grad=True)
    mixed = torch.softmax(alpha, -1) @ features
    mixed.retain_grad()
    (mixed**3).sum().backward()
    scores = (features @ mixed.grad).numpy()  # type: ignore[operator]
    np.testing.assert_allclose(logit_gradients(softmax(alpha.detach().numpy()), scores), alpha.grad, atol=1e-12)


def test_theorem_4_2_has_a_counterexample() -> None:
    """The hypothesis holds, autograd's gradients go the other way."""
    weights, scores = np.array([0.05, 0.45, 0.5]), torch.tensor([1.1, 1.0, 0.0], dtype=torch.float64)
    alpha = torch.tensor(np.log(weights), requires_grad=True)
    (torch.softmax(alpha, -1) @ scores).backward()
    assert alpha.grad is not None
    assert alpha[1] >= alpha[0] and scores[1] < scores[0]
    assert alpha.grad[1] > alpha.grad[0]


def test_theorem_4_2_holds_for_two_operations() -> None:
    assert not compare_logits(np.random.default_rng(3), 2).violated.any()


def test_compare_pair_against_autograd() -> None:
    features, weights = RANDOM.normal(size=(20, 3, 4)), RANDOM.dirichlet(np.ones(3), size=20)
    pair = compare_pair(features, weights)
    for edge in range(20):
        x, p = torch.tensor(features[edge]), torch.tensor(weights[edge], requires_grad=True)
        gradient = torch.autograd.grad(-torch.log_softmax(p @ x, -1)[0], p)[0]
        losses = -torch.log_softmax(x, -1)[:, 0]
        better, worse = (0, 1) if losses[0] <= losses[1] else (1, 0)
        np.testing.assert_allclose(pair.gap[edge], gradient[better] - gradient[worse], atol=1e-12)
        kl = torch.nn.functional.kl_div(
            torch.log_softmax(x[worse], -1), torch.softmax(p.detach() @ x, -1), reduction="sum"
        )
        np.testing.assert_allclose(pair.kl[edge], kl, atol=1e-12)
        np.testing.assert_allclose(pair.distance[edge], (x[0] - x[1]).abs().max())


def test_equal_features_have_no_divergence() -> None:
    assert normalised_divergence(np.random.default_rng(4), 1.0) < 1e-12
