"""Tables by the name of their benchmark: what any of them answers, where it lies, how it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from harness.benchmarks.spec import NB201, TableName


class Table(Protocol):
    """What a search asks of a table, whichever it is. ``checksum``: sha256 of its file."""

    checksum: str

    def accuracies(self, archs: list[str] | tuple[str, ...]) -> dict[str, list[float]]:
        """Return ``{"cifar10/test/200": [percent per architecture], ...}``: all that it has of all of them."""
        ...


def locate(name: TableName, root: Path | None) -> Path:
    """Return a table's file under a data root; raise `DataMissing` where there is none."""
    if name == NB201:
        from harness.benchmarks import nb201

        return nb201.locate_table(root)
    from harness.benchmarks import nb101

    return nb101.locate_table(root)


def read(name: TableName, path: Path) -> Table:
    """Read and check a table's file; raise `HarnessError`."""
    if name == NB201:
        from harness.benchmarks.nb201 import Nb201Table

        return Nb201Table.load(path)
    from harness.benchmarks.nb101 import Nb101Table

    return Nb101Table.load(path)
