"""Networks made by hand: against what their authors and public code say of them, and against built ones."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from harness.audit.counts import counts
from harness.audit.finding import by_cell
from harness.audit.known_networks import densenet_bc, efficientnet_b0
from harness.audit.published_rows import PublishedRow


class Layer(nn.Module):
    """A layer of a DenseNet-BC, which its input goes around."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.path = nn.Sequential(
            nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, 4 * growth, 1, bias=False),
            nn.BatchNorm2d(4 * growth), nn.ReLU(), nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, self.path(x)], 1)


def built(depth: int, growth: int) -> nn.Module:
    channels, layers = 2 * growth, (depth - 4) // 6
    parts: list[nn.Module] = [nn.Conv2d(3, channels, 3, padding=1, bias=False)]
    for block in range(3):
        parts += [Layer(channels + layer * growth, growth) for layer in range(layers)]
        channels += layers * growth
        parts += [nn.BatchNorm2d(channels), nn.ReLU()]
        if block < 2:
            parts += [nn.Conv2d(channels, channels // 2, 1, bias=False), nn.AvgPool2d(2)]
            channels //= 2
    return nn.Sequential(*parts, nn.AvgPool2d(8), nn.Flatten(), nn.Linear(channels, 10))


@pytest.mark.parametrize(("depth", "growth"), [(40, 12), (22, 8)])
def test_a_densenet_that_is_built(depth: int, growth: int) -> None:
    net = built(depth, growth)
    assert net(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    assert densenet_bc(depth, growth) == sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize(("depth", "growth", "million"), [(100, 12, 0.8), (250, 24, 15.3), (190, 40, 25.6)])
def test_densenets_of_the_paper(depth: int, growth: int, million: float) -> None:
    assert densenet_bc(depth, growth) / 1e6 == pytest.approx(million, abs=0.05)  # Huang et al., Table 2


def test_efficientnet_b0_of_public_code() -> None:
    assert efficientnet_b0() == 5_288_548  # torchvision's num_params


def test_rows_that_name_them(shipped: list[PublishedRow]) -> None:
    said = by_cell(counts(shipped))
    for cell in ("darts_pt:darts-pt-t2/densenet-bc/parameters", "darts_space:sp-darts-t3/densenet-bc/parameters",
                 "stacnas:stacnas-t2-base/efficientnet-b0/imagenet-parameters"):  # fmt: skip
        [finding] = said[cell]
        assert finding.verdict == "consistent"
