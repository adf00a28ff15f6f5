"""scikit-learn's handwritten digits: 1,797 images that need no download, for smoke runs and tests."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from harness.data.images import Dataset, ImageSet, fingerprint

CLASSES: Final = 10
TRAIN_IMAGES: Final = 1442
# Of the 1,442 training images, in units of 0..255.
MEAN: Final = 77.8
STD: Final = 95.9


def load_digits(*, limit: int | None, test: bool) -> Dataset:
    """Return the digits, 8x8, grey repeated to three channels, 0..16 scaled to 0..255 (rounded half up).

    The split is fixed: every fifth image of each class, in scikit-learn's order, is a test image (355 of
    1,797). ``limit`` and ``test`` as in `harness.data.load.load_dataset`.
    """
    from sklearn import datasets  # takes a second to import: only those who ask for it wait

    digits = datasets.load_digits()
    labels = digits.target.astype(np.int64)
    grey = ((digits.images.astype(np.int64) * 255 + 8) // 16).astype(np.uint8)
    images = torch.from_numpy(np.repeat(grey[:, None], 3, axis=1))
    held_out = torch.from_numpy(_rank_within_class(labels) % 5 == 4)
    targets = torch.from_numpy(labels)
    train = ImageSet(images[~held_out][:limit], targets[~held_out][:limit])
    kept = held_out if test else torch.zeros_like(held_out)
    tests = ImageSet(images[kept], targets[kept])
    return Dataset(
        name="digits",
        classes=CLASSES,
        train=train,
        test=tests,
        mean=(MEAN, MEAN, MEAN),
        std=(STD, STD, STD),
        crop_padding=1,
        fingerprint=fingerprint(train, tests),
    )


def _rank_within_class(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each image [n] how many earlier ones share its label."""
    rank = np.empty(len(labels), dtype=np.int64)
    for label in range(CLASSES):
        members = np.flatnonzero(labels == label)
        rank[members] = np.arange(len(members))
    return rank
