"""Whose network a row prints the counts of, where no cell is public: by multiply-adds and parameters together.

Where a table prints both counts of many networks to the second digit, few multisets of operations fit both at once by
chance: how many would is measured on multiply-adds that nobody printed. What the paper prints of its networks elsewhere
is compared with those that fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from harness.audit.counts import CLASSES, PLAIN, explaining
from harness.audit.finding import Finding
from harness.audit.multisets import SPACE, Integers, Multisets, fits, multisets
from harness.audit.printed import EPS, Printed
from harness.audit.published_rows import COUNTS, Number, PublishedRow
from harness.spaces.operations import operation
from harness.spaces.registry import published
from harness.spaces.space import Size
from harness.text import counted

FINE = 0.005  # half a unit of the second digit
ENOUGH = 5  # rows of a table that tell more than chance
SHIFTS = [unit for unit in range(-200, 201) if abs(unit) > 2]  # units of the last digit, to multiply-adds not printed
SURE = 10  # times as many rows as by chance
WIDTHS, DEPTHS = range(16, 65), range(8, 21)  # channels and cells that a paper may have chosen elsewhere


@dataclass(frozen=True)
class Row:
    """A row that prints both counts of a network that no public cell explains."""

    line: PublishedRow
    flops: Number
    parameters: Number

    @property
    def cells(self) -> tuple[str, str]:
        """Name both numbers."""
        return self.flops.cell, self.parameters.cell

    @property
    def printed(self) -> tuple[Printed, Printed]:
        """Return both numbers."""
        return self.flops.printed, self.parameters.printed

    @property
    def dataset(self) -> str:
        """Return what the network is for."""
        return str(self.flops.quantity.dataset)

    @property
    def said(self) -> str:
        """Say what is printed."""
        return f"{self.line.label}: {self.flops.printed} M and {self.parameters.printed} M"


@dataclass(frozen=True)
class Attributed:
    """A table whose rows are networks of the space; ``found``: by row the pairs of multisets that fit."""

    rows: Sequence[Row]
    found: Mapping[str, Integers]
    chance: float

    @property
    def name(self) -> str:
        """Return the table's name."""
        return self.rows[0].line.table

    @property
    def every(self) -> Integers:
        """Return all that fit, each once."""
        return np.unique(np.concatenate(list(self.found.values())), axis=0)

    @property
    def hits(self) -> int:
        """Return how many rows some network fits."""
        return sum(len(found) > 0 for found in self.found.values())


def fingerprint(lines: Sequence[PublishedRow]) -> list[Finding]:
    """Report tables of networks without a public cell whose counts are those of networks of the space."""
    findings: list[Finding] = []
    fine = [row for line in lines if (row := _row(line)) and all(p.half <= FINE + EPS for p in row.printed)]
    for _, of_table in groupby(fine, key=lambda row: (row.line.suite, row.line.table)):
        table = _attributed(list(of_table))
        if table is not None:
            findings += [_summary(table), *(_of_row(row, table) for row in table.rows), *_elsewhere(table, lines)]
    return findings


def _row(line: PublishedRow) -> Row | None:
    found = {number.quantity.kind: number for number in line.numbers if number.column.unit == "M"}
    known = all(kind in found and found[kind].quantity.dataset in CLASSES for kind in COUNTS)
    if not known or f"{line.table}/{line.row}" in explaining():
        return None
    return Row(line, found["flops"], found["parameters"])


def _standard(dataset: str) -> Size:
    space = published(SPACE)
    size = space.large if dataset == "imagenet" else space.standard
    assert size is not None, "the space has networks for ImageNet"
    return size


def _attributed(rows: Sequence[Row]) -> Attributed | None:
    """Return what fits the rows of a table; None where that could be chance, or where most are other networks."""
    if len(rows) < ENOUGH:
        return None
    known = multisets(_standard(rows[0].dataset), rows[0].dataset)
    found = {row.line.row: known.fitting(*row.printed) for row in rows}
    table = Attributed(rows, found, sum(_by_chance(known, row) for row in rows))
    return table if table.hits > max(len(rows) / 2, SURE * table.chance) else None


def _by_chance(known: Multisets, row: Row) -> float:
    """Return the share of multiply-adds nearby, which nobody printed, that some network of these parameters has."""
    flops, parameters = row.printed
    found = known.with_parameters(parameters)
    shifted = (flops.mean + 2 * flops.half * shift for shift in SHIFTS)
    return float(np.mean([bool((np.abs(found - asked) <= flops.half + EPS).any()) for asked in shifted]))


def _network(size: Size) -> str:
    return f"{size.cells} cells of {size.channels} channels"


def _summary(table: Attributed) -> Finding:
    """Say how many rows are networks of the space, and what all that fit have in common."""
    cells = tuple(cell for row in table.rows if len(table.found[row.line.row]) for cell in row.cells)
    size = _standard(table.rows[0].dataset)
    text = (
        f"{table.hits} of {len(table.rows)} rows of {table.name} print multiply-adds ({PLAIN}) and parameters of one "
        f"network of the DARTS space, {_network(size)}; {table.chance:.1f} would by chance. In all that fit, "
    )
    known = multisets(size, table.rows[0].dataset)
    text += "; ".join(_content(known, table.every, place) for place in range(len(known.kinds)))
    return Finding("fingerprint", "info", cells, text, "consistent")


def _content(known: Multisets, pairs: Integers, place: int) -> str:
    """Say how many operations of each sort a cell type has in all that fit, at least and at most."""
    cell = [*known.kinds][place]
    sets, sorts = known.members[cell][pairs[:, place]], dict[str, list[int]]()
    for kind, names in enumerate(known.kinds[cell]):
        labels = {operation(name).label for name in names}
        convolutions = {"separable" for name in names if name.startswith("sep_conv")}
        sorts.setdefault(" or ".join(sorted(convolutions or labels)), []).append(kind)
    said = [f"{_span(np.isin(sets, kinds).sum(1))} are {sort}" for sort, kinds in sorts.items()]
    return f"of the {sets.shape[1]} operations of a {cell} cell " + ", ".join(said)


def _span(values: Integers) -> str:
    low, high = int(values.min()), int(values.max())
    return str(low) if low == high else f"{low} to {high}"


def _of_row(row: Row, table: Attributed) -> Finding:
    found, size = table.found[row.line.row], _standard(row.dataset)
    if len(found):
        text = (
            f"{row.said}: the counts of {counted(len(found), 'multiset')} of operations, {_network(size)}, by {PLAIN}"
        )
        return Finding("fingerprint", "info", row.cells, text, "consistent")
    near = multisets(size, row.dataset).with_parameters(row.parameters.printed)
    text = f"{row.said}: the counts of no network of {_network(size)}"
    if len(near):
        gap = np.abs(near - row.flops.printed.mean).min()
        text += f"; the nearest of so many parameters has {gap:.4f} M more or less"
    return Finding("fingerprint", "info", row.cells, text, "unexplained")


def _elsewhere(table: Attributed, lines: Sequence[PublishedRow]) -> Iterator[Finding]:
    """Compare what the paper prints of its own networks elsewhere with those that fit here."""
    first = table.rows[0].line
    for line in lines:
        own = line.paper == first.paper and line.source is None and line.table != first.table
        if not own or (line.summary is not None and line.summary.take == "mean"):
            continue
        counts = [number for number in line.numbers if number.quantity.kind in COUNTS and number.column.unit == "M"]
        if (row := _row(line)) is not None:
            yield _at_width(row, table)
        elif [number.quantity.kind for number in counts] == ["parameters"]:
            yield _at_depth(line, counts[0], table)


def _at_width(row: Row, table: Attributed) -> Finding:
    """Judge a row of both counts: its network may be scaled in width."""
    size = _standard(row.dataset)
    sizes = [replace(size, channels=width) for width in WIDTHS]
    widths = [s.channels for s in sizes if fits(multisets(s, row.dataset).of(table.every), *row.printed).any()]
    if widths:
        text = f"{row.said}: a network that fits {table.name}, of {' or '.join(map(str, widths))} channels"
        return Finding("fingerprint", "info", row.cells, text, "consistent")
    text = f"{row.said}: no network that fits {table.name} has these counts, whatever its channels"
    if not len(multisets(size, row.dataset).fitting(*row.printed)):
        text += f"; no network at all has them with {_network(size)}"
    return Finding("fingerprint", "warning", row.cells, text, "inconsistent")


def _at_depth(line: PublishedRow, number: Number, table: Attributed) -> Finding:
    """Judge a row of parameters alone, on other images: its network may have fewer cells."""
    dataset, printed = str(number.quantity.dataset), number.printed
    sizes = [replace(_standard(dataset), cells=cells) for cells in DEPTHS]
    parameters = {size.cells: multisets(size, dataset).of(table.every)[:, 0] for size in sizes}
    depths = [cells for cells, of in parameters.items() if (np.abs(of - printed.mean) <= printed.half + EPS).any()]
    text = f"{line.label}: {number.column.label} {printed} M; on {dataset}, {table.name}'s networks have that with "
    if depths:
        text += f"{' or '.join(map(str, depths))} cells of {sizes[0].channels} channels"
        return Finding("fingerprint", "info", (number.cell,), text, "consistent")
    text += f"no number of cells from {DEPTHS[0]} to {DEPTHS[-1]}"
    return Finding("fingerprint", "info", (number.cell,), text, "unexplained")
