"""Where data comes from and where it lies on disk: facts and look-up only, no torch.

The data root is a folder, by convention the one that ``HARNESS_DATA`` names. For ``cifar10`` it may hold, at
its top or in a folder ``cifar10``, the official folder or archive, or parquet files in Hugging Face's column
layout (``cifar10/train-*.parquet``, ``cifar10/test-*.parquet``); ``cifar100`` likewise;
``nb201/nb201.parquet``; ``nb101/nb101_oneshot.parquet`` and ``nb101/nb101.parquet``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from harness.errors import HarnessError

DATA_VARIABLE = "HARNESS_DATA"
Part = Literal["train", "test"]


class DataMissing(HarnessError):
    """Data that is not on disk: what, where it was looked for, and how to get it."""


@dataclass(frozen=True)
class Archive:
    """An official download. ``size`` in bytes; ``md5`` as its publisher states it."""

    file: str
    url: str
    size: int
    md5: str


@dataclass(frozen=True)
class CifarSource:
    """Facts of CIFAR-10 or CIFAR-100 in every layout that can be read.

    ``members``: files of the official folder by part; ``label_key``: its entry that holds the labels;
    ``label_column``: the same in parquet files; ``mean`` and ``std``: per channel, in units of 0..255.
    """

    name: str
    classes: int
    counts: dict[Part, int]
    folder: str
    archive: Archive
    members: dict[Part, tuple[str, ...]]
    label_key: bytes
    label_column: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    crop_padding: int


# Means, deviations and padding: AutoDL-Projects, get_dataset_with_transform.py. Sizes and checksums: the
# publisher's page, https://www.cs.toronto.edu/~kriz/cifar.html.
CIFAR10 = CifarSource(
    name="cifar10",
    classes=10,
    counts={"train": 50_000, "test": 10_000},
    folder="cifar-10-batches-py",
    archive=Archive(
        "cifar-10-python.tar.gz",
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        170_498_071,
        "c58f30108f718f92721af3b95e74349a",
    ),
    members={"train": tuple(f"data_batch_{i}" for i in range(1, 6)), "test": ("test_batch",)},
    label_key=b"labels",
    label_column="label",
    mean=(125.3, 123.0, 113.9),
    std=(63.0, 62.1, 66.7),
    crop_padding=4,
)
CIFAR100 = CifarSource(
    name="cifar100",
    classes=100,
    counts={"train": 50_000, "test": 10_000},
    folder="cifar-100-python",
    archive=Archive(
        "cifar-100-python.tar.gz",
        "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
        169_001_437,
        "eb9058c3a382ffc7106e4002c42a8d85",
    ),
    members={"train": ("train",), "test": ("test",)},
    label_key=b"fine_labels",
    label_column="fine_label",
    mean=(129.3, 124.1, 112.4),
    std=(68.2, 65.4, 70.4),
    crop_padding=4,
)
CIFAR = {source.name: source for source in (CIFAR10, CIFAR100)}


@dataclass(frozen=True)
class FolderSource:
    """Facts of a data set that is read from its publisher's files in one folder. ``remedy``: how to get them."""

    name: str
    classes: int
    counts: dict[Part, int]
    folder: str
    members: dict[Part, tuple[str, ...]]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    crop_padding: int
    remedy: str


# Cropped digits. Means and deviations: those of the code of RobustDARTS and DARTS-PT.
SVHN = FolderSource(
    name="svhn",
    classes=10,
    counts={"train": 73_257, "test": 26_032},
    folder="svhn",
    members={"train": ("train_32x32.mat",), "test": ("test_32x32.mat",)},
    mean=(111.61, 113.17, 120.56),
    std=(50.49, 51.26, 50.24),
    crop_padding=4,
    remedy="get its files from http://ufldl.stanford.edu/housenumbers and put them there",
)
SVHN_EXTRA = replace(
    SVHN,
    name="svhn_extra",
    counts={"train": 73_257 + 531_131, "test": 26_032},
    members={"train": ("train_32x32.mat", "extra_32x32.mat"), "test": ("test_32x32.mat",)},
)
# The first 120 classes of ImageNet at 16x16. Means, deviations and padding: AutoDL-Projects.
IMAGENET16_120 = FolderSource(
    name="imagenet16_120",
    classes=120,
    counts={"train": 151_700, "test": 6_000},
    folder="ImageNet16",
    members={"train": tuple(f"train_data_batch_{i}" for i in range(1, 11)), "test": ("val_data",)},
    mean=(122.68, 116.66, 104.01),
    std=(63.22, 61.26, 65.09),
    crop_padding=2,
    remedy="get ImageNet16 as NAS-Bench-201 links it and put its batches there",
)
FOLDERS = {source.name: source for source in (SVHN, SVHN_EXTRA, IMAGENET16_120)}
COUNTS: dict[str, dict[Part, int]] = {
    **{name: source.counts for name, source in CIFAR.items()},
    **{name: source.counts for name, source in FOLDERS.items()},
}


def locate_folder(source: FolderSource, root: Path | None) -> dict[Part, list[Path]]:
    """Find the files of a source by part; raise `DataMissing` where the folder, or one of them, is absent."""
    folder = first_existing(root, (source.folder,))
    if folder is None:
        raise missing(f"dataset {source.name}", root, (source.folder,), source.remedy)
    found = {part: [folder / name for name in names] for part, names in source.members.items()}
    for file in (file for files in found.values() for file in files):
        if not os.path.isfile(file):
            raise DataMissing(f"dataset {source.name}: {file}: No such file or directory; {source.remedy}")
    return found


NB201_TABLE = ("nb201/nb201.parquet", "nb201.parquet")
NB101_TABLE = ("nb101/nb101.parquet", "nb101.parquet")
NB101_ONESHOT = ("nb101/nb101_oneshot.parquet", "nb101_oneshot.parquet")  # of it, what NAS-Bench-1Shot1 needs
# Extracts with one training run of a cell, or with none: no table, and of no weight in a verdict.
NB101_EXTRACTS = {
    "nb101/nb101_one_trial.parquet": "valid accuracies, one trial each: no verdict",
    "nb101/nb101_test_one_trial.parquet": "test accuracies, one trial each: no verdict",
    "nb101/nb1shot1_cells.parquet": "cells without accuracies: no verdict",
}


def data_root() -> Path | None:
    """Return the folder that ``HARNESS_DATA`` names, or None where it is unset or empty.

    Raises `DataMissing` where it names something that is not a folder.
    """
    value = os.environ.get(DATA_VARIABLE, "")
    if not value:
        return None
    root = os.path.expanduser(value)  # an unknown user stays as written
    if not os.path.isdir(root):  # asks nothing of the folder; also for names too long, and without permission
        raise DataMissing(f"{DATA_VARIABLE}={value} is not a folder")
    return Path(root)


def first_existing(root: Path | None, places: Sequence[str]) -> Path | None:
    """Return the first of ``places`` (paths relative to ``root``) that exists, or None."""
    if root is None:
        return None
    return next((root / place for place in places if os.path.exists(root / place)), None)


def missing(what: str, root: Path | None, places: Sequence[str], remedy: str) -> DataMissing:
    """Word the error for data that is absent; ``remedy`` says how to get it."""
    where = f"under {root}" if root is not None else f"({DATA_VARIABLE} is not set)"
    return DataMissing(f"{what} not found {where}: looked for {', '.join(places)}; {remedy}")


@dataclass(frozen=True)
class FoundCifar:
    """What of a CIFAR source lies on disk: the official folder or archive, or a folder of parquet files."""

    kind: Literal["folder", "archive", "parquet"]
    path: Path


def locate_cifar(source: CifarSource, root: Path | None) -> FoundCifar:
    """Find a CIFAR source, the official (lossless) layouts first; raise `DataMissing` where there is none.

    An official folder without its training files is an error, and not passed over for another copy.
    """
    folders = (f"{source.name}/{source.folder}", source.folder)
    archives = (f"{source.name}/{source.archive.file}", source.archive.file)
    if folder := first_existing(root, folders):
        absent = [name for name in source.members["train"] if not os.path.isfile(folder / name)]
        if absent:
            raise DataMissing(f"dataset {source.name}: {folder / absent[0]}: No such file or directory")
        return FoundCifar("folder", folder)
    if archive := first_existing(root, archives):
        _check_regular([archive])
        return FoundCifar("archive", archive)
    if root is not None and parquet_files(root / source.name, "train"):
        return FoundCifar("parquet", root / source.name)
    places = (*folders, *archives, f"{source.name}/train-*.parquet")
    official = source.archive
    remedy = f"get {official.url} ({official.size:,} bytes, md5 {official.md5}) and put it there"
    raise missing(f"dataset {source.name}", root, places, remedy)


def parquet_files(folder: Path, part: Part) -> list[Path]:
    """Return the parquet files of a part, in their order; raise `DataMissing` for one that is no regular file."""
    files = sorted(folder.glob(f"{part}-*.parquet"))
    _check_regular(files)
    return files


def _check_regular(files: Sequence[Path]) -> None:
    """Whoever opens a pipe waits for its other end."""
    for file in files:
        if not os.path.isfile(file):
            raise DataMissing(f"{file}: not a regular file")


@dataclass(frozen=True)
class DataStatus:
    """What is known of a data set or table. ``where``: None where there is none; ``count``: images or rows.

    ``fingerprint``: only where it is cheap, the sha256 of a table.
    """

    name: str
    available: bool
    where: Path | None
    count: int | None
    fingerprint: str | None
    note: str

    @property
    def state(self) -> str:
        """Say it in a word or two; what is there may still be none that can be used."""
        return "at hand" if self.available else "missing" if self.where is None else "unusable"
