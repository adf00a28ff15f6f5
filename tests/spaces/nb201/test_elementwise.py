"""What batch norms and ReLUs do, counted against the built network."""

import pytest
import torch
from torch import nn

from harness.spaces.registry import published
from harness.spaces.space import Size


@pytest.mark.parametrize(
    "architecture",
    [
        "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|avg_pool_3x3~0|none~1|nor_conv_3x3~2|",
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
    ],
)
def test_elements_of_batch_norms_count_twice_and_of_relus_once(architecture):
    space, total = published("nb201"), 0

    def see(module, _, output):
        nonlocal total
        total += output[0].numel() * {nn.BatchNorm2d: 2, nn.ReLU: 1}.get(type(module), 0)

    net = space.network(architecture, Size(2, 4), 10)
    for module in net.modules():
        module.register_forward_hook(see)
    with torch.no_grad():
        net(torch.randn(2, 3, 16, 16))
    assert space.counts(architecture, Size(2, 4), 10, 16).elementwise == total
