"""The ordinary implementation that speed is measured against computes what the supernet does."""

import pytest
import torch
from torch.nn import functional as F

from harness.spaces.registry import published
from speed.reference_darts import Network, pairs_of_weights


@pytest.mark.parametrize("space", ["darts", "s3"])
def test_the_ordinary_implementation_is_the_supernet(space):
    torch.manual_seed(0)
    shape = published(space).model_copy(update={"channels": 4, "cells": 4})
    other = Network(4, 4, 10, shape.groups[0].options[0]).double()
    net = shape.supernet(10).double()
    pairs = list(pairs_of_weights(other, net))
    assert len(pairs) == len(other.weights())
    with torch.no_grad():
        for theirs, ours in pairs:
            ours.copy_(theirs)
        for alpha in other.alphas:
            alpha.normal_()
    images, labels = torch.randn(4, 3, 8, 8).double(), torch.randint(10, (4,))
    mixing = dict(zip(("normal", "reduce"), (alpha.softmax(-1) for alpha in other.alphas), strict=True))
    losses = [F.cross_entropy(logits, labels) for logits in (net(images, mixing), other(images))]
    assert torch.isclose(*losses, rtol=1e-10)
    ours = torch.autograd.grad(losses[0], [*other.alphas, *(mine for _, mine in pairs)])
    theirs = torch.autograd.grad(losses[1], [*other.alphas, *(their for their, _ in pairs)])
    scale = max(b.norm() for b in theirs)
    assert all((a - b).norm() <= 1e-9 * b.norm() + 1e-12 * scale for a, b in zip(ours, theirs, strict=True))
