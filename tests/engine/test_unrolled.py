"""The second-order gradient against exact double differentiation of a naive float64 network.

The network is piecewise smooth: its gradient jumps where a ReLU flips. A central difference over a radius that no
flip falls into is exact to its rounding, so the mathematics is checked at a small radius; at the published one, which
many flips fall into, the result must equal the same difference of the naive network.
"""

import pytest
import torch
from torch.nn import functional as F

from harness.engine import unrolled
from harness.engine.search import Search
from harness.engine.unrolled import unrolled_gradient
from tests.engine.test_search import in_float64
from tests.spaces.nb201 import naive

SMALL = 1e-6
UPDATE = {"name": "alternating", "order": "architecture-first", "unrolled": True}
SGD = {"name": "sgd", "lr": 0.5, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}
TRAIN, VALID = torch.arange(16), torch.arange(40, 56)


@pytest.fixture
def search(monkeypatch, make_spec, images):
    """A search in float64, its momentum buffers filled by three steps."""
    spec = make_spec(update=UPDATE, weight_optimiser=SGD, weight_clip=None)
    search = in_float64(monkeypatch, spec, images)
    search.net.train()
    for start in range(0, 24, 8):
        search.weight_step(torch.arange(start, start + 8))
    return search


def naive_loss(weights, alpha, batch):
    return F.cross_entropy(naive.forward(weights, batch[0], alpha.softmax(-1), cells=1), batch[1])


def exact(search, *, momentum=0.9, decay=0.1, rate=0.5):
    """The total derivative of the loss after the step, and its direct part alone, by autograd through the step."""
    train, valid = search.batch(TRAIN), search.batch(VALID)
    names = dict(search.net.named_parameters())
    weights = {name: p.detach().clone().requires_grad_() for name, p in names.items()}
    alpha = search.alpha["cell"].detach().clone().requires_grad_()
    slopes = torch.autograd.grad(naive_loss(weights, alpha, train), list(weights.values()), create_graph=True)
    ahead = {}
    for (name, weight), slope in zip(weights.items(), slopes, strict=True):
        velocity = search.weight_optimiser.state[names[name]].get("momentum_buffer", torch.zeros_like(weight))
        ahead[name] = weight - rate * (slope + decay * weight + momentum * velocity)
    (total,) = torch.autograd.grad(naive_loss(ahead, alpha, valid), [alpha])
    fixed = {name: weight.detach() for name, weight in ahead.items()}
    (direct,) = torch.autograd.grad(naive_loss(fixed, alpha, valid), [alpha])
    return total, direct, fixed


def ours(search):
    train, valid = search.batch(TRAIN), search.batch(VALID)
    alphas = list(search.alpha.values())

    def loss(of_weights):
        return search.loss(*(train if of_weights else valid), search.mixing(), None)

    (gradient,) = unrolled_gradient(loss, search.weights, alphas, search.weight_optimiser)
    return gradient


@pytest.mark.parametrize("first_step", [False, True])
def test_equals_the_exact_derivative_through_the_step(monkeypatch, search, first_step):
    monkeypatch.setattr(unrolled, "RADIUS", SMALL)
    if first_step:  # no momentum buffer yet
        search.weight_optimiser.state.clear()
    total, direct, _ = exact(search)
    second = (total - direct).norm()
    assert second > 0.1 * total.norm()  # what is checked is there to be seen
    assert (ours(search) - total).norm() <= 1e-6 * second
    for wrong in ({"momentum": 0.0}, {"decay": 0.0}, {"rate": 0.4}):
        if not (first_step and "momentum" in wrong):
            assert (exact(search, **wrong)[0] - total).norm() > 1e-3 * second, wrong


def test_at_the_published_radius_equals_the_central_difference_of_the_naive_network(search):
    assert unrolled.RADIUS == 0.01
    _, direct, ahead = exact(search)
    alpha = search.alpha["cell"].detach().clone().requires_grad_()
    leaves = {name: weight.requires_grad_() for name, weight in ahead.items()}
    vector = torch.autograd.grad(naive_loss(leaves, alpha, search.batch(VALID)), list(leaves.values()))
    radius = 0.01 / torch.cat([v.flatten() for v in vector]).norm()
    sides = []
    for sign in (1, -1):
        moved = {
            name: p.detach() + sign * radius * v
            for (name, p), v in zip(search.net.named_parameters(), vector, strict=True)
        }
        sides += torch.autograd.grad(naive_loss(moved, alpha, search.batch(TRAIN)), [alpha])
    wanted = direct - 0.5 * (sides[0] - sides[1]) / (2 * radius)
    assert (ours(search) - wanted).norm() <= 1e-6 * wanted.norm()


def test_without_a_rate_it_is_the_first_order_gradient(search):
    search.weight_optimiser.param_groups[0]["lr"] = 0.0
    alpha = search.alpha["cell"]
    (plain,) = torch.autograd.grad(search.loss(*search.batch(VALID), search.mixing(), None), [alpha])
    assert torch.allclose(ours(search), plain, rtol=1e-12, atol=1e-15)


def test_weights_and_momentum_come_back_bit_for_bit(make_spec, images):
    search = Search(make_spec(update=UPDATE, weight_optimiser=SGD), images, 0, torch.device("cpu"))
    search.net.train()
    search.weight_step(torch.arange(16))
    weights = [w.detach().clone() for w in search.weights]
    velocities = [search.weight_optimiser.state[w]["momentum_buffer"].clone() for w in search.weights]
    alpha = search.alpha["cell"].detach().clone()
    search.unrolled_step(TRAIN, VALID)
    assert all(map(torch.equal, search.weights, weights))
    found = [search.weight_optimiser.state[w]["momentum_buffer"] for w in search.weights]
    assert all(map(torch.equal, found, velocities))
    assert all(p.grad is None for p in [*search.weights, *search.alpha.values()])
    assert not torch.equal(search.alpha["cell"], alpha)


def spy(monkeypatch, search):
    """Return a list that receives (images, mixing weights) of every pass through the network."""
    seen = []
    forward = search.net.forward

    def record(images, mixing, *, sampled=False, drops=None):
        seen.append((images.clone(), mixing["cell"].detach().clone()))
        return forward(images, mixing, sampled=sampled, drops=drops)

    monkeypatch.setattr(search.net, "forward", record)
    return seen


def test_the_look_ahead_is_at_the_step_that_the_weights_then_take(monkeypatch, make_spec, images):
    data = {"crop_padding": 2, "flip": True}
    search = Search(make_spec(update=UPDATE, data=data), images, 0, torch.device("cpu"))
    seen = spy(monkeypatch, search)
    search.spec.update.step(search, TRAIN, VALID)
    train, valid, plus, minus, step = (passed for passed, _ in seen)
    assert torch.equal(train, plus) and torch.equal(train, minus) and torch.equal(train, step)
    assert not torch.equal(train, valid)
    search.now = search.next_step()
    search.spec.update.step(search, TRAIN, VALID)
    assert not torch.equal(seen[5][0], train)  # the next step augments anew


def test_random_mixing_weights_are_drawn_once(monkeypatch, make_spec, images):
    spec = make_spec(update=UPDATE, relaxation={"name": "dirichlet"})
    search = Search(spec, images, 0, torch.device("cpu"))
    seen = spy(monkeypatch, search)
    search.unrolled_step(TRAIN, VALID)
    mixings = [mixing for _, mixing in seen]
    assert len(mixings) == 4 and all(torch.equal(mixings[0], other) for other in mixings)
    assert not torch.equal(mixings[0], search.mixing()["cell"])


def test_a_regulariser_counts(make_spec, images):
    moved = []
    sgd = {"name": "sgd", "lr": 1.0, "momentum": 0.0, "nesterov": False, "weight_decay": 0.0}
    for regulariser in (None, {"name": "dirichlet-kl", "weight": 0.5}):
        spec = make_spec(
            update=UPDATE, relaxation={"name": "dirichlet"}, architecture_optimiser=sgd, regulariser=regulariser
        )
        search = Search(spec, images, 0, torch.device("cpu"))
        start = search.alpha["cell"].detach().clone()
        search.unrolled_step(TRAIN, VALID)
        moved.append(search.alpha["cell"].detach())
    leaf = start.requires_grad_()
    (wanted,) = torch.autograd.grad(search.spec.regulariser.penalty(leaf), [leaf])
    assert torch.allclose(moved[0] - moved[1], wanted, rtol=1e-3, atol=1e-5)
