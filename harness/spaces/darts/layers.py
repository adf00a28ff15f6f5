"""What DARTS networks are made of, searched or stand-alone. Operations take what ReLU has passed already.

Shapes: B images, C channels, H = W side.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from harness.spaces.darts.skeleton import STEM, Place
from harness.spaces.space import Size
from harness.spaces.supernet import average_pool

SIDE = 1 << 16  # an image's side where only channels are asked for
POOLS = ("max_pool_3x3", "avg_pool_3x3", "max_pool_5x5")
Norms = Mapping[str, bool]  # keywords of `Norm`: affine, track_running_stats
AFFINE: Norms = {"affine": True, "track_running_stats": True}


class Norm(nn.BatchNorm2d):
    """A batch norm that may be scaled from outside by a vector [C], contiguous.

    ``still``: a pass is repeated, and running statistics stay as they are.
    """

    still = False

    def forward(self, x: Tensor, scale: Tensor | None = None) -> Tensor:
        """Normalise [B, C, H, W]."""
        kept = (None, None) if self.still and self.uses_batch else (self.running_mean, self.running_var)
        scale = self.weight if scale is None else scale
        return F.batch_norm(x, *kept, scale, self.bias, self.uses_batch, self.momentum or 0.0, self.eps)

    @property
    def uses_batch(self) -> bool:
        """Tell whether the statistics are those of the batch."""
        return self.training or self.running_mean is None

    def follow(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Move the running statistics, where there are any, to a batch's mean and biased variance of so many values."""
        if self.running_mean is None or self.running_var is None or self.still:
            return
        unbiased = variance.to(self.running_var) * (count / max(count - 1, 1))
        # through data: passes whose gradients are still to come have saved the old ones and have no use for them
        self.running_mean.data.lerp_(mean.to(self.running_mean), self.momentum or 0.0)
        self.running_var.data.lerp_(unbiased, self.momentum or 0.0)


class PointwiseNorm(nn.Module):
    """Pointwise convolution, batch norm."""

    def __init__(self, inputs: int, outputs: int, norms: Norms) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.bn = Norm(outputs, **norms)

    def forward(self, relu: Tensor) -> Tensor:
        """Map [B, inputs, H, W] to [B, outputs, H, W]."""
        out: Tensor = self.bn(self.conv(relu))
        return out


class FactorizedReduce(nn.Module):
    """Halve the map: two pointwise convolutions of stride 2, the second one pixel further down and to the right."""

    def __init__(self, inputs: int, outputs: int, norms: Norms) -> None:
        super().__init__()
        self.conv_1 = nn.Conv2d(inputs, outputs // 2, 1, stride=2, bias=False)
        self.conv_2 = nn.Conv2d(inputs, outputs - outputs // 2, 1, stride=2, bias=False)
        self.bn = Norm(outputs, **norms)

    def forward(self, relu: Tensor, scale: Tensor | None = None) -> Tensor:
        """Map [B, inputs, H, W] to [B, outputs, H/2, W/2]."""
        out: Tensor = self.bn(torch.cat([self.conv_1(relu), self.conv_2(relu[:, :, 1:, 1:])], 1), scale)
        return out


class Separable(nn.Module):
    """Depthwise and pointwise convolution, batch norm."""

    def __init__(self, channels: int, kernel: int, stride: int, dilation: int, norms: Norms) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(
            channels, channels, kernel, stride, dilation * (kernel // 2), dilation, groups=channels, bias=False
        )
        self.pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        self.bn = Norm(channels, **norms)

    def forward(self, relu: Tensor, scale: Tensor | None = None) -> Tensor:
        """Map [B, C, H, W] to [B, C, H', W']."""
        out: Tensor = self.bn(self.pointwise(self.depthwise(relu)), scale)
        return out


class SeparableTwice(nn.Module):
    """A separable convolution with the stride, ReLU, and one more."""

    def __init__(self, channels: int, kernel: int, stride: int, norms: Norms) -> None:
        super().__init__()
        self.first = Separable(channels, kernel, stride, 1, norms)
        self.second = Separable(channels, kernel, 1, 1, norms)

    def forward(self, relu: Tensor, scale: Tensor | None = None) -> Tensor:
        """Map [B, C, H, W] to [B, C, H', W']."""
        out: Tensor = self.second(F.relu(self.first(relu)), scale)
        return out


class RowAndColumn(nn.Module):
    """Whole convolutions 1 x k and k x 1, batch norm."""

    def __init__(self, channels: int, kernel: int, stride: int, norms: Norms) -> None:
        super().__init__()
        half = kernel // 2
        self.row = nn.Conv2d(channels, channels, (1, kernel), (1, stride), (0, half), bias=False)
        self.column = nn.Conv2d(channels, channels, (kernel, 1), (stride, 1), (half, 0), bias=False)
        self.bn = Norm(channels, **norms)

    def forward(self, relu: Tensor, scale: Tensor | None = None) -> Tensor:
        """Map [B, C, H, W] to [B, C, H', W']."""
        out: Tensor = self.bn(self.column(self.row(relu)), scale)
        return out


class ConvNorm(nn.Module):
    """Whole convolution k x k, batch norm."""

    def __init__(self, channels: int, kernel: int, stride: int, norms: Norms) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, kernel, stride, kernel // 2, bias=False)
        self.bn = Norm(channels, **norms)

    def forward(self, relu: Tensor, scale: Tensor | None = None) -> Tensor:
        """Map [B, C, H, W] to [B, C, H', W']."""
        out: Tensor = self.bn(self.conv(relu), scale)
        return out


def build_convolution(name: str, channels: int, stride: int, norms: Norms) -> nn.Module | None:
    """Build what has weights on an edge; None: the operation has none."""
    if name == "skip_connect":
        return None if stride == 1 else FactorizedReduce(channels, channels, norms)
    kind, _, kernel = name.rpartition("_")
    width = int(kernel[0]) if kernel[:1].isdigit() else 0
    match kind:
        case "sep_conv":
            return SeparableTwice(channels, width, stride, norms)
        case "dil_conv":
            return Separable(channels, width, stride, 2, norms)
        case "nor_conv":
            return ConvNorm(channels, width, stride, norms)
        case "conv_7x1" | "conv_3x1":
            return RowAndColumn(channels, int(kernel[-1]), stride, norms)
    return None


def pool(name: str, x: Tensor, stride: int) -> Tensor:
    """Pool [B, C, H, W]; padding counts in no mean."""
    kernel = int(name[-1])
    if name.startswith("max"):
        return F.max_pool2d(x, kernel, stride, kernel // 2)
    return average_pool(x, kernel, stride)


def strided(x: Tensor, stride: int) -> Tensor:
    """Keep every ``stride``-th row and column."""
    return x if stride == 1 else x[:, :, ::stride, ::stride]


def noise_like(x: Tensor, generator: Generator | None) -> Tensor:
    """Draw N(0, 1) of the shape of images [B, H, W, C]."""
    return torch.empty(x.shape, dtype=x.dtype, device=x.device).normal_(generator=generator)


class Source:
    """A state of a cell, and what the operations that leave it share; ``stride``: theirs.

    ``rest``: the channels that bypass them. ``generator``: of the noise operation.
    """

    def __init__(self, value: Tensor, stride: int, generator: Generator | None, rest: Tensor | None = None) -> None:
        self.value, self.stride, self.generator, self.rest = value, stride, generator, rest
        self.pooled: dict[str, Tensor] = {}
        self.normalised: dict[str, tuple[Tensor, Tensor, Tensor]] = {}  # with mean and 1 / standard deviation

    @cached_property
    def relu(self) -> Tensor:
        """Its positive part."""
        return F.relu(self.value)

    def pool(self, name: str) -> Tensor:
        """Return it pooled."""
        if name not in self.pooled:
            self.pooled[name] = pool(name, self.value, self.stride)
        return self.pooled[name]

    def noise(self) -> Tensor:
        """Draw what the noise operation gives: N(0, 1) of its shape, whatever its values are (RobustDARTS, S4)."""
        images = strided(self.value, self.stride).permute(0, 2, 3, 1)
        return noise_like(images, self.generator).permute(0, 3, 1, 2)

    def kept(self, share: float) -> Tensor:
        """Draw by what elements are multiplied of which a share is kept: 0 or 1 / share."""
        images = strided(self.value, self.stride).permute(0, 2, 3, 1)
        drawn = torch.empty_like(images, dtype=torch.float32).uniform_(generator=self.generator)
        return ((drawn < share) / share).to(images.dtype).permute(0, 3, 1, 2)

    def plain(self, name: str) -> Tensor:
        """Return what an operation without weights gives, nothing normalised."""
        if name in POOLS:
            return self.pool(name)
        if name == "noise":
            return self.noise()
        kept = strided(self.value, self.stride)
        return kept if name == "skip_connect" else torch.zeros_like(kept)


def preprocess(place: Place, norms: Norms) -> nn.ModuleList:
    """Build what brings a cell's inputs, which ReLU has passed, to its channels and side."""
    first = FactorizedReduce if place.halved else PointwiseNorm
    return nn.ModuleList([first(place.before, place.channels, norms), PointwiseNorm(place.last, place.channels, norms)])


def stem(channels: int) -> nn.Sequential:
    """Build the stem for CIFAR."""
    wide = STEM * channels
    return nn.Sequential(nn.Conv2d(3, wide, 3, padding=1, bias=False), nn.BatchNorm2d(wide))


def stems(size: Size) -> tuple[nn.Sequential, nn.Sequential | None]:
    """Build the stem, for ImageNet two: to a quarter of the side, and to half of that."""
    if size.stem == "cifar":
        return stem(size.channels), None
    channels, half = size.channels, size.channels // 2
    first = nn.Sequential(
        nn.Conv2d(3, half, 3, 2, 1, bias=False), nn.BatchNorm2d(half), nn.ReLU(),
        nn.Conv2d(half, channels, 3, 2, 1, bias=False), nn.BatchNorm2d(channels),
    )  # fmt: skip
    second = nn.Sequential(nn.ReLU(), nn.Conv2d(channels, channels, 3, 2, 1, bias=False), nn.BatchNorm2d(channels))
    return first, second
