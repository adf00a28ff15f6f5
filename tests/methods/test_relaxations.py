"""Relaxations against closed forms, other libraries' distributions, and statistics of many draws."""

import numpy as np
import pytest
import torch
from scipy import special, stats

from harness.methods.relaxations import (
    Dirichlet,
    EdgeNormalised,
    GumbelHard,
    MixedTemperature,
    Sigmoid,
    Simplex,
    Softmax,
    Uniform,
    UniformPath,
)
from harness.methods.step import Step
from tests.groups import CELL

ALPHA = torch.randn(6, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
DRAWS = 20_000


def moment(epoch=0, epochs=50, coin=0.0, seed=0):
    return Step(epoch, epochs, coin, torch.Generator().manual_seed(seed))


def sp(**changes):
    settings = {"sparse": 0.0011, "smooth": 0.011, "low": 0.0, "high": 1.0, "warmup": 1}
    return MixedTemperature(name="mixed-temperature", **(settings | changes))


FIXED = [
    (Softmax(name="softmax"), special.softmax(ALPHA.numpy(), axis=1)),
    (Sigmoid(name="sigmoid"), special.expit(ALPHA.numpy())),
    (Uniform(name="uniform"), np.full((6, 5), 0.2)),
    (Simplex(name="simplex"), ALPHA.numpy()),
]


@pytest.mark.parametrize(("part", "wanted"), FIXED, ids=lambda value: getattr(value, "name", ""))
def test_relaxations_without_chance(part, wanted):
    np.testing.assert_allclose(part.mixing(ALPHA, CELL, moment()).numpy(), wanted, rtol=1e-12)
    np.testing.assert_allclose(part.strengths(ALPHA, CELL).numpy(), wanted, rtol=1e-12)
    assert not part.sampled


def test_uniform_weights_give_alpha_no_gradient():
    alpha = ALPHA.clone().requires_grad_()
    assert not Uniform(name="uniform").mixing(alpha, CELL, moment()).requires_grad
    assert not UniformPath(name="uniform-path").mixing(alpha, CELL, moment()).requires_grad


# sampled paths ----------------------------------------------------------------------------------------------


def gumbel(start=10.0, end=0.1):
    return GumbelHard(name="gumbel-hard", start=start, end=end)


def frequencies(part, logits, **when):
    """Draw many edges with the same logits at once; count the operations."""
    rows = torch.tensor(logits).expand(DRAWS, -1)
    drawn = part.mixing(rows, CELL, moment(**when))
    assert torch.allclose(drawn.max(-1).values, torch.ones(DRAWS), atol=1e-6)
    assert torch.allclose(drawn.sum(-1), torch.ones(DRAWS), atol=1e-6) and (drawn.abs() < 1e-6).sum() == 4 * DRAWS
    return np.bincount(drawn.argmax(-1).numpy(), minlength=5)


@pytest.mark.parametrize("epoch", [0, 200, 249])  # the temperature changes gradients and no frequency
@pytest.mark.parametrize("logits", [[0.0] * 5, [1.0, -2.0, 0.5, 0.0, -0.3], [3.0, 3.0, -4.0, 1.0, 0.0]])
def test_gumbel_draws_each_operation_as_often_as_softmax_says(logits, epoch):
    counts = frequencies(gumbel(), logits, epoch=epoch, epochs=250, seed=epoch)
    assert stats.chisquare(counts, DRAWS * special.softmax(logits)).pvalue > 1e-3


def test_a_uniform_path_takes_each_operation_equally_often():
    counts = frequencies(UniformPath(name="uniform-path"), [9.0, 0.0, 0.0, 0.0, -9.0])
    assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("part", [gumbel(), UniformPath(name="uniform-path")], ids=lambda part: part.name)
def test_edges_are_drawn_independently(part):
    generator = torch.Generator().manual_seed(5)
    when = Step(0, 250, 0.0, generator)
    pairs = [part.mixing(torch.zeros(2, 5), CELL, when).argmax(-1).tolist() for _ in range(4000)]
    table = np.zeros((5, 5))
    np.add.at(table, tuple(np.array(pairs).T), 1)
    assert stats.chi2_contingency(table).pvalue > 1e-3
    assert part.sampled


@pytest.mark.parametrize("epoch", [0, 125, 249])
def test_gumbel_passes_the_gradient_of_the_soft_weights(epoch):
    alpha = ALPHA.clone().requires_grad_()
    mixing = gumbel().mixing(alpha, CELL, moment(epoch=epoch, epochs=250, seed=7))
    direction = torch.randn(6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(8))
    (got,) = torch.autograd.grad((mixing * direction).sum(), [alpha])

    uniform = torch.rand((6, 5), generator=torch.Generator().manual_seed(7)).double().numpy()
    temperature = 10 - 9.9 * epoch / 249
    scores = (special.log_softmax(ALPHA.numpy(), axis=1) - np.log(-np.log(uniform))) / temperature
    soft = special.softmax(scores, axis=1)
    np.testing.assert_array_equal(mixing.argmax(-1).numpy(), scores.argmax(1))
    # chain rule by hand: softmax at the temperature, then log-softmax
    c = direction.numpy()
    inner = soft * (c - (soft * c).sum(1, keepdims=True)) / temperature
    outer = inner - special.softmax(ALPHA.numpy(), axis=1) * inner.sum(1, keepdims=True)
    np.testing.assert_allclose(got.numpy(), outer, rtol=1e-9)


def test_the_temperature_of_gumbel_falls_linearly_from_10_to_a_tenth():
    temperatures = [gumbel().temperature(epoch, 250) for epoch in range(250)]
    np.testing.assert_allclose(temperatures, np.linspace(10, 0.1, 250), rtol=1e-12)
    assert gumbel().temperature(0, 1) == 10.0


def test_strengths_of_sampled_paths_do_not_draw():
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    for part in (gumbel(), UniformPath(name="uniform-path"), Dirichlet(name="dirichlet"), sp()):
        part.strengths(ALPHA, CELL)
    assert torch.equal(before, generator.get_state())
    np.testing.assert_allclose(gumbel().strengths(ALPHA, CELL).numpy(), special.softmax(ALPHA.numpy(), axis=1))


# SP-DARTS ---------------------------------------------------------------------------------------------------


def test_the_share_of_sparse_steps_over_50_epochs():
    """Table II: 0 in the first epoch, one 49th more in each, 1 in the last; the official code does the same."""
    np.testing.assert_allclose([sp().probability(e, 50) for e in range(50)], np.arange(50) / 49)
    np.testing.assert_allclose([sp(high=0.9).probability(e, 50) for e in range(50)], 0.9 * np.arange(50) / 49)


@pytest.mark.parametrize(
    ("low", "high", "epochs", "warmup"), [(0.2, 0.9, 20, 5), (0, 1, 50, 1), (0.8, 1, 50, 0), (0, 1, 3, 9)]
)
def test_the_share_of_sparse_steps_follows_eq_20(low, high, epochs, warmup):
    """0 in the epochs before the last of the warm-up, then evenly from p_low, there or before the first, to p_up."""
    part = sp(low=low, high=high, warmup=warmup)
    points = np.linspace(low, high, max(epochs - warmup, 0) + 1)
    wanted = np.concatenate([np.zeros(max(warmup - 1, 0)), points if warmup else points[1:]])[:epochs]
    np.testing.assert_allclose([part.probability(e, epochs) for e in range(epochs)], wanted)
    assert part.probability(0, 1) in (0, low, high)  # a single epoch divides by nothing


def test_the_share_of_sparse_steps_is_the_official_codes_on_cifar10():
    """It adds 1 / 49 after every epoch to what begins as 0, and so has sparse steps alone in the last of 50."""
    share, found = 0.0, [sp().probability(epoch, 50) for epoch in range(50)]
    for epoch in range(50):
        assert found[epoch] == pytest.approx(share, abs=1e-12)
        share += 1 / 49
    assert found[-1] == 1.0


@pytest.mark.parametrize(("coin", "temperature"), [(0.499, 0.0011), (0.501, 0.011), (0.0, 0.0011), (0.999, 0.011)])
def test_the_coin_chooses_the_temperature(coin, temperature):
    part, alpha = sp(warmup=0), ALPHA * 1e-3
    assert part.probability(24, 50) == 0.5
    got = part.mixing(alpha, CELL, moment(epoch=24, coin=coin))
    np.testing.assert_allclose(got.numpy(), special.softmax(alpha.numpy() / temperature, axis=1), rtol=1e-12)


def test_every_step_is_smooth_in_the_warm_up_and_sparse_at_the_end():
    part, alpha = sp(), ALPHA * 1e-3
    smooth, sparse = (special.softmax(alpha.numpy() / t, axis=1) for t in (0.011, 0.0011))
    np.testing.assert_allclose(part.mixing(alpha, CELL, moment(coin=0.0)).numpy(), smooth)
    np.testing.assert_allclose(part.mixing(alpha, CELL, moment(epoch=49, coin=1 - 1e-7)).numpy(), sparse)


def test_a_temperature_changes_no_choice():
    alpha = ALPHA * 1e-3
    for coin in (0.0, 0.99):
        got = sp().mixing(alpha, CELL, moment(epoch=25, coin=coin))
        assert torch.equal(got.argmax(-1), sp().strengths(alpha, CELL).argmax(-1))


# DrNAS ------------------------------------------------------------------------------------------------------

BETA = torch.tensor([[-1.5, 0.0, 0.4, 1.2, -0.2]])
CONCENTRATION = np.where(BETA > 0, BETA + 1, np.exp(BETA.numpy()))[0]  # ELU + 1


def dirichlet_draws(count, alpha=BETA, seed=0):
    return Dirichlet(name="dirichlet").mixing(alpha.expand(count, -1), CELL, moment(seed=seed))


def test_dirichlet_draws_have_the_distribution_of_scipy():
    draws = dirichlet_draws(DRAWS).numpy().astype(float)
    np.testing.assert_allclose(draws.sum(1), 1, atol=1e-6)
    assert (draws >= 0).all()
    law = stats.dirichlet(CONCENTRATION)
    errors = np.sqrt(law.var() / DRAWS)
    assert (np.abs(draws.mean(0) - law.mean()) < 4 * errors).all()
    np.testing.assert_allclose(np.cov(draws.T), law.cov(), atol=2e-3)
    for k, own in enumerate(CONCENTRATION):
        assert stats.kstest(draws[:, k], stats.beta(own, CONCENTRATION.sum() - own).cdf).pvalue > 1e-3


def test_dirichlet_strengths_are_the_mean_and_choose_as_alpha_does():
    part = Dirichlet(name="dirichlet")
    np.testing.assert_allclose(part.strengths(BETA, CELL)[0].numpy(), stats.dirichlet(CONCENTRATION).mean(), rtol=1e-6)
    np.testing.assert_allclose(part.concentration(BETA)[0].numpy(), CONCENTRATION, rtol=1e-6)
    assert torch.equal(part.strengths(ALPHA, CELL).argmax(-1), ALPHA.argmax(-1))


def test_gradients_through_dirichlet_draws_average_to_that_of_the_expectation():
    """E[c . theta + (d . theta)^2], whose gradient by the closed form of mean and covariance is known."""
    c, d = np.array([1.0, -2.0, 0.5, 3.0, 0.0]), np.array([0.0, 2.0, -1.0, 1.0, 1.5])

    def expectation(beta):
        law = stats.dirichlet(np.where(beta > 0, beta + 1, np.exp(beta)))
        return c @ law.mean() + d @ law.cov() @ d + (d @ law.mean()) ** 2

    beta, step = BETA[0].numpy().astype(float), 1e-5 * np.eye(5)
    wanted = [(expectation(beta + e) - expectation(beta - e)) / 2e-5 for e in step]
    leaf = BETA.expand(DRAWS, -1).clone().requires_grad_()
    draws = Dirichlet(name="dirichlet").mixing(leaf, CELL, moment(seed=1))
    value = draws @ torch.tensor(c, dtype=torch.float32) + (draws @ torch.tensor(d, dtype=torch.float32)) ** 2
    (slopes,) = torch.autograd.grad(value.sum(), [leaf])
    errors = slopes.std(0).numpy() / np.sqrt(DRAWS)
    assert (np.abs(slopes.mean(0).numpy() - wanted) < 4 * errors).all()
    assert (np.abs(wanted) > 10 * errors).any()


def test_dirichlet_reads_and_moves_no_global_stream():
    torch.manual_seed(1)
    first, state = dirichlet_draws(3), torch.random.get_rng_state()
    torch.manual_seed(2)
    assert torch.equal(first, dirichlet_draws(3))
    assert not torch.equal(first, dirichlet_draws(3, seed=1))
    torch.random.set_rng_state(state)
    dirichlet_draws(3)
    assert torch.equal(state, torch.random.get_rng_state())


def test_one_generator_gives_other_draws_each_time_and_the_same_again():
    for part in (gumbel(), UniformPath(name="uniform-path"), Dirichlet(name="dirichlet")):
        when, again = moment(seed=3), moment(seed=3)
        alpha = torch.zeros(6, 5)
        first, second = part.mixing(alpha, CELL, when), part.mixing(alpha, CELL, when)
        assert not torch.equal(first, second)
        assert torch.equal(first, part.mixing(alpha, CELL, again)) and torch.equal(
            second, part.mixing(alpha, CELL, again)
        )


@pytest.mark.parametrize("beta", [-12.0, -6.0, 0.0, 30.0])
def test_extreme_dirichlet_parameters_stay_finite(beta):
    alpha = torch.zeros(6, 5)
    alpha[:, :2] = beta
    alpha.requires_grad_()
    for seed in range(50):
        drawn = dirichlet_draws(6, alpha=alpha[:1], seed=seed)
        (slope,) = torch.autograd.grad((drawn * torch.arange(5.0)).sum(), [alpha])
        assert drawn.isfinite().all() and slope.isfinite().all()


# PC-DARTS ---------------------------------------------------------------------------------------------------


def test_edge_weights_compete_among_the_edges_that_enter_a_node():
    alpha = torch.randn(6, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    part = EdgeNormalised(name="edge-normalised")
    assert part.alpha_shape(CELL) == (6, 6) and not part.sampled
    beta = alpha[:, 5].numpy()
    shares = np.concatenate([special.softmax(beta[edges]) for edges in ([0], [1, 2], [3, 4, 5])])
    wanted = special.softmax(alpha[:, :5].numpy(), axis=1) * shares[:, None]
    np.testing.assert_allclose(part.strengths(alpha, CELL).numpy(), wanted, rtol=1e-12)
    np.testing.assert_allclose(part.mixing(alpha, CELL, moment()).numpy(), wanted, rtol=1e-12)
    assert wanted[0].sum() == pytest.approx(1) and wanted[1:3].sum() == pytest.approx(1)
