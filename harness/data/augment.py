"""Batches of uint8 images to network input: flip, crop, normalise; block means for the reduced profile.

Everything runs on the device of the images, without a loop over images, in the order of the usual CIFAR
pipeline: the raw image is flipped, padded with zeros (black), cropped, and only then normalised.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

Channels = tuple[float, float, float]


def normalise(images: Tensor, mean: Channels, std: Channels) -> Tensor:
    """Return (x - mean) / std per channel: uint8 [b, 3, h, w] to float32 [b, 3, h, w], channels last.

    ``mean`` and ``std`` in units of 0..255.
    """
    values = images.to(torch.float32, memory_format=torch.channels_last)
    return values.sub_(_constant(mean, images.device)).div_(_constant(std, images.device))


@lru_cache(maxsize=16)  # a copy from the host in every step could not be recorded
def _constant(values: Channels, device: torch.device) -> Tensor:
    return torch.tensor(values, device=device).view(1, 3, 1, 1)


def augment(images: Tensor, *, padding: int, flip: bool, mean: Channels, std: Channels, generator: Generator) -> Tensor:
    """Flip each image with probability 1/2 (if ``flip``), crop at random after zero padding, then normalise.

    uint8 [b, 3, h, w] to float32 [b, 3, h, w] in channels-last memory. ``generator`` must be on the images'
    device; drawn in this order: flips, vertical offsets, horizontal offsets (each in 0..2 * padding), nothing
    for a part that is off.
    """
    return normalise(moved(images, padding=padding, flip=flip, generator=generator), mean, std)


def moved(images: Tensor, *, padding: int, flip: bool, generator: Generator) -> Tensor:
    """Flip and crop uint8 [b, 3, h, w] as `augment` does."""
    if flip:
        flipped = torch.rand(len(images), generator=generator, device=images.device) < 0.5
        images = torch.where(flipped.view(-1, 1, 1, 1), images.flip(-1), images)
    return _random_crop(images, padding, generator) if padding else images


def _random_crop(images: Tensor, padding: int, generator: Generator) -> Tensor:
    """Pad [b, c, h, w] by zeros on all sides and cut a window of the old size out of each image."""
    count, _, height, width = images.shape
    offsets = 2 * padding + 1
    top = torch.randint(offsets, (count,), generator=generator, device=images.device)
    left = torch.randint(offsets, (count,), generator=generator, device=images.device)
    padded = F.pad(images, (padding, padding, padding, padding))
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # [b, c, 2p + 1, 2p + 1, h, w], a view
    return windows[torch.arange(count, device=images.device), :, top, left]


def cut_out(images: Tensor, length: int, probability: float, generator: Generator) -> Tensor:
    """Set a square of ``length`` pixels to 0 (the mean), with a probability for each of the images [b, c, h, w].

    Its centre is uniform over the image and its part outside lost (Cutout). ``generator`` on the images' device.
    """
    count, _, height, width = images.shape
    device = images.device
    cut = torch.rand(count, generator=generator, device=device) < probability
    top = torch.randint(height, (count, 1), generator=generator, device=device) - length // 2
    left = torch.randint(width, (count, 1), generator=generator, device=device) - length // 2
    rows, columns = torch.arange(height, device=device), torch.arange(width, device=device)
    inside_rows = (rows >= top) & (rows < top + length)  # [b, h]
    inside_columns = (columns >= left) & (columns < left + length)
    square = inside_rows[:, None, :, None] & inside_columns[:, None, None, :] & cut.view(-1, 1, 1, 1)
    return images.masked_fill(square, 0.0)


def average_pool_images(images: Tensor, size: int) -> Tensor:
    """Shrink square uint8 images [n, c, h, h] to [n, c, size, size] by block means, rounded half up.

    Raises ValueError where ``size`` does not divide the side.
    """
    count, channels, height, width = images.shape
    if height != width or size < 1 or height % size:
        raise ValueError(f"cannot shrink {height}x{width} images to {size}x{size} by whole blocks")
    block = height // size
    sums = images.view(count, channels, size, block, size, block).sum(dim=(3, 5), dtype=torch.int32)
    area = block * block
    return ((2 * sums + area) // (2 * area)).to(torch.uint8)
