"""The Triton cell against the plain one, under Triton's interpreter, in a process that `test_triton` starts.

The interpreter is chosen where kernels are imported, so it cannot be turned on and off within one process.
"""

import subprocess
import sys

import pytest
import torch

from harness.engine.search import Search
from harness.engine.steps import Steps
from harness.spaces.nb201 import encoding as nb201
from harness.spaces.nb201 import kernels, triton_cell
from harness.spaces.nb201.net import Mix, MixedCell, Nb201Supernet
from harness.spaces.nb201.triton_cell import Shape
from speed.searches import dataset, spec_of
from tests.engine.test_capture import NoHost
from tests.spaces.nb201.test_fused import ALL, assert_close, dense, gradients, hold_running_statistics, plain
from tests.spaces.nb201.test_fused import make as make_double

SUBSETS = [ALL, (0, 1, 3), (3, 1), (2,), (4, 3, 2), (0, 1, 2, 4), (1, 4, 3)]


def make(*arguments, dtype=torch.float32, **settings):
    return make_double(*arguments, dtype=dtype, **settings)


def compare(cell, x, matrix, inputs, relative=1e-5):
    """Hold output and gradients against those of the plain cell."""
    ours, theirs = dense(cell, x, matrix), plain(cell, x, matrix)
    assert "TritonCell" in type(ours.grad_fn).__name__
    assert_close([ours], [theirs], relative)
    assert_close(gradients(ours, inputs), gradients(theirs, inputs), relative)


@pytest.mark.parametrize(
    ("ops", "channels", "side", "batch"),
    [*((ops, 4, 5, 3) for ops in SUBSETS), (ALL, 6, 5, 3), (ALL, 16, 8, 4), (ALL, 24, 3, 2), (ALL, 4, 1, 9)],
)
def test_outputs_and_gradients_are_those_of_the_plain_cell(ops, channels, side, batch):
    cell, x, matrix = make(channels, ops, side, batch)
    compare(cell, x, matrix, [x, matrix, *cell.parameters()])


def test_images_of_many_parts_and_several_tiles(monkeypatch):
    """As on a device, where a part is more than its first tile, and the last is not full."""
    monkeypatch.setattr(triton_cell, "TILE", 64)  # elements
    monkeypatch.setattr(triton_cell, "PARTS", 3)
    cell, x, matrix = make(6, ALL, 5, 3)
    shape = Shape(ALL, torch.Size((3, 5, 5, 6)))
    assert (shape.tiles, shape.loops, shape.parts) == (10, 4, 3)
    compare(cell, x, matrix, [x, matrix, *cell.parameters()])


@pytest.mark.parametrize("frozen", ["weights", "alpha", "image", "weights and image"])
def test_what_is_not_asked_for_changes_nothing_else(frozen):
    cell, x, matrix = make()
    parts = {"weights": list(cell.parameters()), "alpha": [matrix], "image": [x]}
    for name, tensors in parts.items():
        for tensor in tensors:
            tensor.requires_grad_(name not in frozen)
    compare(cell, x, matrix, [t for name, tensors in parts.items() if name not in frozen for t in tensors])


def test_weights_that_are_frozen_cost_nothing(monkeypatch):
    asked, backward = [], triton_cell.convolve_backward
    monkeypatch.setattr(triton_cell, "convolve_backward", lambda *a: (asked.append(a[-1]), backward(*a))[1])
    net = Nb201Supernet(
        channels=4, cells=1, classes=10, ops=nb201.OPS, conv_bias=False, bn_statistics="batch", partial_channels=1
    )
    matrix = torch.randn(6, 5, requires_grad=True)
    with net.frozen():
        logits = net(torch.randn(4, 3, 8, 8), {"cell": matrix})
    assert torch.autograd.grad(logits.square().sum(), [matrix])[0].norm() > 0
    assert len(asked) == 3 * 6 - 2 and not any(asked)  # nothing stands before the first cell


def test_every_cell_may_mix_by_weights_of_its_own():
    net = Nb201Supernet(
        channels=4, cells=1, classes=10, ops=nb201.OPS, conv_bias=False, bn_statistics="batch", partial_channels=1
    )
    image, found = torch.randn(4, 3, 8, 8), []
    matrices = [torch.randn(6, 5, requires_grad=True) for _ in range(3)]
    for form in (MixedCell.forward, MixedCell._plain):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(MixedCell, "forward", form)
            found.append(torch.autograd.grad(net.by_cell(image, [{"cell": m} for m in matrices]).sin().sum(), matrices))
    assert_close(*found, relative=1e-4)


@pytest.mark.parametrize("bias", [False, True])
def test_second_derivatives_are_those_of_the_plain_cell(bias):
    cell, x, matrix = make(bias=bias)
    inputs, found = [x, matrix, *cell.parameters()], []
    for form in (dense, plain):
        value = form(cell, form(cell, x, matrix), matrix).sin().sum()
        slopes = torch.autograd.grad(value, inputs, create_graph=True, allow_unused=True)
        curve = sum((s * torch.cos(torch.arange(s.numel())).view(s.shape)).sum() for s in slopes if s is not None)
        curves = torch.autograd.grad(curve, inputs, allow_unused=True)
        found.append([torch.cat([c.flatten() for c in curves if c is not None])])  # those of biases are rounding alone
    assert_close(*found, relative=1e-4)


@pytest.mark.parametrize("bias", [False, True])
def test_running_statistics_move_as_those_of_the_plain_cell(bias):
    hold_running_statistics(make, bias, relative=1e-5)


@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_single_precision_holds_where_means_dwarf_deviations(scale):
    cell, _, matrix = make(16, side=8, batch=16)
    x = 100 + scale * torch.randn(16, 16, 8, 8, dtype=torch.float64)
    exact = plain(cell.double(), x, matrix.double())
    cell.float()
    got, reference = dense(cell, x.float(), matrix), plain(cell, x.float(), matrix)
    assert (got - exact).norm() <= 2 * (reference - exact).norm() + 1e-5 * exact.norm()


def test_bfloat16_is_the_same_but_for_its_digits():
    """The interpreter cuts digits off, where devices round: twice the error each time."""
    cell, x, matrix = make(16, batch=16)
    exact = [plain(cell, x, matrix), *gradients(plain(cell, x, matrix), [x, matrix, *cell.parameters()])]
    x = x.detach().to(torch.bfloat16).requires_grad_()
    inputs = [x, matrix, *cell.parameters()]
    with torch.autocast("cpu", torch.bfloat16):
        ours, theirs = dense(cell, x, matrix), plain(cell, x, matrix)
    assert "TritonCell" in type(ours.grad_fn).__name__
    ours, theirs = [ours, *gradients(ours, inputs)], [theirs, *gradients(theirs, inputs)]
    for got, wanted, true in zip(ours, theirs, exact, strict=True):
        assert got.dtype == wanted.dtype
        assert (got - true).norm() <= 2.5 * (wanted - true).norm() < 0.2 * true.norm()


def test_numbers_that_are_none_spread():
    cell, x, matrix = make()
    broken = x.detach().clone()
    broken[0, 0, 0, 0] = float("nan")
    assert dense(cell, broken, matrix).isnan().any()


def test_what_there_are_no_kernels_for_is_left_to_torch(monkeypatch):
    cell, x, matrix = make()
    mix = Mix(matrix, cell.ops, cell.channels)
    drops = torch.ones(6, len(x))
    one_hot = torch.eye(5)[[1, 2, 3, 4, 1, 2]]
    others = [
        cell(x, mix, drops),
        cell(x, Mix(one_hot, cell.ops, cell.channels, sampled=True), None),
        MixedCell(4, ALL, False, False, partial=2)(x, Mix(matrix, ALL, 2), None),
        MixedCell(4, (0, 1, 4), False, False, partial=1)(x, Mix(matrix[:, :3], (0, 1, 4), 4), None),
    ]
    with torch.autocast("cpu", torch.bfloat16):
        others.append(dense(cell, x, matrix))  # float32 that convolutions would cast
    monkeypatch.setenv("HARNESS_TRITON", "0")
    triton_cell.library.cache_clear()
    others.append(dense(cell, x, matrix))
    triton_cell.library.cache_clear()
    assert not any("TritonCell" in type(out.grad_fn).__name__ for out in others)


# how many kernels a step launches ------------------------------------------------------------------------------

FREE = {"empty", "empty_like", "new_empty", "empty_strided", "new_empty_strided", "detach", "_unsafe_view", "set_"}
FREE |= {"_record_function_enter_new", "_record_function_exit"}
TENSORS_A_LAUNCH = 30  # of torch's kernels over lists, at least


class Launches(NoHost):
    """Counts torch's operations that launch kernels: not views or room, a convolution's backward per gradient.

    Refuses what a recording cannot hold.
    """

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if name == "convolution_backward":
            self.count += sum(args[-1])
        elif name.startswith(("_foreach", "_fused")):
            self.count += -(-len(args[0]) // TENSORS_A_LAUNCH)
        elif not func.is_view and name not in FREE:
            self.count += 1
        return super().__torch_dispatch__(func, types, args, kwargs)


@pytest.mark.parametrize(("precision", "most"), [("float32", 1300), ("bfloat16", 1400)])
def test_a_step_of_the_full_network_is_few_kernels(precision, most, monkeypatch):
    """Of the paper's C = 16, N = 5; of small images, whose numbers are not computed: kernels are only counted."""
    spec = spec_of("darts-v1", "data.image_size=8", "data.crop_padding=1", "batch_size=4", f"precision={precision}")
    monkeypatch.setattr(Steps, "deciding", False)  # is read off tensors on the host
    counts = {}
    for form in ("torch", "triton"):
        launched = []
        monkeypatch.setattr(kernels, "library", lambda: None)
        monkeypatch.setattr(triton_cell, "launch", lambda kernel, *a, found=launched, **c: found.append(kernel))
        monkeypatch.setattr(triton_cell, "interpreted", lambda form=form: form == "triton")
        search = Search(spec, dataset(16, 8), 0, torch.device("cpu"))
        search.net.train()
        first, second, *_ = search.feed.batches(0)
        search.step(*first)
        launched.clear()
        with Launches() as operations:
            search.step(*second)
        counts[form] = operations.count + len(launched)
    print(precision, counts)
    assert counts["triton"] <= most < 1500 < 5500 < counts["torch"]


def test_a_cpu_does_without_triton():
    code = "import sys, harness.engine.search, harness.spaces.nb201.net as n; sys.exit('triton' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
