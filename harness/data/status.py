"""Which data sets are at hand, without reading them all."""

from __future__ import annotations

from pathlib import Path

from harness.data.encoded import first_image, open_parquet
from harness.data.imagenet import part_name
from harness.data.large import LARGE, LargeSource, cache_bytes, gigabytes, locate_large
from harness.data.resized import folder as cache_folder
from harness.data.resized import made
from harness.data.sources import (
    CIFAR,
    FOLDERS,
    CifarSource,
    DataStatus,
    FolderSource,
    FoundCifar,
    Part,
    locate_cifar,
    locate_folder,
    parquet_files,
)
from harness.errors import HarnessError

PNG = b"\x89PNG"
IMAGE_BYTES = 3 * 32 * 32


def status(root: Path | None) -> list[DataStatus]:
    """Return one line per known data set under the data root."""
    digits = DataStatus("digits", True, None, 1797, None, "embedded in scikit-learn")
    folders = (_folder(source, root) for source in FOLDERS.values())
    large = (_large(source, root) for source in LARGE.values())
    return [digits, *(_cifar(source, root) for source in CIFAR.values()), *folders, *large]


def _folder(source: FolderSource, root: Path | None) -> DataStatus:
    """Say whether the files are there; how many images they hold is only known once they are read."""
    try:
        where = locate_folder(source, root)["train"][0].parent
    except HarnessError as error:
        return DataStatus(source.name, False, None, None, None, str(error))
    return DataStatus(source.name, True, where, sum(source.counts.values()), None, "official files")


def _large(source: LargeSource, root: Path | None) -> DataStatus:
    """Say which layout is there, and how much of it is resized; how many images it has is known once they are."""
    where = None
    try:
        found = locate_large(source, root)
        where = found.path
        images: dict[Part, int] = {"train": source.training_images, "test": source.counts["test"]}
        ready = sum(n * made(part_name(source, found, part), source.side, n) for part, n in images.items())
        total = sum(images.values())
        size = f"{gigabytes(cache_bytes(source)):.0f} GB in {cache_folder()}"
    except HarnessError as error:
        return DataStatus(source.name, False, where, None, None, str(error))
    note = f"{found.kind}; {ready / total:.0%} resized to {source.side}x{source.side}, which takes {size}"
    return DataStatus(source.name, True, where, total, None, note)


def _cifar(source: CifarSource, root: Path | None) -> DataStatus:
    where = None
    try:
        found = locate_cifar(source, root)
        where = found.path
        count, note = _describe(source, found)
    except HarnessError as error:
        return DataStatus(source.name, False, where, None, None, str(error))
    return DataStatus(source.name, True, where, count, None, note)


def _describe(source: CifarSource, found: FoundCifar) -> tuple[int, str]:
    """Count the images of a CIFAR source, as far as sizes of files tell, and say which kind of copy it is."""
    expected = sum(source.counts.values())
    if found.kind == "archive":
        size = found.path.stat().st_size
        if size != source.archive.size:
            raise HarnessError(f"{found.path}: {size:,} bytes, the official archive has {source.archive.size:,}")
        return expected, "official archive"
    if found.kind == "folder":
        return _describe_folder(source, found.path)
    files = [file for part in source.counts for file in parquet_files(found.path, part)]
    count = sum(open_parquet(file).metadata.num_rows for file in files)
    lossless = first_image(files[0]).startswith(PNG)
    kind = "parquet, PNG" if lossless else "parquet, JPEG: not the lossless originals, not canonical"
    return count, _complete(kind, count, expected)


def _describe_folder(source: CifarSource, folder: Path) -> tuple[int, str]:
    """Count the images that the files of an official folder have room for."""
    count = 0
    for part, members in source.members.items():
        share = source.counts[part] // len(members)
        for path in (folder / member for member in members):
            if path.is_file() and path.stat().st_size > share * IMAGE_BYTES:
                count += share
    return count, _complete("official folder", count, sum(source.counts.values()))


def _complete(kind: str, count: int, expected: int) -> str:
    return kind if count == expected else f"{kind}; incomplete: {count:,} of {expected:,} images"
