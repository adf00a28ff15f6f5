"""Fetching official archives, on explicit request only."""

from __future__ import annotations

from pathlib import Path

import pooch

from harness.data.sources import CIFAR
from harness.errors import HarnessError, nearest


def download(name: str, root: Path) -> Path:
    """Fetch the official archive of a data set into ``root/name`` and return its path; a good copy is kept.

    The file is checked against the publisher's md5 before it takes its place. Raises `HarnessError` for a
    data set without a download, a failed transfer or a wrong checksum.
    """
    if name not in CIFAR:
        raise HarnessError(f"no download for dataset {name!r}{nearest(name, CIFAR)}")
    archive = CIFAR[name].archive
    try:
        path = pooch.retrieve(archive.url, f"md5:{archive.md5}", fname=archive.file, path=root / name)
    except (OSError, ValueError) as error:  # transfer (requests' errors are OSErrors); checksum
        raise HarnessError(f"download of {archive.url} failed: {' '.join(str(error).split())}") from error
    return Path(path)
