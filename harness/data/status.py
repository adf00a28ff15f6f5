"""What data is at hand, without reading it all."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from harness.data.encoded import first_image, open_parquet
from harness.data.sources import CIFAR, NB201_TABLE, CifarSource, FoundCifar, first_existing, locate_cifar
from harness.errors import HarnessError

PNG = b"\x89PNG"


@dataclass(frozen=True)
class DataStatus:
    """One line of `status`.

    ``count``: images (training and test) or rows; ``fingerprint``: only where it is cheap, the sha256 of a
    table.
    """

    name: str
    available: bool
    where: Path | None
    count: int | None
    fingerprint: str | None
    note: str


def status(root: Path | None) -> list[DataStatus]:
    """Return one line per known data set and table under the data root."""
    digits = DataStatus("digits", True, None, 1797, None, "embedded in scikit-learn")
    return [digits, *(_cifar(source, root) for source in CIFAR.values()), _nb201(root)]


def _cifar(source: CifarSource, root: Path | None) -> DataStatus:
    try:
        found = locate_cifar(source, root)
        count, note = _describe(source, found)
    except HarnessError as error:
        return DataStatus(source.name, False, None, None, None, str(error))
    return DataStatus(source.name, True, found.path, count, None, note)


def _describe(source: CifarSource, found: FoundCifar) -> tuple[int, str]:
    """Count the images of a CIFAR source and say which kind of copy it is."""
    expected = sum(source.counts.values())
    if found.kind != "parquet":
        return expected, f"official {found.kind}"
    files = [file for part in source.counts for file in sorted(found.path.glob(f"{part}-*.parquet"))]
    count = sum(open_parquet(file).metadata.num_rows for file in files)
    lossless = first_image(files[0]).startswith(PNG)
    kind = "parquet, PNG" if lossless else "parquet, JPEG: not the lossless originals, not canonical"
    return count, kind if count == expected else f"{kind}; incomplete: {count:,} of {expected:,} images"


def _nb201(root: Path | None) -> DataStatus:
    path = first_existing(root, NB201_TABLE)
    if path is None:
        return DataStatus("nb201", False, None, None, None, f"looked for {', '.join(NB201_TABLE)}")
    try:
        count = open_parquet(path).metadata.num_rows
    except HarnessError as error:
        return DataStatus("nb201", False, path, None, None, str(error))
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    return DataStatus("nb201", True, path, count, checksum, "NAS-Bench-201 table")
