"""CDARTS' step against a twin on the naive networks, and its losses against scipy."""

import numpy as np
import pytest
import torch
from scipy import special
from torch.nn import functional as F

from harness.engine.search import Search
from harness.methods.collaborative import NET, OPTIMISER
from tests.engine.catalogued import tiny
from tests.engine.test_search import in_float64
from tests.spaces.nb201 import naive

BATCH, OTHER = torch.arange(16), torch.arange(40, 56)


def search_at(monkeypatch, images, epoch, **settings):
    settings = {"epochs": 12, "architecture_warmup": 2, "batch_size": 16} | settings
    search = in_float64(monkeypatch, tiny("cdarts", **settings), images)
    search.alpha["cell"].data.copy_(torch.randn(6, 5, generator=torch.Generator().manual_seed(3)))
    search.net.train()
    search.epoch = epoch
    search.now = search.next_step()
    return search


def twin(search, warming_up):
    """Loss of the step on the architecture's batch, and its gradients by alpha and by the evaluation network."""
    inputs = ((search.feed.images.images[OTHER].float() - 110) / 60).double()
    labels = search.feed.images.labels[OTHER]
    alpha = search.alpha["cell"].detach().clone().requires_grad_()
    evaluation = {n: p.detach().clone().requires_grad_() for n, p in search.parts[NET].named_parameters()}
    supernet = {name: p.detach() for name, p in search.net.named_parameters()}
    one_hot = torch.eye(5, dtype=torch.float64)[alpha.argmax(1)]
    student = naive.forward(supernet, inputs, torch.exp(alpha) / torch.exp(alpha).sum(1, keepdim=True), 1)
    teacher = naive.forward(evaluation, inputs, one_hot, 1)
    loss = F.cross_entropy(teacher, labels)
    if not warming_up:
        p, q = torch.softmax(teacher / 2, 1), torch.softmax(student / 2, 1)
        loss = loss + F.cross_entropy(student, labels) + 4 * (p * (p.log() - q.log())).sum(1).mean()
    slopes = torch.autograd.grad(loss, [alpha, *evaluation.values()], allow_unused=True)
    # what is off the path has zeros there; the part leaves it without a gradient
    used = {name for name in evaluation if ".convs." not in name or on_path(name, alpha)}
    return slopes[0], {n: s for n, s in zip(evaluation, slopes[1:], strict=True) if n in used}


def on_path(name, alpha):
    edge, op = map(int, name.split(".convs.")[1].split(".")[0].split("_"))
    return alpha.argmax(1)[edge] == op


@pytest.mark.parametrize(("epoch", "warming_up"), [(0, True), (1, True), (2, False), (11, False)])
def test_a_step_moves_alpha_and_the_evaluation_network_as_the_twin_says(monkeypatch, images, epoch, warming_up):
    search = search_at(monkeypatch, images, epoch)
    alpha_slope, slopes = twin(search, warming_up)
    moved, net = [], search.parts[NET]
    search.move_architecture = moved.extend
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    weights = {name: p.detach().clone() for name, p in search.net.named_parameters()}
    search.spec.update.teach(search, *search.batch(OTHER))
    if warming_up:
        assert moved == []
    else:
        assert (moved[0] - alpha_slope).norm() < 1e-9 * alpha_slope.norm()
    assert len(slopes) < len(before)
    for name, weight in net.named_parameters():
        wanted = before[name] - (0.1 * (slopes[name] + 3e-4 * before[name]) if name in slopes else 0)
        assert torch.allclose(weight, wanted, rtol=1e-9, atol=1e-13), name
    assert all(torch.equal(p, weights[name]) and p.grad is None for name, p in search.net.named_parameters())
    assert search.parts[OPTIMISER].param_groups[0]["momentum"] == 0.9


def test_the_distillation_is_t_squared_times_the_divergence(images):
    search = Search(tiny("cdarts"), images, 0, torch.device("cpu"))
    ours, theirs = np.random.default_rng(0).normal(0, 3, (2, 7, 10))
    q, p = special.softmax(ours / 2, axis=1), special.softmax(theirs / 2, axis=1)
    wanted = 4 * special.rel_entr(p, q).sum(1).mean()
    assert search.spec.update.distillation(*map(torch.from_numpy, (ours, theirs))).item() == pytest.approx(wanted)


def test_the_architecture_moves_first_then_the_weights(images):
    search = Search(tiny("cdarts", batch_size=16), images, 0, torch.device("cpu"))
    order, weight_step, batch = [], search.weight_step, search.batch
    search.weight_step = lambda batch: order.append(("weights", batch)) or weight_step(batch)
    search.batch = lambda indices: order.append(("batch", indices)) or batch(indices)
    search.spec.update.step(search, BATCH, OTHER)
    assert [(name, torch.equal(indices, OTHER)) for name, indices in order] == [
        ("batch", True), ("weights", False), ("batch", False),
    ]  # fmt: skip


def test_the_two_networks_start_from_seeds_of_their_own(images):
    search = Search(tiny("cdarts"), images, 0, torch.device("cpu"))
    same = Search(tiny("cdarts"), images, 0, torch.device("cpu"))
    ours, theirs = (net.state_dict()["stem.0.weight"] for net in (search.net, search.parts[NET]))
    assert not torch.equal(ours, theirs)
    assert torch.equal(theirs, same.parts[NET].state_dict()["stem.0.weight"])
