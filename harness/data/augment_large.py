"""Augmentation of large images, batch by batch on their device: random resized crops and colour jitter.

As ImageNet is usually trained on, but for two things: a crop is sampled bilinearly without a filter against aliasing,
and the four changes of colour come in one order, not in one drawn for every image.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

TRIES = 10  # of a crop that fits, as in torchvision; then the whole image is taken
GREY = (0.2989, 0.587, 0.114)


def random_resized_crop(
    images: Tensor, size: int, scale: tuple[float, float], ratio: tuple[float, float], generator: Generator
) -> Tensor:
    """Cut a rectangle out of each image [b, 3, h, w], in whole pixels, and stretch it to float32 [b, 3, size, size].

    Its area is uniform in ``scale`` (of the image's), the logarithm of width by height uniform in that of ``ratio``,
    its place uniform. ``generator`` on the images' device.
    """
    count, _, height, width = images.shape

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand((TRIES, count), generator=generator, device=images.device)

    area = height * width * uniform(*scale)
    shape = torch.exp(uniform(math.log(ratio[0]), math.log(ratio[1])))
    wide, high = torch.sqrt(area * shape).round(), torch.sqrt(area / shape).round()
    fits = (wide >= 1) & (wide <= width) & (high >= 1) & (high <= height)
    first = torch.where(fits, torch.arange(TRIES, 0, -1, device=images.device)[:, None], 0).max(0)
    chosen, some = first.indices[None], first.values > 0
    wide = torch.where(some, wide.gather(0, chosen)[0], float(width))
    high = torch.where(some, high.gather(0, chosen)[0], float(height))
    down, right = torch.rand((2, count), generator=generator, device=images.device)
    top, left = torch.floor(down * (height - high + 1)), torch.floor(right * (width - wide + 1))
    return _stretched(images.float(), top, left, high, wide, size)


def _stretched(images: Tensor, top: Tensor, left: Tensor, high: Tensor, wide: Tensor, size: int) -> Tensor:
    """Sample rectangles [b] of images at size x size points, each at the middle of its part."""
    height, width = images.shape[2:]
    steps = (torch.arange(size, device=images.device) + 0.5) / size
    rows = 2 * (top[:, None] + steps * high[:, None]) / height - 1  # [b, size]
    columns = 2 * (left[:, None] + steps * wide[:, None]) / width - 1
    shape = (len(images), size, size)
    grid = torch.stack([columns[:, None, :].expand(shape), rows[:, :, None].expand(shape)], -1)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def centre_crop(images: Tensor, size: int) -> Tensor:
    """Cut the middle [b, 3, size, size] out of images [b, 3, h, w]."""
    top, left = ((side - size) // 2 for side in images.shape[2:])
    return images[:, :, top : top + size, left : left + size]


def jitter(
    images: Tensor, *, brightness: float, contrast: float, saturation: float, hue: float, generator: Generator
) -> Tensor:
    """Change the colours of float images [b, 3, h, w] from 0 to 255: each by factors of its own.

    Brightness, contrast and saturation by a factor in 1 ± theirs, the hue by a turn in ± its own.
    """

    def factor(spread: float) -> Tensor:
        drawn = torch.rand(len(images), generator=generator, device=images.device)
        return (2 * drawn - 1).view(-1, 1, 1, 1) * spread

    images = (images * (1 + factor(brightness))).clamp(0, 255)
    mean = _grey(images).mean((2, 3), keepdim=True)
    images = _blend(images, mean, 1 + factor(contrast))
    images = _blend(images, _grey(images), 1 + factor(saturation))
    return turned(images, factor(hue))


def _blend(images: Tensor, other: Tensor, share: Tensor) -> Tensor:
    return (share * images + (1 - share) * other).clamp(0, 255)


def _grey(images: Tensor) -> Tensor:
    return sum(weight * images[:, number : number + 1] for number, weight in enumerate(GREY))  # type: ignore[return-value]


def turned(images: Tensor, turn: Tensor) -> Tensor:
    """Turn the hue of images [b, 3, h, w] by parts of a circle [b, 1, 1, 1]; value and saturation stay (HSV)."""
    value, least = images.amax(1, keepdim=True), images.amin(1, keepdim=True)
    chroma = value - least
    red, green, blue = images[:, :1], images[:, 1:2], images[:, 2:]
    safe = torch.where(chroma > 0, chroma, 1.0)
    hue = torch.where(
        value == red, (green - blue) / safe,
        torch.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )  # fmt: skip
    hue = (hue + 6 * turn) % 6
    shifts = torch.tensor([5.0, 3.0, 1.0], device=images.device).view(1, 3, 1, 1)
    place = (hue + shifts) % 6
    return value - chroma * torch.minimum(place, 4 - place).clamp(0, 1)
