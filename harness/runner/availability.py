"""What data a plan can count on: a checksum per dataset, and why a dataset is missing. Reads no image."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from harness.benchmarks.spec import NB201, TABLES
from harness.benchmarks.table import locate
from harness.data.large import LARGE, listing_checksum, locate_large
from harness.data.sources import (
    CIFAR,
    COUNTS,
    FOLDERS,
    DataMissing,
    FoundCifar,
    Part,
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
    **{name: counts["train"] for name, counts in COUNTS.items()},
    **{name: source.training_images for name, source in LARGE.items()},
}
TEST_IMAGES = {
    "digits": 355,
    **{name: counts["test"] for name, counts in COUNTS.items()},
    **{name: source.counts["test"] for name, source in LARGE.items()},
}
TABLE: Final = NB201  # stands beside the datasets: what computed trials read


@dataclass(frozen=True)
class DataAvailability:
    """``checksums``: dataset -> checksum of its training files; ``missing``: dataset -> why it cannot be read.

    A dataset may be in both: missing here, known from records that were made with it (see `with_recorded`). ``tests``
    and ``no_tests``: the same of its test files, which only some trials read.
    """

    checksums: Mapping[str, str]
    missing: Mapping[str, str]
    tests: Mapping[str, str] = field(default_factory=dict)
    no_tests: Mapping[str, str] = field(default_factory=dict)

    def without(self, name: str, why: str) -> DataAvailability:
        """Return the same, one of them missing."""
        checksums = {key: value for key, value in self.checksums.items() if key != name}
        return replace(self, checksums=checksums, missing={**self.missing, name: why})

    def blocks(self, dataset: str, *, test: bool) -> str | None:
        """Return why a trial cannot be run here, None where it can. ``test``: it reads test images."""
        return self.missing.get(dataset) or (self.no_tests.get(dataset) if test else None)


def find_data(names: Iterable[str], root: Path | None) -> DataAvailability:
    """Look for datasets below the data root and hash their files (25 ms for CIFAR-10 as JPEG).

    The hash is over the files and not over the decoded images, which would take seconds: the same images in
    another container are another dataset here, which is safe. Digits come with scikit-learn.
    """
    found: dict[Part, dict[str, str]] = {"train": {}, "test": {}}
    absent: dict[Part, dict[str, str]] = {"train": {}, "test": {}}
    for name in names:
        for part in found:
            if name in TABLES and part == "test":
                continue
            try:
                found[part][name] = _checksum(name, root, part)
            except HarnessError as error:
                absent[part][name] = str(error)
            except OSError as error:
                absent[part][name] = f"dataset {name}: {error.filename}: {error.strerror}"
    no_tests = {name: why for name, why in absent["test"].items() if name not in absent["train"]}
    return DataAvailability(found["train"], absent["train"], found["test"], no_tests)


def with_recorded(data: DataAvailability, records: Iterable[Record]) -> DataAvailability:
    """Add the checksums that records name for datasets not at hand, so that their trials are recognised.

    Where records disagree, the one that started last counts.
    """
    known: dict[str, str] = {}
    for record in sorted(records, key=lambda r: r.provenance.started):
        if record.data_checksum is not None:
            known[_read(record)] = record.data_checksum
    return replace(data, checksums={**known, **data.checksums})


def latest_records(store: Store, profile: str) -> list[Record]:
    """Return a profile's record of each dataset that started last; those of the table apart."""
    newest: dict[tuple[str, str], Record] = {}
    for record in store.read_all(profile):
        if isinstance(record, RecordError) or record.data_checksum is None:
            continue  # said where the trial is judged, or of no use here
        key = (record.dataset, _read(record))
        known = newest.get(key)
        if known is None or known.provenance.started <= record.provenance.started:
            newest[key] = record
    return list(newest.values())


def _read(record: Record) -> str:
    """Say what a record's data checksum is of: the table where it answered values, else the images of its dataset."""
    return TABLE if record.values and record.benchmark_checksum else record.dataset


def _checksum(name: str, root: Path | None, part: Part) -> str:
    if name in LARGE:
        return listing_checksum(locate_large(LARGE[name], root), part)
    return _hashed(_files(name, root, part))


def _files(name: str, root: Path | None, part: Part) -> list[Path]:
    if name == "digits":
        package = find_spec("sklearn")  # finds the folder without the second that an import takes
        if package is None or package.origin is None:
            raise DataMissing("dataset digits: scikit-learn is not installed")
        return [Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"]
    if name in TABLES:
        return [locate(name, root)]
    if name in FOLDERS:
        return locate_folder(FOLDERS[name], root)[part]
    found: FoundCifar = locate_cifar(CIFAR[name], root)
    if found.kind == "parquet":
        files = parquet_files(found.path, part)
        if not files:
            raise DataMissing(f"dataset {name}: no {part}-*.parquet in {found.path}")
        return files
    return [found.path] if found.kind == "archive" else [found.path / f for f in CIFAR[name].members[part]]


def _hashed(files: Iterable[Path]) -> str:
    """Return the first 16 hex digits of a sha256 over the sha256 of every file, in order."""
    total = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()[:16]
