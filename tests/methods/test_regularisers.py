"""Regularisers against closed forms, integrals and scipy."""

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats

from harness.methods.regularisers import AuxiliarySkip, DirichletDivergence, Entropy
from harness.methods.step import Step

ALPHA = torch.randn(6, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def concentration(alpha):
    return np.where(alpha > 0, alpha + 1, np.exp(alpha))


def gradient(penalty, alpha):
    leaf = alpha.clone().requires_grad_()
    return torch.autograd.grad(penalty(leaf), [leaf])[0].numpy()


def slopes(function, alpha, step=1e-6):
    """Central differences of a function of a numpy matrix."""
    out = np.zeros_like(alpha)
    for index in np.ndindex(alpha.shape):
        move = np.zeros_like(alpha)
        move[index] = step
        out[index] = (function(alpha + move) - function(alpha - move)) / (2 * step)
    return out


def divergence(alpha):
    """KL(Dirichlet(c) || Dirichlet(1)), summed over rows, by the textbook."""
    c = concentration(alpha)
    total = c.sum(1, keepdims=True)
    rows = special.gammaln(total[:, 0]) - special.gammaln(c).sum(1) - special.gammaln(c.shape[1])
    return float((rows + ((c - 1) * (special.digamma(c) - special.digamma(total))).sum(1)).sum())


def kl(weight):
    return DirichletDivergence(name="dirichlet-kl", weight=weight)


@pytest.mark.parametrize("weight", [0.0, 1e-3, 2.0])
def test_dirichlet_divergence_is_the_closed_form(weight):
    assert kl(weight).penalty(ALPHA).item() == pytest.approx(weight * divergence(ALPHA.numpy()), rel=1e-10)
    np.testing.assert_allclose(
        gradient(kl(weight).penalty, ALPHA), weight * slopes(divergence, ALPHA.numpy()), rtol=1e-5, atol=1e-8
    )


@pytest.mark.parametrize("alpha", [[0.7, -0.4], [2.0, 0.3], [-1.0, -0.5]])
def test_dirichlet_divergence_is_the_integral(alpha):
    """Of two operations the first weight is Beta, and Dirichlet(1) is uniform."""
    law = stats.beta(*concentration(np.array(alpha)))
    value, _ = integrate.quad(lambda x: law.pdf(x) * law.logpdf(x), 0, 1, limit=200)
    assert kl(1.0).penalty(torch.tensor([alpha], dtype=torch.float64)).item() == pytest.approx(value, abs=1e-6)


def test_dirichlet_divergence_is_least_where_the_prior_is():
    zeros = torch.zeros(6, 5, dtype=torch.float64)
    assert kl(1.0).penalty(zeros).item() == pytest.approx(0, abs=1e-12)
    assert np.abs(gradient(kl(1.0).penalty, zeros)).max() < 1e-12
    assert kl(1.0).penalty(ALPHA) > 0


def test_entropy_is_the_divergence_from_uniform_up_to_a_constant():
    weights, part = ALPHA.softmax(-1), Entropy(name="entropy", weight=0.3)
    from_uniform = stats.entropy(weights.numpy(), np.full((6, 5), 0.2), axis=1)
    wanted = 0.3 * (from_uniform - np.log(5)).sum()
    assert part.penalty(weights).item() == pytest.approx(wanted, rel=1e-12)
    np.testing.assert_allclose(gradient(part.penalty, weights), 0.3 * (np.log(weights.numpy()) + 1), rtol=1e-12)


def test_entropy_pulls_exponentiated_gradient_to_uniform():
    weights, part = ALPHA.softmax(-1), Entropy(name="entropy", weight=1.0)
    for _ in range(200):
        weights = weights * torch.exp(-0.1 * torch.tensor(gradient(part.penalty, weights)))
        weights = weights / weights.sum(-1, keepdim=True)
    np.testing.assert_allclose(weights.numpy(), 0.2, atol=1e-8)


def test_entropy_of_a_corner_is_finite():
    corner = torch.eye(5, dtype=torch.float64)
    part = Entropy(name="entropy", weight=1.0)
    assert part.penalty(corner).item() == 0 and np.isfinite(gradient(part.penalty, corner)).all()


# DARTS- -----------------------------------------------------------------------------------------------------


def test_beta_falls_from_1_in_the_first_epoch_to_0_after_the_last():
    part = AuxiliarySkip(name="auxiliary-skip")
    betas = [part.beta(epoch, 50) for epoch in range(51)]
    np.testing.assert_allclose(betas, np.linspace(1, 0, 51))
    assert betas[0] == 1.0 and betas[49] == pytest.approx(0.02)


@pytest.mark.parametrize("epoch", [0, 25, 49])
def test_the_auxiliary_skip_is_a_column_of_its_own(epoch):
    part, moment = AuxiliarySkip(name="auxiliary-skip"), Step(epoch, 50, 0.0, torch.Generator())
    leaf = ALPHA.clone().requires_grad_()
    got = part.apply(leaf.softmax(-1), moment)
    wanted = np.column_stack([special.softmax(ALPHA.numpy(), axis=1), np.full(6, 1 - epoch / 50)])
    np.testing.assert_allclose(got.detach().numpy(), wanted, rtol=1e-12)
    direction = torch.arange(30, dtype=torch.float64).view(6, 5)
    (with_beta,) = torch.autograd.grad((got[:, :5] * direction).sum() + 7 * got[:, 5].sum(), [leaf])
    (without,) = torch.autograd.grad((leaf.softmax(-1) * direction).sum(), [leaf])
    assert torch.equal(with_beta, without)
