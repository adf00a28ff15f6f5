"""Where ImageNet lies on disk, and in which layout: facts and look-up only, no torch, no image is opened.

Below the data root, a folder ``imagenet`` holds one of these:

- folders of classes: ``train/<wnid>/*`` and ``val/<wnid>/*``;
- parquet files in Hugging Face's layout: ``train-*.parquet`` and ``validation-*.parquet`` (also in ``data``);
- shards of webdataset: ``*train*.tar`` and ``*val*.tar``, whose samples have a picture and a label (``cls``).

The classes are numbered in the order of their wnids, as Hugging Face's labels are.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from harness.data.sources import DataMissing, Part, first_existing, missing
from harness.errors import HarnessError

Kind = Literal["folders", "parquet", "webdataset"]
CLASS_FOLDERS: dict[Part, str] = {"train": "train", "test": "val"}
SHARDS: dict[Kind, dict[Part, str]] = {
    "parquet": {"train": "train-*.parquet", "test": "validation-*.parquet"},
    "webdataset": {"train": "*train*.tar", "test": "*val*.tar"},
}


@dataclass(frozen=True)
class LargeSource:
    """Facts of a data set whose images are of any size. ``counts``: of all that lies on disk.

    ``side``: of the square that every image becomes in the cache; ``sample``: how many training images are drawn at
    random, for the weights and for the architecture of a search; None: all of them, in their order.
    """

    name: str
    classes: int
    counts: dict[Part, int]
    folder: str
    side: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    sample: tuple[int, int] | None = None

    @property
    def training_images(self) -> int:
        """Return how many images train."""
        return sum(self.sample) if self.sample else self.counts["train"]


# Sizes, means and deviations: ILSVRC2012 and the ImageNet code of DARTS, P-DARTS and PC-DARTS.
IMAGENET = LargeSource(
    name="imagenet",
    classes=1000,
    counts={"train": 1_281_167, "test": 50_000},
    folder="imagenet",
    side=256,
    mean=(123.675, 116.28, 103.53),
    std=(58.395, 57.12, 57.375),
)
# PC-DARTS, section 4.3: two random subsets of the training set, 10% for the weights and 2.5% for the architecture.
IMAGENET_SAMPLE = replace(IMAGENET, name="imagenet_sample", sample=(128_116, 32_029))
LARGE = {source.name: source for source in (IMAGENET, IMAGENET_SAMPLE)}


@dataclass(frozen=True)
class FoundLarge:
    """What lies on disk. ``files``: shards by part, or the folders of the classes."""

    kind: Kind
    path: Path
    files: dict[Part, list[Path]]


def locate_large(source: LargeSource, root: Path | None) -> FoundLarge:
    """Find a data set and its layout; raise `DataMissing` where it is absent, `HarnessError` where it is not whole."""
    for folder in (source.folder, f"{source.folder}/data"):
        path = first_existing(root, (folder,))
        found = _found_in(source, path) if path else None
        if found:
            return found
    places = [f"{source.folder}/{what}" for what in ("train/<wnid>", "train-*.parquet", "*train*.tar")]
    remedy = (
        "get ILSVRC2012 from https://www.image-net.org, or imagenet-1k from Hugging Face, and put it there; its images "
        f"are kept once more at {source.side}x{source.side}, which takes {gigabytes(cache_bytes(source)):.0f} GB"
    )
    raise missing(f"dataset {source.name}", root, places, remedy)


def cache_bytes(source: LargeSource) -> int:
    """Return the size of the resized images of both parts."""
    return (source.training_images + source.counts["test"]) * 3 * source.side**2


def gigabytes(size: int) -> float:
    """Return bytes in units of 10^9."""
    return size / 1e9


def _found_in(source: LargeSource, path: Path) -> FoundLarge | None:
    if (path / CLASS_FOLDERS["train"]).is_dir():
        return FoundLarge("folders", path, _class_folders(source, path))
    for kind, patterns in SHARDS.items():
        files = {part: sorted(path.glob(pattern)) for part, pattern in patterns.items()}
        if not files["train"]:
            continue
        if not files["test"]:
            raise DataMissing(f"dataset {source.name}: no {patterns['test']} beside {files['train'][0]}")
        for file in (*files["train"], *files["test"]):
            if not file.is_file():  # whoever opens a pipe waits for its other end
                raise HarnessError(f"{file}: not a regular file")
        return FoundLarge(kind, path, files)
    return None


def _class_folders(source: LargeSource, path: Path) -> dict[Part, list[Path]]:
    """Return the folders of all classes, the same in both parts."""
    found: dict[Part, list[Path]] = {}
    for part, name in CLASS_FOLDERS.items():
        if not (path / name).is_dir():
            raise DataMissing(f"dataset {source.name}: {path / name}: No such folder")
        found[part] = sorted(entry for entry in (path / name).iterdir() if entry.is_dir())
        if not found[part]:
            raise HarnessError(f"{path / name}: no folder of a class; sort the images into folders by their wnid first")
    train, test = ({folder.name for folder in found[part]} for part in ("train", "test"))
    if train != test:
        odd = sorted(train ^ test)[0]
        raise HarnessError(f"{path}: class {odd} has a folder in {'train' if odd in train else 'val'} alone")
    if len(train) != source.classes:
        raise HarnessError(f"{path}: {len(train):,} folders of classes, expected {source.classes:,}")
    return found


def images_of(folder: Path) -> list[Path]:
    """Return the files of a class in the order of their names; what begins with a dot is left out."""
    return sorted(Path(entry.path) for entry in os.scandir(folder) if entry.is_file() and entry.name[0] != ".")


def listing_checksum(found: FoundLarge, part: Part) -> str:
    """Identify a part by the names and sizes of its files: 16 hex digits of a sha256.

    Their content is hashed when images are resized (`harness.data.resized`): all of it has 140 GB.
    """
    digest = hashlib.sha256()
    for file, size in _sizes(found, part):
        digest.update(f"{file.relative_to(found.path)}\0{size}\n".encode())
    return digest.hexdigest()[:16]


def _sizes(found: FoundLarge, part: Part) -> Iterator[tuple[Path, int]]:
    for path in found.files[part]:
        files = images_of(path) if found.kind == "folders" else [path]
        yield from ((file, file.stat().st_size) for file in files)
