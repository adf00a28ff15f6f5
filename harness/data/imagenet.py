"""ImageNet, and the random part of it that PC-DARTS searches on: resized once, mapped into memory and never copied."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from harness.data.images import Dataset, ImageSet
from harness.data.large import FoundLarge, LargeSource, listing_checksum, locate_large
from harness.data.large_layouts import Layout, open_layout
from harness.data.resized import Kept, kept_images
from harness.data.sources import Part
from harness.seeds import derive_seed


def load_large(source: LargeSource, root: Path | None, *, limit: int | None, test: bool) -> Dataset:
    """Read a large data set from ``root``; arguments and errors as in `harness.data.load.load_dataset`.

    What is not resized yet is resized now, which takes hours for all of ImageNet. What is resized is read and hashed at
    every load, up to 260 GB, and made anew where it does not have its checksum.
    ``Dataset.train`` and ``Dataset.test`` are uint8 [n, 3, side, side] on the host, mapped from a file.
    """
    found = locate_large(source, root)
    train, of_train = _part(source, found, "train", limit)
    if test:
        tests, of_tests = _part(source, found, "test", None)
    else:
        tests, of_tests = ImageSet(train.images[:0], train.labels[:0]), ""
    digest = hashlib.sha256(f"{of_train}+{of_tests}".encode()).hexdigest()[:16]
    fingerprint = f"{len(train)}+{len(tests)}-{digest}"  # of the checksums of chunks
    return Dataset(source.name, source.classes, train, tests, source.mean, source.std, 0, fingerprint)


def part_name(source: LargeSource, found: FoundLarge, part: Part) -> str:
    """Name the resized images of a part after what they are made of."""
    name = source.name if part == "train" else source.folder  # the test images are the same
    return f"{name}-{part}-{listing_checksum(found, part)}"


def sampled(source: LargeSource) -> NDArray[np.int64]:
    """Return which training images a search has: those of the weights first, then those of the architecture.

    Drawn at random without replacement, by a stream that has the data set's name; each half ascends.
    """
    assert source.sample is not None
    generator = torch.Generator().manual_seed(derive_seed(0, source.name))
    drawn = torch.randperm(source.counts["train"], generator=generator).numpy()[: source.training_images]
    weights, architecture = np.split(drawn, [source.sample[0]])
    return np.concatenate([np.sort(weights), np.sort(architecture)])


def _part(source: LargeSource, found: FoundLarge, part: Part, limit: int | None) -> tuple[ImageSet, str]:
    layout = open_layout(source, found, part)
    numbers = sampled(source) if source.sample and part == "train" else np.arange(len(layout.labels))
    count = len(numbers) if limit is None else limit
    kept = kept_images(part_name(source, found, part), layout, numbers, source.side, count)
    return _mapped(kept, layout, numbers[:count], source.side), kept.digest


def _mapped(kept: Kept, layout: Layout, numbers: NDArray[np.int64], side: int) -> ImageSet:
    pixels = torch.from_file(str(kept.path), shared=False, size=len(numbers) * 3 * side**2, dtype=torch.uint8)
    return ImageSet(pixels.view(-1, 3, side, side), torch.from_numpy(layout.labels[numbers]))
