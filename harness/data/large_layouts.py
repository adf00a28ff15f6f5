"""The encoded images of a large data set, whichever layout it has: labels first, then pictures by their numbers."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from harness.data.encoded import Labels, open_parquet
from harness.data.large import FoundLarge, Kind, LargeSource, images_of
from harness.data.sources import Part
from harness.errors import HarnessError
from harness.files import read_regular

LARGEST_IMAGE = 2**25  # bytes of an encoded image; the largest of ImageNet has 15 MB
PICTURES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class Encoded:
    """An image as it lies on disk. ``where``: what a reader is told of it."""

    where: str
    content: bytes


class Layout(Protocol):
    """One part of a data set. ``labels``: int64 [n]."""

    labels: Labels

    def read(self, numbers: Sequence[int]) -> Iterator[Encoded]:
        """Yield the images of these numbers, which ascend."""


def open_layout(source: LargeSource, found: FoundLarge, part: Part) -> Layout:
    """Open a part; raise `HarnessError` where it has other labels, or other numbers of images, than the data set."""
    layout = _opened(found.kind, found.files[part])
    labels = layout.labels
    if len(labels) != source.counts[part]:
        raise HarnessError(f"{found.path}: {len(labels):,} {part} images, expected {source.counts[part]:,}")
    wrong = (labels < 0) | (labels >= source.classes)
    if wrong.any():
        number = int(wrong.argmax())
        what = f"{part} image {number:,} has label {labels[number]}"
        raise HarnessError(f"{found.path}: {what}, which is not in 0..{source.classes - 1}")
    if (classes := len(np.unique(labels))) != source.classes:
        raise HarnessError(f"{found.path}: {part} images of {classes:,} classes, expected {source.classes:,}")
    return layout


def _opened(kind: Kind, files: Sequence[Path]) -> Layout:
    match kind:
        case "folders":
            return ClassFolders(files)
        case "parquet":
            return ParquetShards(files)
        case "webdataset":
            return TarShards(files)


class ClassFolders:
    """Files in one folder a class; a folder's place is the label of its images."""

    def __init__(self, folders: Sequence[Path]) -> None:
        by_class = [images_of(folder) for folder in folders]
        for folder, files in zip(folders, by_class, strict=True):
            if not files:
                raise HarnessError(f"{folder}: no image")
        self.files = [file for files in by_class for file in files]
        self.labels: Labels = np.repeat(np.arange(len(by_class)), [len(files) for files in by_class])

    def read(self, numbers: Sequence[int]) -> Iterator[Encoded]:
        """Yield files."""
        for file in (self.files[number] for number in numbers):
            try:
                yield Encoded(str(file), read_regular(file, LARGEST_IMAGE))
            except OSError as error:
                raise HarnessError(f"{file}: {error.strerror}") from error


class ParquetShards:
    """Hugging Face's columns: ``image: {bytes, path}`` and ``label``. Groups of rows are read as they come."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = files
        tables = [open_parquet(file) for file in files]
        self.labels: Labels = np.concatenate([_labels(f, t) for f, t in zip(files, tables, strict=True)])
        self.groups = [(f, g) for f, table in enumerate(tables) for g in range(table.num_row_groups)]
        rows = [tables[f].metadata.row_group(g).num_rows for f, g in self.groups]
        self.starts: NDArray[np.int64] = np.concatenate([[0], np.cumsum(rows)]).astype(np.int64)

    def read(self, numbers: Sequence[int]) -> Iterator[Encoded]:
        """Yield rows; a group is read once for all of its rows that follow each other."""
        group = lru_cache(maxsize=1)(self._group)
        for number in numbers:
            place = int(np.searchsorted(self.starts, number, side="right")) - 1
            row, file = number - int(self.starts[place]), self.files[self.groups[place][0]]
            yield Encoded(f"{file}: image {number:,} of all", group(place)[row].as_py() or b"")

    def _group(self, place: int) -> pa.Array:
        number, group = self.groups[place]
        return _column(self.files[number], open_parquet(self.files[number]), "image.bytes", group).field("bytes")


def _labels(file: Path, table: pq.ParquetFile) -> Labels:
    parts = [_column(file, table, "label", group) for group in range(table.num_row_groups)]
    if any(not pa.types.is_integer(part.type) or part.null_count for part in parts):
        raise HarnessError(f"{file}: column 'label' must hold integers, no nulls")
    return np.concatenate([np.zeros(0, np.int64), *(part.to_numpy() for part in parts)]).astype(np.int64)


def _column(file: Path, table: pq.ParquetFile, column: str, group: int) -> pa.Array:
    if [table.schema.column(i).path for i in range(len(table.schema))].count(column) != 1:
        raise HarnessError(f"{file}: not one column {column!r}")
    try:
        return table.read_row_group(group, columns=[column], use_threads=False).column(0).combine_chunks()
    except (pa.ArrowException, OSError) as error:
        raise HarnessError(f"{file}: column {column!r}: {error}") from error


@dataclass
class _Sample:
    """One sample of a shard, while its members are met: where its picture lies, and its label."""

    place: tuple[int, int] | None = None
    label: int | None = None


class TarShards:
    """Shards of webdataset: members ``KEY.jpg`` and ``KEY.cls`` (a number), or ``KEY.json`` with a ``label``."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.places: list[tuple[Path, str, int, int]] = []  # file, key, first byte, bytes
        labels: list[int] = []
        for file in files:
            for key, sample in _samples(file).items():
                if sample.place is None or sample.label is None:
                    raise HarnessError(f"{file}: sample {key!r} has no {'label' if sample.place else 'picture'}")
                self.places.append((file, key, *sample.place))
                labels.append(sample.label)
        self.labels: Labels = np.array(labels, dtype=np.int64)

    def read(self, numbers: Sequence[int]) -> Iterator[Encoded]:
        """Yield members, by their places in the shards."""
        for file, key, start, size in (self.places[number] for number in numbers):
            try:
                with file.open("rb") as shard:
                    shard.seek(start)
                    yield Encoded(f"{file}: sample {key!r}", shard.read(size))
            except OSError as error:
                raise HarnessError(f"{file}: {error.strerror}") from error


def _samples(file: Path) -> dict[str, _Sample]:
    samples: dict[str, _Sample] = {}
    try:
        with tarfile.open(file, mode="r:") as archive:
            for member in archive:
                if member.isreg() and member.size <= LARGEST_IMAGE:
                    _take(samples, file, archive, member)
                archive.members = []  # type: ignore[attr-defined] # a list of millions otherwise
    except (tarfile.TarError, OSError, EOFError) as error:
        raise HarnessError(f"{file}: broken archive: {error}") from error
    return samples


def _take(samples: dict[str, _Sample], file: Path, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    folder, _, name = member.name.rpartition("/")
    stem, _, suffix = name.partition(".")
    sample = samples.setdefault(f"{folder}/{stem}".lstrip("/"), _Sample())
    if f".{suffix.lower()}" in PICTURES:
        sample.place = (member.offset_data, member.size)
    elif suffix in ("cls", "json"):
        content = archive.extractfile(member)
        label = _label(content.read() if content else b"", suffix)
        if label is None and suffix == "cls":
            raise HarnessError(f"{file}: {member.name}: no number of a class")
        sample.label = label if label is not None else sample.label


def _label(content: bytes, suffix: str) -> int | None:
    try:
        found = json.loads(content)
    except ValueError:
        return None
    label = found.get("label") if suffix == "json" and isinstance(found, dict) else found
    return label if type(label) is int else None
