"""``data``: what is at hand, and how to get the rest."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from harness.cli.layout import Rows, emit, thousands
from harness.data.atomic import check_writable
from harness.data.sources import DATA_VARIABLE, NB101_ONESHOT, NB101_TABLE, NB201_TABLE, data_root
from harness.errors import HarnessError

NB101_SUFFIX = ".tfrecord"


def status(layout: str) -> int:
    """Print one line per data set and table."""
    from harness.benchmarks.nb101 import status as nb101_status
    from harness.benchmarks.nb201 import status as nb201_status
    from harness.data.status import status as data_status

    root = data_root()
    typer.echo(f"data root: {root}" if root else f"data root: none, {DATA_VARIABLE} is not set", err=layout != "text")
    rows = [
        (
            line.name,
            line.state,
            line.count,
            None if line.where is None else str(line.where),
            None if line.fingerprint is None else line.fingerprint[:16],
            line.note,
        )
        for line in (*data_status(root), nb201_status(root), *nb101_status(root))
    ]
    emit(Rows(("name", "state", "count", "where", "checksum", "note"), rows, {"count": thousands}), layout)
    return 0


def import_table(source: Path, target: Path | None) -> int:
    """Build a benchmark's table from its official file: NAS-Bench-101's is a ``.tfrecord``."""
    if source.suffix == NB101_SUFFIX:
        return _import_nb101(source, target)
    from harness.benchmarks.nb201_import import import_official

    path = _root() / NB201_TABLE[0] if target is None else target
    count = import_official(source, path)
    typer.echo(f"{path}: {count:,} architectures")
    return 0


def _import_nb101(source: Path, target: Path | None) -> int:
    from harness.benchmarks.nb101_import import import_official

    path = _root() / NB101_TABLE[0] if target is None else target
    oneshot = path.with_name(Path(NB101_ONESHOT[0]).name)
    if path == oneshot:
        raise HarnessError(f"{path}: is the name of the extract that is written beside the table: choose another")
    count, needed = import_official(source, path, oneshot)
    typer.echo(f"{path}: {count:,} cells")
    if needed:
        typer.echo(f"{oneshot}: {needed:,} cells, those of them that NAS-Bench-1Shot1 needs")
    return 0


def download_dataset(name: str) -> int:
    """Fetch an official archive into the data root."""
    from harness.data.download import download

    typer.echo(str(download(name, _root())))
    return 0


def _root() -> Path:
    """Return the data root, made where it is not there yet."""
    if named := os.environ.get(DATA_VARIABLE):
        folder = Path(named).expanduser()
        check_writable(folder)
        folder.mkdir(parents=True, exist_ok=True)
    root = data_root()
    if root is None:
        raise HarnessError(f"set {DATA_VARIABLE} to the folder that is to hold the data")
    return root
