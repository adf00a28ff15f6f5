"""The compiled kernels against torch's operations: many shapes, strides, types and numbers of threads."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from harness.spaces.darts import kernels
from harness.spaces.darts.kernels import Branch
from harness.spaces.registry import published

pytestmark = pytest.mark.usefixtures("compiled")
TOLERANCE = {torch.float64: 1e-11, torch.float32: 2e-5}


@pytest.fixture(params=[1, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def images(*shape, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(sum(shape)))


def branch(x, kernel, dilation, stride, keep=True):
    batch, height, width, c = x.shape
    weights = images(c, 1, kernel, kernel, dtype=x.dtype), images(c, c, 1, 1, dtype=x.dtype)
    out = x.new_empty(batch, height // stride, width // stride, c)
    return Branch(dilation, stride, *weights, torch.empty_like(out) if keep else None, out, np.empty((2, c)))


def reference(x, part):
    """The same in torch's operations: middle and out [B, H, W, C]."""
    value, k = F.relu(x).permute(0, 3, 1, 2), part.depth.shape[-1]
    middle = F.conv2d(value, part.depth, None, part.stride, part.dilation * (k // 2), part.dilation, x.shape[-1])
    return middle.permute(0, 2, 3, 1), F.conv2d(middle, part.point).permute(0, 2, 3, 1)


def close(ours, theirs, like):
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() <= TOLERANCE[like] * (1 + theirs.abs().max())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("shape", "stride"),
    [((5, 8, 8, 16), 1), ((2, 6, 10, 4), 1), ((3, 8, 8, 8), 2), ((2, 4, 4, 48), 2), ((1, 2, 2, 20), 1)],
)
@pytest.mark.parametrize("affine", [False, True])
def test_separable_convolutions_and_all_their_gradients(dtype, shape, stride, affine, threads):
    x, c = images(*shape, dtype=dtype), shape[-1]
    typed = x.numpy().dtype
    factors = np.stack([np.linspace(0.5, 2, c), np.linspace(-1, 1, c)]).astype(typed) if affine else None
    kinds = [(3, 1), (5, 1), (7, 1), (3, 2), (5, 2)]
    parts = [
        branch(x, kernel, dilation, stride, keep)
        for (kernel, dilation), keep in zip(kinds, [1, 1, 1, 0, 1], strict=True)
    ]
    kernels.separable(x, factors, parts)
    outs, slopes, wanted = [], [], []
    source = x if factors is None else torch.from_numpy(factors[0]) * x + torch.from_numpy(factors[1])
    source = source.clone().requires_grad_()
    for number, part in enumerate(parts):
        part.depth.requires_grad_(), part.point.requires_grad_()
        middle, out = reference(source, part)
        close(part.out, out.detach(), dtype)
        if part.middle is not None:
            close(part.middle, middle.detach(), dtype)
        sums = out.detach().double().flatten(0, 2)
        assert np.allclose(part.sums, torch.stack([sums.sum(0), (sums**2).sum(0)]).numpy(), rtol=1e-4, atol=1e-2)
        part.gradient = images(number + 1, *out.shape, dtype=dtype)[number].contiguous()
        part.factors = np.stack([np.full(c, 1.5), np.linspace(0, 0.1, c), np.linspace(-1, 1, c)]).astype(
            x.numpy().dtype
        )
        lifts = torch.from_numpy(part.factors)
        slopes.append(lifts[0] * part.gradient + lifts[1] * out.detach() + lifts[2])
        outs.append(out)
        if part.middle is not None:
            part.slopes = torch.empty_like(part.depth), torch.empty_like(part.point)
            wanted += [(part.slopes[0], part.depth), (part.slopes[1], part.point)]
    sums = np.empty((2, c))
    ours = kernels.separable_backward(x, factors, parts, sums)
    tensors = [source, *(weight for _, weight in wanted)]
    found = torch.autograd.grad(outs, tensors, slopes)
    scale = 10 if dtype == torch.float32 else 1
    for (got, _), expected in zip([(ours, None), *wanted], found, strict=True):
        assert (got - expected).norm() <= scale * TOLERANCE[dtype] * expected.norm()
    flat = found[0].double().flatten(0, 2)
    expected = torch.stack([flat.sum(0), (flat * x.double().flatten(0, 2)).sum(0)]).numpy()
    assert np.allclose(sums, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("c", [4, 8, 16, 36])
def test_weighted_sums_and_products(dtype, c, threads):
    values = [images(3, 5, 4, c, dtype=dtype) * k for k in (1, 2, 3)]
    gains, level = images(3, c, dtype=dtype).numpy(), images(c, dtype=dtype).numpy()
    expected = sum(torch.from_numpy(g) * v for g, v in zip(gains, values, strict=True)) + torch.from_numpy(level)
    close(kernels.combine(values, gains, level), expected, dtype)
    sums, gradient = np.empty((4, c)), images(3, 5, 4, c, dtype=dtype) + 1
    kernels.products(values, gradient, sums)
    wanted = torch.stack([(gradient * v).double().sum((0, 1, 2)) for v in [*values, torch.ones_like(gradient)]])
    assert np.allclose(sums, wanted.numpy(), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("shape", "stride"), [((2, 6, 6, 16), 1), ((3, 4, 8, 8), 2), ((1, 2, 2, 4), 2), ((1, 1, 1, 4), 1)]
)
@pytest.mark.parametrize("largest", [True, False])
def test_pools_and_their_gradients_also_of_equal_values(dtype, shape, stride, largest, threads):
    x = images(*shape, dtype=dtype).round()  # many equal values: the first largest one has the gradient
    leaf = x.permute(0, 3, 1, 2).clone().requires_grad_()
    pooled = F.max_pool2d(leaf, 3, stride, 1) if largest else F.avg_pool2d(leaf, 3, stride, 1, count_include_pad=False)
    ours = kernels.pool(x, stride, largest=largest)
    close(ours, pooled.detach().permute(0, 2, 3, 1), dtype)
    slope, out = images(*ours.shape, dtype=dtype), torch.ones_like(x)
    kernels.pool_backward(x, ours, slope, out, stride, largest=largest)
    (expected,) = torch.autograd.grad(pooled, leaf, slope.permute(0, 3, 1, 2))
    close(out, 1 + expected.permute(0, 2, 3, 1), dtype)


def test_what_there_are_no_kernels_for():
    assert kernels.usable(torch.zeros(1), 16) and not kernels.usable(torch.zeros(1), 6)
    assert not kernels.usable(torch.zeros(1, dtype=torch.bfloat16), 16)
    with torch.autocast("cpu", torch.bfloat16):
        assert not kernels.usable(torch.zeros(1), 16)


def test_single_precision_and_threads_give_the_same_supernet(threads):
    torch.manual_seed(0)
    space = published("darts").model_copy(update={"channels": 8, "cells": 3})
    net, x = space.supernet(10), torch.randn(6, 3, 8, 8)
    mixing = {group.name: torch.rand(group.shape) for group in space.groups}
    ours = net(x, mixing)
    net.double()
    theirs = net(x.double(), {name: matrix.double() for name, matrix in mixing.items()})
    assert torch.allclose(ours.double(), theirs, rtol=1e-3, atol=1e-4)
