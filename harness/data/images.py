"""Images in memory: uint8 tensors with labels, and the fingerprint that identifies their content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class ImageSet:
    """``images``: uint8 [n, 3, h, w]; ``labels``: int64 [n], 0-based; both on one device."""

    images: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        if self.images.dtype != torch.uint8 or self.images.ndim != 4 or self.images.shape[1] != 3:
            raise ValueError(f"images must be uint8 [n, 3, h, w], not {_form(self.images)}")
        if self.labels.dtype != torch.int64 or self.labels.shape != self.images.shape[:1]:
            raise ValueError(f"labels must be int64 [{len(self)}], not {_form(self.labels)}")

    def __len__(self) -> int:
        return self.images.shape[0]

    def to(self, device: torch.device | str) -> ImageSet:
        """Return the same images on ``device``."""
        return ImageSet(self.images.to(device), self.labels.to(device))


def _form(tensor: Tensor) -> str:
    return f"{tensor.dtype} {list(tensor.shape)}"


@dataclass(frozen=True, eq=False)
class Dataset:
    """A classification data set as it was loaded.

    ``mean`` and ``std``: per channel, in units of 0..255, of the full training set; ``crop_padding``: pixels
    that random crops pad by; ``fingerprint``: see `fingerprint`.
    """

    name: str
    classes: int
    train: ImageSet
    test: ImageSet
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    crop_padding: int
    fingerprint: str


def fingerprint(train: ImageSet, test: ImageSet) -> str:
    """Identify what was loaded: ``<train images>+<test images>-<first 16 hex digits of a sha256>``.

    The hash runs over shape, pixels and labels (uint8 and little-endian int64, in memory order of [n, 3, h,
    w]) of train, then test. So it depends on decoded content and order alone: an official pickle and lossless
    parquet files of the same images share it; the two counts tell a prefix from the whole.
    """
    digest = hashlib.sha256()
    for part in (train, test):
        digest.update(f"{'x'.join(map(str, part.images.shape))};".encode())
        digest.update(part.images.cpu().contiguous().numpy().data)
        digest.update(part.labels.cpu().numpy().astype("<i8").data)
    return f"{len(train)}+{len(test)}-{digest.hexdigest()[:16]}"
