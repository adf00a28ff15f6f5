"""Optimisers and schedules against formulas, a minimisation by scipy, and torch's own schedules."""

import itertools

import numpy as np
import pytest
import torch
from scipy import optimize
from torch import nn

from harness.engine.optimisers import build_optimiser
from harness.methods.optimisers import (
    Adam,
    Constant,
    Cosine,
    Decay,
    ExponentiatedGradient,
    Linear,
    Sgd,
    WarmupCosine,
)

START = torch.rand(6, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64).add(0.1)
START = START / START.sum(-1, keepdim=True)
SLOPE = torch.randn(6, 5, generator=torch.Generator().manual_seed(4), dtype=torch.float64)


def exponentiated(lr=0.1, floor=1e-5):
    return ExponentiatedGradient(name="exponentiated-gradient", lr=lr, floor=floor)


def stepped(settings, start, *slopes):
    parameter = nn.Parameter(start.clone())
    optimiser = build_optimiser(settings, [parameter])
    for slope in slopes:
        parameter.grad = slope
        optimiser.step()
    return parameter.detach().numpy()


def test_exponentiated_gradient_is_its_formula():
    wanted = START.numpy()
    for slope in (SLOPE.numpy(), -2 * SLOPE.numpy(), SLOPE.numpy() ** 2):
        wanted = np.maximum(wanted * np.exp(-0.1 * slope), 1e-5)
        wanted = wanted / wanted.sum(1, keepdims=True)
    got = stepped(exponentiated(), START, SLOPE, -2 * SLOPE, SLOPE**2)
    np.testing.assert_allclose(got, wanted, rtol=1e-12)
    np.testing.assert_allclose(got.sum(1), 1, rtol=1e-12)


@pytest.mark.parametrize("edge", range(3))
def test_exponentiated_gradient_solves_the_mirror_problem(edge):
    """argmin over the simplex of lr <g, a> + KL(a || start): GAEA's reading of the update."""
    start, slope = START[edge].numpy(), SLOPE[edge].numpy()
    found = optimize.minimize(
        lambda a: 0.5 * slope @ a + np.sum(a * np.log(a / start)),
        np.full(5, 0.2),
        bounds=[(1e-9, 1)] * 5,
        constraints={"type": "eq", "fun": lambda a: a.sum() - 1},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    np.testing.assert_allclose(stepped(exponentiated(0.5), START, SLOPE)[edge], found.x, atol=1e-5)


def test_a_constant_added_to_a_row_of_slopes_changes_nothing():
    shifted = SLOPE + torch.arange(6, dtype=torch.float64).view(-1, 1)
    np.testing.assert_allclose(
        stepped(exponentiated(), START, shifted), stepped(exponentiated(), START, SLOPE), rtol=1e-12
    )


def test_no_operation_falls_below_the_floor_and_each_can_come_back():
    down = torch.zeros(6, 5, dtype=torch.float64)
    down[:, 0] = 50.0
    low = stepped(exponentiated(), START, *[down] * 20)
    np.testing.assert_allclose(low[:, 0], 1e-5, rtol=2e-5)  # the floor, then normalised
    np.testing.assert_allclose(low.sum(1), 1)
    assert (stepped(exponentiated(), START, *[down] * 20, *[-down] * 4)[:, 0] > 0.9).all()


def test_a_parameter_without_a_gradient_stays():
    parameter = nn.Parameter(START * 3)
    build_optimiser(exponentiated(), [parameter]).step()
    assert torch.equal(parameter, START * 3)


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_is_its_formula(nesterov):
    settings = Sgd(name="sgd", lr=0.1, momentum=0.9, nesterov=nesterov, weight_decay=0.01)
    wanted, velocity = START.numpy(), 0.0
    for slope in (SLOPE.numpy(), 0 * SLOPE.numpy(), -SLOPE.numpy()):  # no slope: decay and momentum still move
        full = slope + 0.01 * wanted
        velocity = 0.9 * velocity + full
        wanted = wanted - 0.1 * (full + 0.9 * velocity if nesterov else velocity)
    np.testing.assert_allclose(stepped(settings, START, SLOPE, 0 * SLOPE, -SLOPE), wanted, rtol=1e-12)


def test_adam_adds_its_decay_to_the_gradient():
    settings = Adam(name="adam", lr=0.01, betas=(0.5, 0.999), eps=1e-8, weight_decay=0.1)
    wanted, first, second = START.numpy(), 0.0, 0.0
    for step, slope in enumerate((SLOPE.numpy(), -(SLOPE.numpy() ** 3)), start=1):
        full = slope + 0.1 * wanted
        first, second = 0.5 * first + 0.5 * full, 0.999 * second + 0.001 * full**2
        wanted = wanted - 0.01 * (first / (1 - 0.5**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    np.testing.assert_allclose(stepped(settings, START, SLOPE, -(SLOPE**3)), wanted, rtol=1e-12)


@pytest.mark.parametrize(("lr", "final", "epochs"), [(0.025, 0.001, 50), (0.1, 0.0, 7)])
def test_cosine_is_torchs(lr, final, epochs):
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs, final)
    for epoch in range(epochs):
        ours = Cosine(name="cosine", final_lr=final, period=None).rate(lr, epoch, epochs)
        assert ours == pytest.approx(schedule.get_last_lr()[0], rel=1e-9)
        optimiser.step()
        schedule.step()
    assert Constant(name="constant").rate(lr, 3, epochs) == lr


def test_a_period_makes_the_cosine_swing():
    """AutoDL's rate for ENAS: 0.05 to 5e-4 in 10 epochs and back in 10 more, whatever the length of the search."""
    rates = [Cosine(name="cosine", final_lr=5e-4, period=10).rate(0.05, epoch, 250) for epoch in range(250)]
    assert [rates[epoch] for epoch in (0, 20, 240)] == pytest.approx([0.05] * 3)
    assert [rates[epoch] for epoch in (10, 30, 230)] == pytest.approx([5e-4] * 3)
    assert [rates[epoch] for epoch in (5, 15, 245)] == pytest.approx([0.02525] * 3)
    assert rates[3] == pytest.approx(5e-4 + 0.0495 * (1 + 0.5877852522924731) / 2)  # cos 54 degrees


# epoch and rate by hand: a ramp to 0.025 over W, a cosine of 50 epochs from W on, the floor from epoch 50 on
BY_HAND = {
    10: {0: 0, 5: 0.0125, 9.5: 0.02375, 10: 0.025, 35: 0.013, 35.9: 0.013, 49: 0.00375384, 50: 0.001, 59.9: 0.001},
    20: {0: 0, 10: 0.0125, 19.75: 0.0246875, 20: 0.025, 45: 0.013, 49: 0.0100157, 50: 0.001, 69: 0.001},
    30: {15: 0.0125, 30: 0.025, 49: 0.0174175, 50: 0.001, 79: 0.001},
    100: {1: 0.00025, 25.5: 0.006375, 49: 0.01225, 49.999: 0.01249975, 50: 0.001, 99: 0.001, 100: 0.001, 149: 0.001},
}


@pytest.mark.parametrize(("warmup", "epoch", "rate"), [(w, e, r) for w, row in BY_HAND.items() for e, r in row.items()])
def test_warm_up_then_cosine_then_floor(warmup, epoch, rate):
    schedule = WarmupCosine(name="warmup-cosine", final_lr=0.001, warmup=warmup, period=50)
    assert schedule.rate(0.025, epoch, 50 + warmup) == pytest.approx(rate, rel=1e-5)


def test_decay_and_line_are_the_published_ones():
    """DARTS on ImageNet: 0.97 an epoch. PC-DARTS' `adjust_lr`: 250 epochs, a flatter line in the last five."""
    decay, line = Decay(name="decay", factor=0.97), Linear(name="linear", tail=5)
    assert [decay.rate(0.1, epoch, 250) for epoch in (0, 1, 10.7)] == pytest.approx([0.1, 0.097, 0.1 * 0.97**10])
    rates = [line.rate(0.5, epoch, 250) for epoch in range(250)]
    assert rates[0] == 0.5 and rates[100] == pytest.approx(0.5 * 145 / 245) and rates[244] == pytest.approx(0.5 / 245)
    assert rates[245:] == pytest.approx([0.5 * left / (245 * 5) for left in (5, 4, 3, 2, 1)])
    assert all(later <= earlier for earlier, later in itertools.pairwise(rates))
