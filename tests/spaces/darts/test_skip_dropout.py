"""Dropout on the skip connections of the supernet."""

import pytest
import torch
from scipy import stats

from harness.spaces.darts.layers import Source
from harness.spaces.registry import published


@pytest.mark.parametrize("factor", [0.0, 0.3])
def test_dropout_falls_on_what_passes_skip_connections_of_stride_1(monkeypatch, factor):
    """With every element multiplied by one factor it is the supernet whose skips of stride 1 weigh that much less."""
    space = published("darts").model_copy(update={"channels": 4, "cells": 3})
    torch.manual_seed(0)
    net = space.supernet(10).double().train()
    images = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    mixing = {group.name: torch.rand(group.shape, dtype=torch.float64) for group in space.groups}
    less = {name: weights.clone() for name, weights in mixing.items()}
    for group in space.groups:
        for row, (source, options) in enumerate(zip(group.sources, group.options, strict=True)):
            if group.cell == "normal" or source >= 2:
                less[group.name][row, options.index("skip_connect")] *= factor
    wanted = net(images, less)
    shares = []
    monkeypatch.setattr(Source, "kept", lambda self, share: shares.append(share) or torch.full((), factor).double())
    net.skip_dropout = 0.4
    torch.testing.assert_close(net(images, mixing), wanted)
    assert set(shares) == {0.6} and len(shares) == 14 + 2 * (14 - 8)


def test_elements_are_kept_at_the_rate_and_their_mean_stays():
    source = Source(torch.randn(8, 16, 12, 12), 1, torch.Generator().manual_seed(1))
    drawn = source.kept(0.7)
    assert drawn.shape == source.value.shape and drawn.unique().tolist() == pytest.approx([0, 1 / 0.7])
    kept = int((drawn > 0).sum())
    assert stats.binomtest(kept, drawn.numel(), 0.7).pvalue > 1e-3
    again = Source(source.value, 1, torch.Generator().manual_seed(1)).kept(0.7)
    assert torch.equal(drawn, again)
