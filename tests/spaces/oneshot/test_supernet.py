"""The supernets against an independent naive implementation in float64: logits, values and every gradient."""

import pytest
import torch
from torch.nn import functional as F

from harness.spaces.oneshot.space import WIRINGS
from harness.spaces.registry import published
from tests.spaces.oneshot import naive

NAMES = ("oneshot-1", "oneshot-2", "oneshot-3")
CHOOSE = {1: {3: 3, 4: 4, 5: 5}, 2: {2: 2, 3: 3, 4: 4, 5: 5}, 3: {2: 2, 3: 3, 4: 4, 5: 5, 6: 6}}  # node: to choose from
RAGGED = [
    ["maxpool3x3"],
    ["conv3x3-bn-relu", "conv1x1-bn-relu"],
    ["conv1x1-bn-relu"],
    ["maxpool3x3", "conv3x3-bn-relu"],
]


def make(name="oneshot-1", *, channels=4, cells=3, images=4, side=8, **changes):
    torch.manual_seed(0)
    settings = {"channels": channels, "cells": cells} | changes
    space = type(published(name)).model_validate(published(name).model_dump() | settings)
    net = space.supernet(10).double()
    for parameter in net.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)  # no batch norm is the identity
    x, labels = torch.randn(images, 3, side, side, dtype=torch.float64), torch.randint(10, (images,))
    alpha = {g.name: torch.randn(g.shape, dtype=torch.float64, requires_grad=True) for g in space.groups}
    return space, net, x, labels, alpha


def softmax(alpha):
    return {name: a.softmax(-1) for name, a in alpha.items()}


def of_naive(space, mixing):
    """Operations' weights by node, and weights of what a node reads: found by numbers of nodes alone."""
    operations, sources = {}, {}
    for group in space.groups:
        for row, number in enumerate(group.nodes):
            if group.links:
                sources[(number + 1) // 2] = mixing[group.name][row]
            else:
                operations[number // 2] = mixing[group.name][row]
    return [operations[node] for node in sorted(operations)], sources


def naive_logits(space, net, x, *mixings, **settings):
    mixings = mixings * space.cells if len(mixings) == 1 else mixings
    mixes, sources = zip(*(of_naive(space, mixing) for mixing in mixings), strict=True)
    return naive.supernet(
        dict(net.named_parameters()), x, space.cells, space.ops, mixes, sources,
        partial=space.partial_channels, padding=space.pool_padding, **settings,
    )  # fmt: skip


def assert_equal_loss_and_gradients(net, alpha, labels, logits, expected):
    ours, theirs = F.cross_entropy(logits, labels), F.cross_entropy(expected, labels)
    assert abs(ours.item() - theirs.item()) < 1e-10 * theirs.item()
    tensors = alpha | dict(net.named_parameters())
    got = torch.autograd.grad(ours, list(tensors.values()))
    wanted = torch.autograd.grad(theirs, list(tensors.values()))
    for name, a, b in zip(tensors, got, wanted, strict=True):
        assert (a - b).norm() <= 1e-9 * b.norm() + 1e-13, name


@pytest.mark.parametrize("cells", [3, 4, 9])
@pytest.mark.parametrize("name", NAMES)
def test_loss_and_every_gradient_equal_the_naive_network(name, cells):
    space, net, x, labels, alpha = make(name, cells=cells)
    ours, theirs = net(x, softmax(alpha)), naive_logits(space, net, x, softmax(alpha))
    assert_equal_loss_and_gradients(net, alpha, labels, ours, theirs)


@pytest.mark.parametrize(
    "changes",
    [{"partial_channels": 2}, {"pool_padding": 0}, {"ops": RAGGED}, {"partial_channels": 4, "side": 9}],
    ids=str,
)
def test_variants(changes):
    space, net, x, labels, alpha = make(**changes)
    ours, theirs = net(x, softmax(alpha)), naive_logits(space, net, x, softmax(alpha))
    assert_equal_loss_and_gradients(net, alpha, labels, ours, theirs)


@pytest.mark.parametrize("name", NAMES)
def test_what_nodes_choose_from(name):
    space = published(name)
    links = {(g.nodes[0] + 1) // 2: g.shape[1] for g in space.groups if g.links}
    assert links == CHOOSE[space.wiring]
    takes = WIRINGS[space.wiring].takes
    assert [g.take for g in space.groups if g.links] == [takes[node - 1] for node in sorted(links)]


def test_every_cell_can_mix_by_weights_of_its_own():
    space, net, x, labels, _ = make("oneshot-2")
    alphas = {
        (cell, g.name): torch.randn(g.shape, dtype=x.dtype, requires_grad=True)
        for cell in range(3)
        for g in space.groups
    }

    def mixings():
        return [{g.name: alphas[cell, g.name].softmax(-1) for g in space.groups} for cell in range(3)]

    ours, theirs = net.by_cell(x, mixings()), naive_logits(space, net, x, *mixings())
    assert_equal_loss_and_gradients(net, alphas, labels, ours, theirs)


def test_a_sampled_operation_equals_all_of_them_mixed_by_its_one_hot_weights():
    space, net, x, labels, alpha = make("oneshot-3")
    hard = {}
    for group in space.groups:
        soft = alpha[group.name].softmax(-1)
        one = F.one_hot(soft.argmax(-1), soft.shape[-1]).to(soft)
        hard[group.name] = soft if group.links else one + soft - soft.detach()
    assert torch.equal(net(x, hard, sampled=True), net(x, hard))
    loss, expected = (F.cross_entropy(logits, labels) for logits in (net(x, hard, sampled=True), net(x, hard)))
    links = [alpha[group.name] for group in space.groups if group.links]
    got, wanted = torch.autograd.grad(loss, links, retain_graph=True), torch.autograd.grad(expected, links)
    assert all(torch.allclose(a, b, rtol=1e-9, atol=1e-13) for a, b in zip(got, wanted, strict=True))
    assert (torch.autograd.grad(loss, alpha["operations"])[0] != 0).all()  # the straight-through gradient reaches all


def test_dropped_operations_are_dropped_image_by_image():
    space, net, x, labels, alpha = make("oneshot-2")
    assert net.droppable == (3, 4)
    drops = torch.randint(0, 2, (3, 4, len(x)), generator=torch.Generator().manual_seed(1)).double() * 1.25
    ours, theirs = net(x, softmax(alpha), drops=drops), naive_logits(space, net, x, softmax(alpha), drops=drops)
    assert_equal_loss_and_gradients(net, alpha, labels, ours, theirs)


def test_values_of_nodes_by_their_numbers():
    """An even number holds what a node gives, an odd one the sum that it reads, the last one the output."""
    space, net, x, _, alpha = make("oneshot-1")
    logits, values = net.nodes(x, softmax(alpha))
    assert torch.equal(logits, net(x, softmax(alpha))) and len(values) == 3
    assert all(len(cell) == 2 * 4 + 2 for cell in values)
    mixes, _ = of_naive(space, softmax(alpha))
    weights = naive.Weights(dict(net.named_parameters()))
    for node in range(1, 5):
        given = values[0][2 * node - 1]
        block = weights["cells"][0]["nodes"][node - 1]
        assert torch.allclose(values[0][2 * node], naive.mixed(given, block, space.ops[node - 1], mixes[node - 1], 1))
    assert torch.equal(values[1][0], F.max_pool2d(values[0][-1], 2, 2, 1))


def test_batch_norm_forgets_as_stated():
    net = make(bn_momentum=0.25)[1]
    momenta = {m.momentum for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)}
    assert momenta == {0.25, 0.1}  # the last one, before the mean over positions, is torch's own in the official code
    assert [m.affine for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)].count(False) == 1
