"""CIFAR-10 and CIFAR-100 from the official python files or from parquet files with encoded images.

Official layout (https://www.cs.toronto.edu/~kriz/cifar.html): pickled dicts with ``data`` uint8 [n, 3072],
each row the red, green and blue plane of one 32x32 image, and a list of labels. It is read as data only, see
`unpickle`.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from pathlib import Path

import numpy as np
import torch

from harness.data.encoded import Labels, Pixels, read_parquet
from harness.data.images import Dataset, ImageSet, fingerprint
from harness.data.sources import CifarSource, DataMissing, FoundCifar, Part, locate_cifar, parquet_files
from harness.data.unpickle import load_plain
from harness.errors import HarnessError
from harness.files import read_regular

SIDE = 32
LARGEST_FILE = 2**28  # bytes of a file of the official folder; CIFAR-100's training images are 155 MB
LARGEST_ARCHIVE = 2**29  # bytes of an official archive, unpacked: 186 MB


def load_cifar(source: CifarSource, root: Path | None, *, limit: int | None, test: bool) -> Dataset:
    """Read a CIFAR data set from ``root``; arguments and errors as in `harness.data.load.load_dataset`."""
    found = locate_cifar(source, root)
    train = _read(source, found, "train", limit)
    tests = _read(source, found, "test", None) if test else ImageSet(train.images[:0], train.labels[:0])
    return Dataset(
        source.name,
        source.classes,
        train,
        tests,
        source.mean,
        source.std,
        source.crop_padding,
        fingerprint(train, tests),
    )


def _read(source: CifarSource, found: FoundCifar, part: Part, limit: int | None) -> ImageSet:
    if found.kind == "parquet":
        files = parquet_files(found.path, part)
        if not files:
            raise DataMissing(f"{source.name}: no {part}-*.parquet in {found.path}")
        images, labels = read_parquet(files, source.label_column, source.counts[part], limit=limit, side=SIDE)
    else:
        images, labels = _read_official(source, found, part)
        images, labels = images[:limit], labels[:limit]
    if labels.min() < 0 or labels.max() >= source.classes:
        raise HarnessError(f"{found.path}: {part} labels leave 0..{source.classes - 1}")
    return ImageSet(torch.from_numpy(images), torch.from_numpy(labels))


def _read_official(source: CifarSource, found: FoundCifar, part: Part) -> tuple[Pixels, Labels]:
    """Return images uint8 [n, 3, 32, 32] and labels int64 [n] of a part, in the official order."""
    names = source.members[part]
    files = _archive_members(found.path, source.folder, names) if found.kind == "archive" else {}
    images, labels = [], []
    for name in names:
        where = f"{found.path}: {name}"
        if found.kind == "folder":
            files[name] = _read_bytes(found.path / name)
        batch = load_plain(io.BytesIO(files[name]), where, strings="bytes")
        batch_images, batch_labels = _check_batch(batch, source.label_key, where)
        images.append(batch_images)
        labels.append(batch_labels)
    count = sum(map(len, labels))
    if count != source.counts[part]:
        raise HarnessError(f"{found.path}: {count} {part} images, expected {source.counts[part]}")
    return np.concatenate(images), np.concatenate(labels)


def _read_bytes(path: Path) -> bytes:
    try:
        return read_regular(path, LARGEST_FILE)
    except OSError as error:
        raise HarnessError(f"{path}: {error.strerror}") from error


class _Bounded(gzip.GzipFile):
    """A packed file that may not unpack to more than an official archive could."""

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0 or self.tell() + size > LARGEST_ARCHIVE:
            raise tarfile.ReadError(f"unpacks to more than {LARGEST_ARCHIVE:,} bytes")
        return super().read(size)


def _archive_members(path: Path, folder: str, names: tuple[str, ...]) -> dict[str, bytes]:
    """Read members of an official archive in one pass, without unpacking it to disk."""
    wanted = {f"{folder}/{name}": name for name in names}
    files = {}
    try:
        with _Bounded(path) as unpacked, tarfile.open(fileobj=unpacked, mode="r:") as archive:
            for member in archive:
                wants = member.name in wanted and member.size <= LARGEST_FILE  # a sparse one can be as large as it says
                file = archive.extractfile(member) if wants else None
                if file is not None:
                    files[wanted[member.name]] = file.read()
    except (tarfile.TarError, OSError, EOFError, ValueError, zlib.error) as error:
        raise HarnessError(f"{path}: broken archive: {error}") from error
    absent = [name for name in names if name not in files]
    if absent:
        raise HarnessError(f"{path}: no member {folder}/{absent[0]}")
    return files


def _check_batch(batch: object, label_key: bytes, where: str) -> tuple[Pixels, Labels]:
    if not isinstance(batch, dict) or b"data" not in batch or label_key not in batch:
        raise HarnessError(f"{where}: not a CIFAR batch (no {label_key.decode()!r} and 'data')")
    data, labels = batch[b"data"], batch[label_key]
    pixels = 3 * SIDE * SIDE
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape[1:] != (pixels,):
        raise HarnessError(f"{where}: 'data' is not uint8 [n, {pixels}]")
    if not isinstance(labels, list) or len(labels) != len(data) or not all(type(y) is int for y in labels):
        raise HarnessError(f"{where}: {label_key.decode()!r} is not a list of {len(data)} integers")
    return data.reshape(-1, 3, SIDE, SIDE), np.asarray(labels, dtype=np.int64)
