"""Printed counts of parameters and multiply-adds against what code counts of the published cell.

Only rows that exactly one cell explains, without reservation: of a row of several cells (a mean of four, the best of
ten) it is not known which networks it is of. Nor is it of a cell of another search space (five blocks, operations that
no supernet of ours has), whose networks have sizes of their own. These are left alone. A cell that was read off a
drawing explains what it fits and accuses nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from harness.audit.finding import Finding, Verdict, graded
from harness.audit.known_networks import NETWORKS
from harness.audit.printed import EPS
from harness.audit.published_rows import COUNTS, Number, PublishedRow
from harness.spaces.cells import PublishedArchitecture, load_cells
from harness.spaces.registry import published
from harness.spaces.space import Counts, Size, Space

CLASSES = {"cifar10": 10, "cifar100": 100, "imagenet": 1000}
MILLION = 1e6
Row = tuple[PublishedRow, Number]
PLAIN, FULL = "convolutions and linear layers", "convolutions, linear layers, batch norms and ReLUs"


class Comparison(NamedTuple):
    """A printed count beside ours of a published cell, all in millions; ``ours``: by convention of counting."""

    line: PublishedRow
    number: Number
    name: str
    cell: PublishedArchitecture
    size: Size
    ours: dict[str, float]

    @property
    def fitting(self) -> list[str]:
        """Return the conventions whose count is printed."""
        return [convention for convention, value in self.ours.items() if _fits(self.number, value)]

    @property
    def word(self) -> Verdict:
        """Return what the print is; a cell that was read off a drawing accuses nothing."""
        if self.fitting:
            return "consistent"
        if any(_cut(self.number, value) for value in self.ours.values()):
            return "ambiguous"
        return "unexplained" if self.cell.drawn else "inconsistent"


def compare(lines: Sequence[PublishedRow]) -> list[Comparison]:
    """Return printed counts in millions with those of the cell that explains the row.

    A network is 20 cells of 36 channels on CIFAR and 14 of 48 on ImageNet, unless the cell says otherwise.
    """
    cells = explaining()
    found = []
    for line in lines:
        name = f"{line.table}/{line.row}"
        for number in line.numbers if name in cells else ():
            if (ours := _ours(number, cells[name][1])) is not None:
                found.append(Comparison(line, number, *cells[name], *ours))
    return found


def counts(lines: Sequence[PublishedRow]) -> list[Finding]:
    """Report every `compare`, and columns that count in two ways."""
    findings: list[Finding] = []
    conventions: dict[str, dict[str, list[Row]]] = {}
    for one in compare(lines):
        findings.append(_finding(one))
        if one.number.quantity.kind == "flops" and len(one.fitting) == 1:
            by_convention = conventions.setdefault(one.line.table, {})
            by_convention.setdefault(one.fitting[0], []).append((one.line, one.number))
    return [*findings, *_mixed(conventions), *_made_by_hand(lines)]


def _made_by_hand(lines: Sequence[PublishedRow]) -> Iterator[Finding]:
    """Compare the parameters of networks that nobody searched for, whose definition is public."""
    for line in lines:
        for number in line.numbers:
            name, count = NETWORKS.get((line.who, str(number.quantity.dataset)), ("", int))
            if name and number.quantity.kind == "parameters" and number.column.unit == "M":
                ours = count() / MILLION
                text = f"{line.label}: {number.column.label} {number.printed} M; {name} has {ours:.2f} M of parameters"
                yield graded("counts", _fits(number, ours), "warning", (number.cell,), text)


def explaining() -> dict[str, tuple[str, PublishedArchitecture]]:
    """Return by table/row the one cell that explains it, of those that are architectures of their space."""
    named: dict[str, list[tuple[str, str]]] = {}
    for name, cell in load_cells().items():
        for row in cell.explains:
            named.setdefault(row.partition(" (")[0], []).append((row, name))
    single = {row: said[0][1] for row, said in named.items() if [whole for whole, _ in said] == [row]}
    cells = {row: (name, load_cells()[name]) for row, name in single.items()}
    return {row: one for row, one in cells.items() if _own(published(one[1].space), one[1].architecture)}


def _own(space: Space, architecture: str) -> bool:
    """Tell whether an architecture is one of the space: as many nodes, no other operations."""
    edges = space.operations(architecture)
    nodes = {cell: {group.nodes[row] for group, row in space.rows(cell)} for cell in space.cell_types}
    known = {edge.operation for cell in edges.values() for edge in cell} <= set(space.names())
    return known and all({edge.node for edge in edges[cell]} == nodes[cell] for cell in nodes)


def _ours(number: Number, cell: PublishedArchitecture) -> tuple[Size, dict[str, float]] | None:
    """Return the network and what it counts, in millions, by convention; None where the column does not tell."""
    space, dataset = published(cell.space), number.quantity.dataset
    size = space.large if dataset == "imagenet" else space.standard
    known = number.quantity.kind in COUNTS and dataset in CLASSES and number.column.unit == "M"
    if not known or dataset is None or size is None:
        return None
    if dataset == "imagenet" and cell.imagenet_channels is not None:
        size = replace(size, channels=cell.imagenet_channels)
    side = 224 if dataset == "imagenet" else 32
    return size, _values(number, space.counts(cell.architecture, size, CLASSES[dataset], side))


def _values(number: Number, found: Counts) -> dict[str, float]:
    if number.quantity.kind == "parameters":
        return {"parameters": found.parameters / MILLION}
    full = found.multiplications + found.elementwise
    return {PLAIN: found.multiplications / MILLION, FULL: full / MILLION}


def _finding(one: Comparison) -> Finding:
    number, size = one.number, one.size
    network = f"{size.cells} cells of {size.channels} channels of {one.name}"
    said = " and ".join(f"{value:.2f} M of {convention}" for convention, value in one.ours.items())
    text = f"{one.line.label}: {number.column.label} {number.printed} M; {network} have {said}"
    if one.fitting and len(one.ours) > 1:
        text += f": the print counts {' or '.join(one.fitting)}"
    text += {"ambiguous": ": cut off, not rounded", "unexplained": ", read off a drawing"}.get(one.word, "")
    return Finding("counts", "warning" if one.word == "inconsistent" else "info", (number.cell,), text, one.word)


def _fits(number: Number, value: float) -> bool:
    return abs(number.printed.mean - value) <= number.printed.half + EPS


def _cut(number: Number, value: float) -> bool:
    """Tell whether the print is a count without its further digits."""
    unit = 2 * number.printed.half
    return math.isclose(math.floor(value / unit) * unit, number.printed.mean, abs_tol=EPS)


def _mixed(conventions: dict[str, dict[str, list[Row]]]) -> Iterator[Finding]:
    """Report tables whose multiply-adds are of both conventions, so that their rows do not compare."""
    for by_convention in conventions.values():
        if len(by_convention) > 1:
            said = (
                f"{convention} ({', '.join(f'{line.label} {number.printed}' for line, number in rows)})"
                for convention, rows in by_convention.items()
            )
            cells = tuple(number.cell for rows in by_convention.values() for _, number in rows)
            text = f"One column, two ways to count multiply-adds: {'; '.join(said)}"
            yield Finding("counts", "info", cells, text, "inconsistent")
