"""Noise on mixing weights against the official procedure written out with loops."""

import numpy as np
import pytest
import torch

from harness.methods.noises import AdversarialNoise, RandomNoise, onto_simplex
from harness.methods.step import Step

EPOCHS = 100


def clean(scale=1.0, seed=1, dtype=torch.float64):
    return torch.randn(6, 5, generator=torch.Generator().manual_seed(seed), dtype=dtype).mul(scale).softmax(-1)


def moment(epoch=50, seed=0):
    return Step(epoch, EPOCHS, 0.0, torch.Generator().manual_seed(seed))


def random(start=0.03, end=0.3):
    return RandomNoise(name="random", start=start, end=end)


def adversarial(start=0.03, end=0.3, steps=7):
    return AdversarialNoise(name="adversarial", start=start, end=end, steps=steps)


def no_loss(mixing):
    raise AssertionError("random noise asks for no loss")


def on_simplex(rows):
    """Clip each row to [0, 1], put a row of zeros at its former argmax, divide by the sum."""
    out = []
    for row in rows:
        clipped = [min(max(v, 0.0), 1.0) for v in row]
        if sum(clipped) == 0:
            clipped[int(np.argmax(row))] = 1.0
        out.append([v / sum(clipped) for v in clipped])
    return np.array(out)


def uniforms(seed):
    return 2 * torch.rand(6, 5, generator=torch.Generator().manual_seed(seed)).double().numpy() - 1


def naive_attack(weights, slope, value, radius, steps, seed):
    """Projected sign-gradient ascent from a random start (SDARTS, Eq. 5), kept only where the loss rose."""
    noisy = on_simplex(weights + radius * uniforms(seed))
    for _ in range(steps):
        moved = noisy + 2 * radius / steps * np.sign(slope(noisy))
        noisy = on_simplex(weights + np.clip(moved - weights, -radius, radius))
    return noisy if value(noisy) > value(weights) else weights


def test_the_radius_rises_from_003_towards_03():
    radii = [random().radius(moment(epoch)) for epoch in range(EPOCHS)]
    np.testing.assert_allclose(radii, [0.03 + 0.27 * e / 100 for e in range(EPOCHS)])
    assert radii[0] == 0.03 and radii[-1] == pytest.approx(0.2973)


@pytest.mark.parametrize(
    "rows",
    [[[0.5, -0.2, 0.7, 1.4, 0.0]], [[-0.1, -0.3, -0.2, -0.05, -0.4]], [[0.0] * 5], [[2.0] * 5], [[1.0, 0, 0, 0, 0]]],
)
def test_onto_the_simplex(rows):
    got = onto_simplex(torch.tensor(rows, dtype=torch.float64))
    np.testing.assert_allclose(got.numpy(), on_simplex(rows), rtol=1e-12)


@pytest.mark.parametrize(("epoch", "seed"), [(0, 0), (50, 1), (99, 2)])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 8.0])
def test_random_noise_is_uniform_clipped_and_normalised(epoch, seed, scale):
    weights = clean(scale)
    before = weights.clone()
    got = random().perturb({"cell": weights}, moment(epoch, seed), no_loss)["cell"].numpy()
    radius = 0.03 + 0.27 * epoch / EPOCHS
    wanted = on_simplex(weights.numpy() + radius * uniforms(seed))
    np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(got.sum(1), 1)
    assert (got >= 0).all() and torch.equal(weights, before)
    # up to the factor of its row, each weight is within the radius
    low, high = (weights.numpy() + sign * radius for sign in (-1, 1))
    for row, least, most in zip(got, low.clip(0), high.clip(0, 1), strict=True):
        used = row > 0
        assert (least[used] / row[used]).max() <= (most[used] / row[used]).min() + 1e-12


def test_random_noise_fills_its_radius():
    weights = torch.full((4000, 5), 0.2, dtype=torch.float64)
    noise = random(0.03, 0.03).perturb({"cell": weights}, moment(), no_loss)["cell"].numpy()
    change = noise / noise.mean(1, keepdims=True) * 0.2 - 0.2  # undoes the normalisation, to first order
    assert abs(change.mean()) < 1e-12 and change.std() == pytest.approx(0.03 / np.sqrt(3) * np.sqrt(4 / 5), rel=0.03)


C = torch.randn(6, 5, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
LOSSES = {
    "linear": lambda m: (C * m["cell"]).sum(),
    "convex": lambda m: ((m["cell"] - C.softmax(-1)) ** 2).sum(),
    "wavy": lambda m: torch.sin(20 * m["cell"] * C).sum(),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(("epoch", "steps"), [(0, 7), (50, 7), (99, 7), (50, 1), (50, 20)])
def test_the_attack_is_projected_sign_ascent(name, epoch, steps):
    weights, loss = clean(), LOSSES[name]

    def slope(rows):
        leaf = torch.tensor(rows, requires_grad=True)
        return torch.autograd.grad(loss({"cell": leaf}), [leaf])[0].numpy()

    got = adversarial(steps=steps).perturb({"cell": weights}, moment(epoch, 4), loss)["cell"]
    radius = 0.03 + 0.27 * epoch / EPOCHS
    wanted = naive_attack(
        weights.numpy(), slope, lambda rows: float(loss({"cell": torch.tensor(rows)})), radius, steps, seed=4
    )
    np.testing.assert_allclose(got.numpy(), wanted, atol=1e-9)
    np.testing.assert_allclose(got.sum(-1).numpy(), 1)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_under_attack_is_never_below_the_clean_one(name, seed):
    weights, loss = {"cell": clean(3.0, seed)}, LOSSES[name]
    attacked = adversarial().perturb(weights, moment(99, seed), loss)
    assert loss(attacked) >= loss(weights)


def test_an_attack_that_fails_leaves_the_weights():
    """At a maximum every move lowers the loss."""
    weights = {"cell": torch.full((6, 5), 0.2, dtype=torch.float64)}
    attacked = adversarial().perturb(weights, moment(), lambda m: -((m["cell"] - 0.2) ** 2).sum())
    assert torch.equal(attacked["cell"], weights["cell"])


def test_the_attack_beats_random_noise():
    weights, loss = {"cell": clean()}, LOSSES["linear"]
    by_chance = [loss(random().perturb(weights, moment(50, seed), no_loss)) for seed in range(50)]
    assert loss(adversarial().perturb(weights, moment(50), loss)) > max(by_chance)


def test_the_attack_asks_for_the_loss_of_every_step_and_leaves_no_graph():
    alpha = torch.randn(6, 5, dtype=torch.float64, requires_grad=True)
    calls = []

    def loss(mixing):
        calls.append(torch.is_grad_enabled())
        return LOSSES["linear"](mixing)

    attacked = adversarial().perturb({"cell": alpha.softmax(-1).detach()}, moment(), loss)
    assert calls == [False] + 7 * [True] + [False]
    assert alpha.grad is None and not attacked["cell"].requires_grad


def test_no_radius_is_no_attack():
    weights = {"cell": clean()}
    assert adversarial(0.0, 0.0).perturb(weights, moment(), no_loss)["cell"] is weights["cell"]
    np.testing.assert_allclose(
        random(0.0, 0.0).perturb(weights, moment(), no_loss)["cell"].numpy(), weights["cell"].numpy(), rtol=1e-12
    )
