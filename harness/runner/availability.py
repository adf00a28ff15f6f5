"""What data a plan can count on: a checksum per dataset, and why a dataset is missing. Reads no image."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from harness.benchmarks.spec import NB201, TABLES
from harness.benchmarks.table import locate
from harness.data.sources import (
    CIFAR,
    COUNTS,
    FOLDERS,
    DataMissing,
    FoundCifar,
    locate_cifar,
    locate_folder,
    parquet_files,
)
from harness.errors import HarnessError
from harness.runner.record import Record
from harness.runner.store import RecordError, Store

# Known without reading a file, and without torch (which `harness.data.digits` needs).
TRAINING_IMAGES = {
    "digits": 1442,
    "imagenet": 1_281_167,
    **{name: counts["train"] for name, counts in COUNTS.items()},
}
TEST_IMAGES = {
    "digits": 355,
    "imagenet": 50_000,
    **{name: counts["test"] for name, counts in COUNTS.items()},
}
TABLE: Final = NB201  # stands beside the datasets: what computed trials read


@dataclass(frozen=True)
class DataAvailability:
    """``checksums``: dataset -> checksum of its training files; ``missing``: dataset -> why it cannot be read.

    A dataset may be in both: missing here, known from records that were made with it (see `with_recorded`).
    """

    checksums: Mapping[str, str]
    missing: Mapping[str, str]


def find_data(names: Iterable[str], root: Path | None) -> DataAvailability:
    """Look for datasets below the data root and hash their training files (20 ms for CIFAR-10 as JPEG).

    The hash is over the files and not over the decoded images, which would take seconds: the same images in
    another container are another dataset here, which is safe. Digits come with scikit-learn.
    """
    checksums: dict[str, str] = {}
    missing: dict[str, str] = {}
    for name in names:
        try:
            checksums[name] = _checksum(_training_files(name, root))
        except HarnessError as error:
            missing[name] = str(error)
        except OSError as error:
            missing[name] = f"dataset {name}: {error.filename}: {error.strerror}"
    return DataAvailability(checksums, missing)


def with_recorded(data: DataAvailability, records: Iterable[Record]) -> DataAvailability:
    """Add the checksums that records name for datasets not at hand, so that their trials are recognised.

    Where records disagree, the one that started last counts.
    """
    known: dict[str, str] = {}
    for record in sorted(records, key=lambda r: r.provenance.started):
        if record.data_checksum is not None:
            known[TABLE if record.values else record.dataset] = record.data_checksum
    return replace(data, checksums={**known, **data.checksums})


def latest_records(store: Store, profile: str) -> list[Record]:
    """Return a profile's record of each dataset that started last; those of the table apart."""
    newest: dict[tuple[str, bool], Record] = {}  # by what was read: images, or the table
    for record in store.read_all(profile):
        if isinstance(record, RecordError) or record.data_checksum is None:
            continue  # said where the trial is judged, or of no use here
        key = (record.dataset, bool(record.values))
        known = newest.get(key)
        if known is None or known.provenance.started <= record.provenance.started:
            newest[key] = record
    return list(newest.values())


def _training_files(name: str, root: Path | None) -> list[Path]:
    if name == "digits":
        package = find_spec("sklearn")  # finds the folder without the second that an import takes
        if package is None or package.origin is None:
            raise DataMissing("dataset digits: scikit-learn is not installed")
        return [Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"]
    if name in TABLES:
        return [locate(name, root)]
    if name in FOLDERS:
        return locate_folder(FOLDERS[name], root)["train"]
    if name not in CIFAR:
        raise DataMissing(f"dataset {name}: there is no reader for its images yet")
    found: FoundCifar = locate_cifar(CIFAR[name], root)
    if found.kind == "parquet":
        return parquet_files(found.path, "train")
    return [found.path] if found.kind == "archive" else [found.path / f for f in CIFAR[name].members["train"]]


def _checksum(files: Iterable[Path]) -> str:
    """Return the first 16 hex digits of a sha256 over the sha256 of every file, in order."""
    total = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()[:16]
