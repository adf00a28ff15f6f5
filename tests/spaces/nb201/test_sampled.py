"""Sampled paths: what is evaluated, and that numbers and gradients are those of the definitions."""

import re

import pytest
import torch
from torch.nn import functional as F

from harness.methods.relaxations import GumbelHard
from harness.methods.step import Step
from harness.spaces.nb201 import encoding as nb201
from harness.spaces.nb201 import net as nb201_net
from harness.spaces.nb201.net import Nb201Supernet
from tests.groups import CELL
from tests.spaces.nb201 import naive

CELLS = 2
ARCHITECTURES = [
    (3, 1, 2, 4, 0, 3),
    (0, 0, 0, 0, 0, 0),  # nothing reaches the output
    (1, 1, 1, 1, 1, 1),
    (3, 3, 3, 3, 3, 3),
    (4, 0, 2, 0, 4, 4),
    (2, 3, 0, 0, 0, 1),
]


def make(statistics="batch", ops=nb201.OPS):
    torch.manual_seed(0)
    net = Nb201Supernet(
        channels=4, cells=CELLS, classes=10, ops=ops, conv_bias=True, bn_statistics=statistics, partial_channels=1
    )
    images, labels = torch.randn(8, 3, 8, 8, dtype=torch.float64), torch.randint(10, (8,))
    return net.double().to(memory_format=torch.channels_last), images, labels


def one_hot(architecture, ops=nb201.OPS):
    columns = [ops.index(nb201.OPS[op]) for op in architecture]
    return F.one_hot(torch.tensor(columns), len(ops)).double().requires_grad_()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_only_what_is_drawn_is_evaluated(monkeypatch, architecture):
    net, images, _ = make()
    convs, pools, relus = [], [], []
    for name, module in net.stages.named_modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(lambda *_, name=name: convs.append(name))
    pool, relu = nb201_net.pool, F.relu
    monkeypatch.setattr(nb201_net, "pool", lambda x: (pools.append(x), pool(x))[1])
    monkeypatch.setattr(nb201_net.F, "relu", lambda x, **_: (relus.append(x), relu(x))[1])
    monkeypatch.setattr(torch.nn.ReLU, "forward", lambda self, x: relu(x))  # blocks and head are not counted
    net(images, {"cell": one_hot(architecture)}, sampled=True)
    kernel = {nb201.CONV1, nb201.CONV3}
    assert convs == [
        f"{stage}.{cell}.convs.{edge}_{op}.conv"
        for stage in range(3)
        for cell in range(CELLS)
        for edge, op in enumerate(architecture)
        if op in kernel
    ]
    sources = [source for _, source in nb201.EDGES]
    read_by = [{op for op, s in zip(architecture, sources, strict=True) if s == source} for source in range(3)]
    assert len(pools) == 3 * CELLS * sum(nb201.POOL in ops for ops in read_by)
    assert len(relus) == 3 * CELLS * sum(bool(kernel & ops) for ops in read_by)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("statistics", ["batch", "running"])
def test_outputs_and_weight_gradients_are_those_of_the_dense_form(architecture, statistics):
    net, images, labels = make(statistics)
    found = {}
    for sampled in (False, True):
        mixing = {"cell": one_hot(architecture)}
        loss = F.cross_entropy(net(images, mixing, sampled=sampled), labels)
        gradients = torch.autograd.grad(loss, list(net.parameters()), allow_unused=True)
        found[sampled] = loss.item(), gradients
    assert found[True][0] == pytest.approx(found[False][0], rel=1e-12)
    for (name, weight), dense, path in zip(net.named_parameters(), found[False][1], found[True][1], strict=True):
        wanted = torch.zeros_like(weight) if dense is None else dense
        got = torch.zeros_like(weight) if path is None else path
        assert torch.allclose(got, wanted, rtol=1e-9, atol=1e-13), name


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("left_out", [None, "none", "avg_pool_3x3", "skip_connect"])
def test_mixing_gradients_count_what_is_not_drawn_as_one(monkeypatch, architecture, left_out):
    """GDAS' official code: an edge is w_i op_i(x) plus, as numbers, the weights (zeros) of the others."""
    ops = [op for op in nb201.OPS if op != left_out]
    architecture = tuple(op if nb201.OPS[op] in ops else nb201.CONV3 for op in architecture)
    net, images, labels = make(ops=tuple(ops))
    ours = one_hot(architecture, ops)
    loss = F.cross_entropy(net(images, {"cell": ours}, sampled=True), labels)
    (got,) = torch.autograd.grad(loss, [ours])

    plain = naive.operation

    def operation(name, x, weights, prefix):
        edge = int(re.search(r"convs\.(\d)_", prefix)[1])
        return plain(name, x, weights, prefix) if nb201.OPS[architecture[edge]] == name else torch.ones_like(x)

    monkeypatch.setattr(naive, "operation", operation)
    theirs = one_hot(architecture, ops)
    expected = naive.forward(dict(net.named_parameters()), images, theirs, CELLS, ops=ops)
    naive_loss = F.cross_entropy(expected, labels)
    (wanted,) = torch.autograd.grad(naive_loss, [theirs])
    assert loss.item() == pytest.approx(naive_loss.item(), rel=1e-10)
    assert torch.allclose(got, wanted, rtol=1e-8, atol=1e-12)
    if any(architecture):  # else every map is a constant, which the next batch norm takes away
        assert wanted.norm() > 1e-3


def test_a_drawn_path_is_the_argmax_of_its_weights_and_reaches_alpha():
    net, images, labels = make()
    alpha = torch.randn(6, 5, dtype=torch.float64, requires_grad=True)
    part = GumbelHard(name="gumbel-hard", start=10.0, end=0.1)
    mixing = part.mixing(alpha, CELL, Step(0, 250, 0.0, torch.Generator().manual_seed(3)))
    loss = F.cross_entropy(net(images, {"cell": mixing}, sampled=part.sampled), labels)
    hard = F.one_hot(mixing.argmax(-1), 5).double()
    with torch.no_grad():
        assert loss.item() == pytest.approx(F.cross_entropy(net(images, {"cell": hard}), labels).item(), rel=1e-12)
    (gradient,) = torch.autograd.grad(loss, [alpha])
    assert (gradient.norm(dim=1) > 0).all() and gradient.sum(1).abs().max() < 1e-12


def test_running_statistics_move_only_where_a_path_leads():
    net, images, _ = make("running")
    architecture = (3, 1, 2, 4, 0, 3)
    net(images, {"cell": one_hot(architecture)}, sampled=True)
    for name, module in net.stages.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            edge, op = map(int, re.search(r"convs\.(\d)_(\d)", name).groups())
            assert (module.running_mean.abs().sum() > 0) == (architecture[edge] == op), name
