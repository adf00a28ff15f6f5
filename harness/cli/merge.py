"""``merge``: the records of several folders in one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from harness.runner.merge import merge
from harness.runner.store import Store


def merge_folders(folders: Sequence[Path], results: Path) -> int:
    """Merge, and say how many records came from where; return 0."""
    merged = merge(folders, Store(results))
    for folder, count in merged.taken.items():
        typer.echo(f"{folder}: {count} of {merged.found[folder]} records taken")
    typer.echo(f"{sum(merged.taken.values())} records merged, {merged.known} were there; records: {results}")
    return 0
