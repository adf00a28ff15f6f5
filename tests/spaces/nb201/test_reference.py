"""The supernet and its steps against the ordinary implementation that speed is measured against."""

import pytest
import torch
from torch.nn import functional as F

from harness.spaces.nb201 import encoding as nb201
from harness.spaces.nb201.net import Nb201Supernet
from speed import reference

pytestmark = pytest.mark.usefixtures("form")
SIZES = [(2, 1, 8), (4, 1, 8), (4, 2, 16), (8, 1, 16), (16, 1, 8)]  # channels, cells, side: every strategy


def make(channels, cells, side, dtype):
    torch.manual_seed(0)
    theirs = reference.Network(channels, cells, classes=10).to(dtype)
    ours = Nb201Supernet(
        channels=channels, cells=cells, classes=10, ops=nb201.OPS, conv_bias=True, bn_statistics="batch",
        partial_channels=1,
    ).to(dtype=dtype, memory_format=torch.channels_last)  # fmt: skip
    with torch.no_grad():
        theirs.arch_parameters.copy_(torch.randn(6, 5))
        pairs = list(reference.pairs_of_weights(theirs, ours))
        for weight, copy in pairs:
            copy.copy_(weight)
    assert len(pairs) == len(list(ours.parameters())) == len(theirs.weights())
    images, labels = torch.randn(8, 3, side, side, dtype=dtype), torch.randint(10, (8,))
    return ours, theirs, pairs, images, labels


@pytest.mark.parametrize("size", SIZES)
def test_outputs_in_single_precision(size):
    ours, theirs, _, images, _ = make(*size, torch.float32)
    got = ours(images, {"cell": theirs.arch_parameters.softmax(-1)})
    assert (got - theirs(images)).abs().max() < 1e-4


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("wanted", ["weights", "alpha", "both"])
def test_gradients_in_double_precision(size, wanted):
    ours, theirs, pairs, images, labels = make(*size, torch.float64)
    alpha = theirs.arch_parameters
    other = alpha.detach().clone().requires_grad_()
    mixing = other.softmax(-1) if wanted != "weights" else other.detach().softmax(-1)
    F.cross_entropy(theirs(images), labels).backward()
    loss = F.cross_entropy(ours(images, {"cell": mixing}), labels)
    tensors = ([other] if wanted != "weights" else []) + ([p for _, p in pairs] if wanted != "alpha" else [])
    expected = ([alpha] if wanted != "weights" else []) + ([p for p, _ in pairs] if wanted != "alpha" else [])
    for got, parameter in zip(torch.autograd.grad(loss, tensors, allow_unused=True), expected, strict=True):
        got = torch.zeros_like(parameter) if got is None else got
        assert (got - parameter.grad).norm() <= 1e-9 * parameter.grad.norm() + 1e-12
