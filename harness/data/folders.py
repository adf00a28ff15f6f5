"""SVHN and ImageNet16-120 from their publishers' files.

SVHN: ``X`` uint8 [32, 32, 3, n] and ``y`` [n, 1] in files of Matlab, the digit 0 as 10. ImageNet16: pickled dicts with
``data`` uint8 [n, 768], the planes of a 16x16 image one after the other, and ``labels`` from 1 to 1000, of which the
first 120 count. Both are read as data only.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch

from harness.data.encoded import Labels, Pixels
from harness.data.images import Dataset, ImageSet, fingerprint
from harness.data.sources import FolderSource, Part, locate_folder
from harness.data.unpickle import load_plain
from harness.errors import HarnessError
from harness.files import read_regular

LARGEST = 2**31  # bytes of a file; SVHN's extra images are 1.3 GB


def load_folder(source: FolderSource, root: Path | None, *, limit: int | None, test: bool) -> Dataset:
    """Read a data set from ``root``; arguments and errors as in `harness.data.load.load_dataset`."""
    files = locate_folder(source, root)
    train = _read(source, files["train"], "train")
    train = ImageSet(train.images[:limit], train.labels[:limit])
    tests = _read(source, files["test"], "test") if test else ImageSet(train.images[:0], train.labels[:0])
    return Dataset(
        source.name, source.classes, train, tests, source.mean, source.std, source.crop_padding,
        fingerprint(train, tests),
    )  # fmt: skip


def _read(source: FolderSource, files: list[Path], part: Part) -> ImageSet:
    reader = _read_batch if source.name == "imagenet16_120" else _read_matlab
    read = [reader(file) for file in files]
    images, labels = (np.concatenate(parts) for parts in zip(*read, strict=True))
    kept = labels < source.classes if source.name == "imagenet16_120" else np.ones(len(labels), dtype=bool)
    images, labels = images[kept], labels[kept]
    if len(labels) != source.counts[part]:
        where = files[0].parent
        raise HarnessError(f"{where}: {len(labels):,} {part} images, expected {source.counts[part]:,}")
    if labels.min() < 0 or labels.max() >= source.classes:
        raise HarnessError(f"{files[0].parent}: {part} labels leave the {source.classes} classes")
    return ImageSet(torch.from_numpy(images), torch.from_numpy(labels))


def _read_matlab(file: Path) -> tuple[Pixels, Labels]:
    """Return images uint8 [n, 3, 32, 32] and labels int64 [n] of one of SVHN's files."""
    from scipy.io import loadmat

    content = io.BytesIO(_bytes(file))
    try:
        found = loadmat(content, variable_names=["X", "y"])
        pixels, labels = np.asarray(found["X"]), np.asarray(found["y"])
    except Exception as error:  # scipy raises many kinds for a broken file
        raise HarnessError(f"{file}: no file of Matlab with 'X' and 'y' ({type(error).__name__})") from error
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[:3] != (32, 32, 3):
        raise HarnessError(f"{file}: 'X' is {pixels.dtype} {list(pixels.shape)}, expected uint8 [32, 32, 3, n]")
    if labels.shape != (pixels.shape[3], 1) or labels.dtype.kind not in "ui":
        raise HarnessError(f"{file}: 'y' is {labels.dtype} {list(labels.shape)}, expected one integer an image")
    digits = labels[:, 0].astype(np.int64)
    return np.ascontiguousarray(pixels.transpose(3, 2, 0, 1)), np.where(digits == 10, 0, digits)


def _read_batch(file: Path) -> tuple[Pixels, Labels]:
    """Return images uint8 [n, 3, 16, 16] and labels int64 [n], from 0, of one of ImageNet16's batches."""
    batch = load_plain(io.BytesIO(_bytes(file)), str(file), strings="ASCII")
    data, labels = (batch.get(key) for key in ("data", "labels")) if isinstance(batch, dict) else (None, None)
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape[1:] != (3 * 16 * 16,):
        raise HarnessError(f"{file}: 'data' is not uint8 [n, 768]")
    if not isinstance(labels, list) or len(labels) != len(data) or not all(type(label) is int for label in labels):
        raise HarnessError(f"{file}: 'labels' is not a list of {len(data)} integers")
    return data.reshape(-1, 3, 16, 16), np.asarray(labels, dtype=np.int64) - 1


def _bytes(file: Path) -> bytes:
    try:
        return read_regular(file, LARGEST)
    except OSError as error:
        raise HarnessError(f"{file}: {error.strerror}") from error
