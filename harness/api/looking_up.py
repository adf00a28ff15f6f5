"""`harness.benchmark`: how good a table says that architectures are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

from harness.benchmarks.spec import TABLES, TableFacts, TableName
from harness.benchmarks.table import Table
from harness.data.sources import data_root
from harness.errors import HarnessError, nearest
from harness.runner.evaluate import load_table

SHORT: dict[str, TableName] = {name.removesuffix("-table"): name for name in TABLES}


@dataclass(frozen=True)
class Lookup:
    """A benchmark's table at hand: what it is, and what it says of architectures."""

    name: TableName
    table: Table

    @property
    def facts(self) -> TableFacts:
        """Return what it can be asked for: title, space, data sets, splits, training epochs."""
        return TABLES[self.name]

    def accuracies(self, architecture: str) -> dict[str, float]:
        """Return all that the table has of an architecture, in percent: ``{"cifar10/test/200": 94.37, ...}``."""
        return {key: float(values[0]) for key, values in self.table.accuracies([architecture]).items()}

    @overload
    def accuracy(  # type: ignore[overload-overlap]  # a text is a sequence of texts
        self, architecture: str, dataset: str = "cifar10", split: str = "test", epochs: int | None = None
    ) -> float: ...
    @overload
    def accuracy(
        self, architecture: Sequence[str], dataset: str = "cifar10", split: str = "test", epochs: int | None = None
    ) -> list[float]: ...
    def accuracy(
        self,
        architecture: str | Sequence[str],
        dataset: str = "cifar10",
        split: str = "test",
        epochs: int | None = None,
    ) -> float | list[float]:
        """Return the accuracy (percent) of an architecture, or of each of several, in the notation of the space.

        The mean over the table's training runs; ``epochs``: of training, by default the longest. Raises `HarnessError`
        for an architecture, data set, split or number of epochs that the table does not have.
        """
        key = f"{dataset}/{split}/{self.facts.epochs[0] if epochs is None else epochs}"
        many = [architecture] if isinstance(architecture, str) else list(architecture)
        columns = self.table.accuracies(many)
        if key not in columns:
            raise HarnessError(f"{self.facts.title} has no {key}{nearest(key, columns)}")
        found = [float(value) for value in columns[key]]
        return found[0] if isinstance(architecture, str) else found


def benchmark(name: str) -> Lookup:
    """Open the table of a benchmark, ``nb201`` or ``nb101``, in the folder that ``HARNESS_DATA`` names.

    Raises `HarnessError` for an unknown name, and where the table is not there or cannot be read.

    >>> harness.benchmark("nb201").accuracy("|nor_conv_3x3~0|+|...", "cifar10", "test", 200)  # doctest: +SKIP
    """
    full = SHORT.get(name, name)
    for known in TABLES:
        if known == full:
            return Lookup(known, load_table(data_root(), known))
    raise HarnessError(f"no benchmark {name!r}{nearest(name, SHORT)}")
