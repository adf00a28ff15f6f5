"""The benchmark's table as the audit needs it: one array, and printed rows in its columns.

How near is a printed value to the table's? Three answers, each for its purpose:

- `READING`: means of the same training runs, read from other files of the benchmark or averaged after rounding,
  differ by 0.01 or 0.02. Architectures are identified within it.
- `VERSIONS`: what other versions of the file may hold. Nothing within it is called impossible.
- rounding: half a unit of the last printed digit, always added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.audit.printed import EPS
from harness.audit.published_rows import Number, PublishedRow
from harness.benchmarks.nb201 import Nb201Table
from harness.benchmarks.spec import DATASETS, SPLITS, VERSIONS
from harness.spaces.registry import published

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

COLUMNS = tuple((dataset, split) for dataset in DATASETS for split in SPLITS)
NAMES = tuple(f"{dataset} {split}" for dataset, split in COLUMNS)
EPOCHS = 200
READING = 0.025
VERSION_SLACK: Floats = np.array([VERSIONS[dataset] for dataset, _ in COLUMNS])
SPACE = published("nb201")
SHORT = dict(zip(SPACE.names(), ("none", "skip", "conv1", "conv3", "pool"), strict=True))


@dataclass(frozen=True)
class TableValues:
    """Official indices [n], strings [n] and accuracies [n, 6] in the order of `COLUMNS`, in percent."""

    indices: Integers
    strings: tuple[str, ...]
    accuracy: Floats

    @classmethod
    def of(cls, table: Nb201Table) -> TableValues:
        """Take the 200-epoch accuracies of a table."""
        columns = [table.accuracy(table.indices, dataset=d, split=s, epochs=EPOCHS) for d, s in COLUMNS]
        return cls(table.indices, table.strings, np.stack(columns, axis=1))

    def name(self, row: int) -> str:
        """Write an architecture for a reader: its index and what is on its edges."""
        return f"index {self.indices[row]} ({' '.join(SHORT[op] for op in self.operations(row))})"

    def operations(self, row: int) -> tuple[str, ...]:
        """Return what is on the edges of an architecture."""
        return tuple(edge.operation for edges in SPACE.operations(self.strings[row]).values() for edge in edges)

    def row_of(self, string: str) -> int | None:
        """Return the row of an architecture; None where a partial table lacks it."""
        return self.strings.index(string) if string in self.strings else None


@dataclass(frozen=True)
class TableRow:
    """The numbers of a published row that the table answers: its columns [k] and the printed accuracies [k]."""

    line: PublishedRow
    numbers: tuple[Number, ...]
    columns: Integers
    mean: Floats
    half: Floats
    std: Floats
    std_half: Floats

    @classmethod
    def of(cls, line: PublishedRow, numbers: Sequence[Number]) -> TableRow:
        """Gather numbers on the table that are of one set of architectures. Stds that are not printed are NaN."""
        printed = [number.percent for number in numbers]
        return cls(
            line=line,
            numbers=tuple(numbers),
            columns=np.array([column_of(number) for number in numbers]),
            mean=np.array([p.mean for p in printed]),
            half=np.array([p.half for p in printed]),
            std=np.array([np.nan if p.std is None else p.std for p in printed]),
            std_half=np.array([p.std_half for p in printed]),
        )

    @property
    def cells(self) -> tuple[str, ...]:
        """Return the names of the cells."""
        return tuple(number.cell for number in self.numbers)

    @property
    def n(self) -> int | None:
        """Return the runs behind the row, where its numbers state one."""
        stated = {number.n for number in self.numbers}
        return stated.pop() if len(stated) == 1 else None

    @property
    def key(self) -> tuple[object, ...]:
        """Return what the row prints, the same for its copies in other tables."""
        return (self.n, *((c, str(number.percent)) for c, number in zip(self.columns, self.numbers, strict=True)))

    def matches(self, accuracy: Floats, slack: float | Floats) -> NDArray[np.bool_]:
        """Tell which architectures have all printed means, up to rounding and ``slack`` [or k]. [n]"""
        near = np.abs(accuracy[:, self.columns] - self.mean) <= self.half + slack + EPS
        return np.asarray(near.all(axis=1))


def column_of(number: Number) -> int | None:
    """Return the table's column that a number is of; None where it has none."""
    quantity = number.quantity
    if not quantity.on_table or quantity.epochs != EPOCHS:
        return None
    return COLUMNS.index((str(quantity.dataset), str(quantity.split)))


def table_rows(lines: Sequence[PublishedRow]) -> list[TableRow]:
    """Return all rows that have numbers on the table; one of a search per dataset falls apart by dataset."""
    rows = []
    for line in lines:
        together: dict[str | None, list[Number]] = {}
        for number in line.numbers:
            if column_of(number) is not None:
                together.setdefault(number.quantity.dataset if line.per_dataset else None, []).append(number)
        rows += [TableRow.of(line, numbers) for numbers in together.values()]
    return rows


def listed(values: Sequence[float] | Floats, decimals: int = 2) -> str:
    """Write values with slashes between them."""
    return " / ".join(f"{value:.{decimals}f}" for value in values)


def printed_row(row: TableRow) -> str:
    """Write a row's accuracies as printed, with slashes between them."""
    return " / ".join(str(number.percent) for number in row.numbers)
