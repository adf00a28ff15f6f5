"""The fused cell against the plain one, derivative by derivative."""

import pytest
import torch

from harness.spaces.nb201 import encoding as nb201
from harness.spaces.nb201 import fused
from harness.spaces.nb201 import net as nb201_net
from harness.spaces.nb201.net import Mix, MixedCell, Nb201Supernet

pytestmark = pytest.mark.usefixtures("compiled")
ALL = (0, 1, 2, 3, 4)
SUBSETS = [ALL, (0, 1, 3), (3, 1), (2,), (4, 3, 2), (0, 1, 2, 4), (1, 4, 3), (0, 1, 2, 3, nb201.second(3), 4)]


def make(channels=4, ops=ALL, side=8, batch=5, bias=False, running=False, dtype=torch.float64):
    torch.manual_seed(0)
    cell = MixedCell(channels, ops, bias, running, partial=1).to(dtype=dtype, memory_format=torch.channels_last)
    x = torch.randn(batch, channels, side, side, dtype=dtype, requires_grad=True)
    matrix = torch.randn(6, len(ops), dtype=dtype, requires_grad=True)
    return cell, x, matrix


def plain(cell, x, matrix):
    return cell._plain(x, Mix(matrix, cell.ops, cell.channels), None)


def dense(cell, x, matrix):
    return cell(x, Mix(matrix, cell.ops, cell.channels), None)


def gradients(output, inputs):
    probe = torch.randn(output.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return torch.autograd.grad((output * probe.to(output.dtype)).sum(), inputs, allow_unused=True)


def assert_close(got, wanted, relative=1e-10):
    for a, b in zip(got, wanted, strict=True):
        a, b = (torch.zeros(1) if t is None else t.double() for t in (a, b))
        assert (a - b).norm() <= relative * (b.norm() + 1)


@pytest.fixture(params=["merged", "separate"])
def merging(request, monkeypatch):
    """Convolutions that leave a node as one, or one by one."""
    monkeypatch.setattr(nb201_net, "MERGED", 1 << 40 if request.param == "merged" else 0)


@pytest.mark.usefixtures("merging")
@pytest.mark.parametrize("ops", SUBSETS)
@pytest.mark.parametrize(("channels", "side", "batch"), [(4, 8, 5), (6, 5, 3), (8, 4, 2), (16, 4, 3), (24, 3, 2)])
def test_outputs_and_gradients_are_those_of_the_plain_cell(ops, channels, side, batch):
    cell, x, matrix = make(channels, ops, side, batch)
    inputs = [x, matrix, *cell.parameters()]
    ours, theirs = dense(cell, x, matrix), plain(cell, x, matrix)
    assert "FusedCell" in type(ours.grad_fn).__name__
    assert_close([ours], [theirs])
    assert_close(gradients(ours, inputs), gradients(theirs, inputs))


@pytest.mark.usefixtures("merging")
@pytest.mark.parametrize("bias", [False, True])
def test_second_derivatives_are_those_of_the_plain_cell(bias):
    cell, x, matrix = make(bias=bias)
    inputs = [x, matrix, *cell.parameters()]
    found = []
    for form in (dense, plain):
        first = form(cell, x, matrix)
        value = form(cell, first, matrix).sin().sum()  # what enters depends on all that this cell depends on
        slopes = torch.autograd.grad(value, inputs, create_graph=True, allow_unused=True)
        curve = sum((s * torch.cos(torch.arange(s.numel())).view(s.shape)).sum() for s in slopes if s is not None)
        found.append(torch.autograd.grad(curve, inputs, allow_unused=True))
    assert_close(*found, relative=1e-8)


def test_second_derivatives_do_not_move_running_statistics():
    cell, x, matrix = make(running=True)
    (slope,) = torch.autograd.grad(dense(cell, x, matrix).square().sum(), [matrix], create_graph=True)
    before = {name: value.clone() for name, value in cell.named_buffers()}
    torch.autograd.grad(slope.sum(), [matrix])
    assert all(torch.equal(value, before[name]) for name, value in cell.named_buffers())


@pytest.mark.parametrize("bias", [False, True])
def test_running_statistics_move_as_those_of_the_plain_cell(bias):
    hold_running_statistics(make, bias)


def hold_running_statistics(make, bias, relative=1e-10):
    """Hold those of a cell in three passes against those of the plain one."""
    cells = [make(bias=bias, running=True)[0] for _ in range(2)]
    _, x, matrix = make()
    for _ in range(3):
        dense(cells[0], x, matrix)
        plain(cells[1], x, matrix)
    ours, theirs = (dict(cell.named_buffers()) for cell in cells)
    moved = [name for name in ours if "running" in name]
    assert_close([ours[name] for name in moved], [theirs[name] for name in moved], relative)
    cells[0].eval()
    assert torch.equal(dense(cells[0], x, matrix), plain(cells[0], x, matrix))  # evaluation is the plain form


def test_a_pass_can_be_derived_twice_and_without_gradients():
    cell, x, matrix = make()
    output = dense(cell, x, matrix)
    inputs = [x, matrix, *cell.parameters()]
    once = torch.autograd.grad(output.sum(), inputs, retain_graph=True)
    assert all(torch.equal(a, b) for a, b in zip(once, torch.autograd.grad(output.sum(), inputs), strict=True))
    with torch.no_grad():
        assert torch.equal(dense(cell, x, matrix), output)
    assert torch.equal(dense(cell, x.contiguous(memory_format=torch.channels_last), matrix), output)


def test_only_what_is_asked_for_is_derived(monkeypatch):
    cell, x, matrix = make()
    wanted = []
    backward = fused.convolve_backward
    monkeypatch.setattr(fused, "convolve_backward", lambda *a: (wanted.append(a[-1]), backward(*a))[1])
    dense(cell, x, matrix.detach()).sum().backward()
    assert matrix.grad is None and all(wanted)
    wanted.clear()
    net = Nb201Supernet(
        channels=4, cells=1, classes=10, ops=nb201.OPS, conv_bias=False, bn_statistics="batch", partial_channels=1
    )
    with net.frozen():
        logits = net(torch.randn(4, 3, 8, 8), {"cell": matrix.float()})
    assert all(weight.requires_grad for weight in net.parameters())
    assert torch.autograd.grad(logits.square().sum(), [matrix])[0].norm() > 0
    assert len(wanted) == 18 and not any(wanted)


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_rounding_alone(threads):
    cell, x, matrix = make(8, side=16, batch=9)
    inputs = [x, matrix, *cell.parameters()]
    before = torch.get_num_threads()
    one = [dense(cell, x, matrix), *gradients(dense(cell, x, matrix), inputs)]
    torch.set_num_threads(threads)
    try:
        several = [[dense(cell, x, matrix), *gradients(dense(cell, x, matrix), inputs)] for _ in range(2)]
    finally:
        torch.set_num_threads(before)
    assert_close(several[0], one)
    assert all(torch.equal(a, b) for a, b in zip(*several, strict=True))


@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_single_precision_holds_where_means_dwarf_deviations(scale):
    """A variance as a difference of large numbers would be noise here."""
    cell, _, matrix = make(16, side=8, batch=16)
    x = 100 + scale * torch.randn(16, 16, 8, 8, dtype=torch.float64)
    exact = dense(cell, x, matrix)
    got = dense(cell.float(), x.float(), matrix.float())
    reference = plain(cell, x.float(), matrix.float())
    assert (got - exact).norm() <= 2 * (reference - exact).norm() + 1e-5 * exact.norm()


def test_bfloat16_is_the_same_but_for_its_digits():
    cell, x, matrix = make(16, batch=16, dtype=torch.float32)
    x = x.detach().to(torch.bfloat16).requires_grad_()
    inputs = [x, matrix, *cell.parameters()]
    with torch.autocast("cpu", torch.bfloat16):
        ours, theirs = dense(cell, x, matrix), plain(cell, x, matrix)
    assert ours.dtype == torch.bfloat16
    exact = dense(cell, x.detach().float(), matrix)
    assert (ours - exact).norm() <= (theirs - exact).norm() < 0.02 * exact.norm()
    for got, wanted in zip(gradients(ours, inputs), gradients(theirs, inputs), strict=True):
        assert got.dtype == wanted.dtype and (got - wanted).norm() < 0.1 * wanted.norm()


def test_numbers_that_are_none_spread():
    cell, x, matrix = make()
    broken = x.detach().clone()
    broken[0, 0, 0, 0] = float("nan")
    assert dense(cell, broken, matrix).isnan().any()


def masked(matrix, edge):
    """The mixings of a selection: one operation after the other is taken out of one edge."""
    matrices = [matrix.detach().clone() for _ in range(matrix.shape[1])]
    for column, changed in enumerate(matrices):
        changed[edge, column] = 0
    return matrices


@pytest.mark.usefixtures("merging")
@pytest.mark.parametrize(("edge", "convolutions"), [(0, 6 + 5 * 6), (1, 10 + 5 * 2), (3, 12), (5, 12)])
def test_what_mixings_agree_on_is_computed_once(monkeypatch, edge, convolutions):
    cell, x, matrix = make()
    counts, convolve = [], fused.convolve
    monkeypatch.setattr(fused, "convolve", lambda x, w: (counts.append(w.shape[0] // w.shape[1]), convolve(x, w))[1])
    cell.many(x.detach(), masked(matrix, edge))
    assert sum(counts) == convolutions


@pytest.mark.parametrize("bias", [False, True])
def test_running_statistics_move_once_for_all_mixings(bias):
    cells = [make(bias=bias, running=True)[0] for _ in range(2)]
    _, x, matrix = make()
    matrices = masked(matrix, 5)  # no statistics depend on what enters the last node
    cells[0].many(x.detach(), matrices)
    dense(cells[1], x, matrices[0])
    ours, theirs = (dict(cell.named_buffers()) for cell in cells)
    moved = [name for name in ours if "running" in name]
    assert_close([ours[name] for name in moved], [theirs[name] for name in moved])
