"""One door to every data set, by name."""

from __future__ import annotations

from pathlib import Path

from harness.data.cifar import load_cifar
from harness.data.digits import TRAIN_IMAGES, load_digits
from harness.data.folders import load_folder
from harness.data.imagenet import load_large
from harness.data.images import Dataset
from harness.data.large import LARGE
from harness.data.sources import CIFAR, FOLDERS
from harness.errors import HarnessError, nearest

NAMES = ("digits", *CIFAR, *FOLDERS, *LARGE)


def load_dataset(name: str, root: Path | None, *, limit: int | None = None, test: bool = True) -> Dataset:
    """Load a data set from the data root ``root`` (`digits` needs none).

    ``limit``: only that many first training images; ``test``: whether to read the test images, else
    ``Dataset.test`` is empty. Both make reading cheap where less is needed; the fingerprint tells what was
    read.

    Raises `HarnessError` for an unknown name, a limit beyond the set, or broken files, and `DataMissing` for
    files that are not there. Nothing is ever downloaded here.
    """
    if name not in NAMES:
        raise HarnessError(f"unknown dataset {name!r}{nearest(name, NAMES)}")
    small = CIFAR.get(name) or FOLDERS.get(name)
    large = LARGE.get(name)
    count = small.counts["train"] if small else large.training_images if large else TRAIN_IMAGES
    if limit is not None and not 1 <= limit <= count:
        raise HarnessError(f"dataset {name}: limit {limit} is not in 1..{count}")
    if name in CIFAR:
        return load_cifar(CIFAR[name], root, limit=limit, test=test)
    if name in FOLDERS:
        return load_folder(FOLDERS[name], root, limit=limit, test=test)
    if name in LARGE:
        return load_large(LARGE[name], root, limit=limit, test=test)
    return load_digits(limit=limit, test=test)
