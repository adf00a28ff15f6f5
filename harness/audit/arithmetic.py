"""Printed differences, and tables that must be symmetric."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from harness.audit.finding import Finding
from harness.audit.printed import EPS
from harness.audit.published_rows import Number, PublishedRow

MOSTLY = 0.8  # of a square table's pairs must be equal for the others to be mistakes


def differences(lines: Sequence[PublishedRow]) -> list[Finding]:
    """Recompute printed differences from a reference row, which is found as the row of the paper that explains most."""
    findings = []
    for line in lines:
        deltas = [
            (number, delta) for delta in line.numbers if delta.column.difference for number in _minuend(line, delta)
        ]
        others = [other for other in lines if other.paper == line.paper and other.name != line.name]
        graded = [(*_explained(deltas, other), other) for other in others] if deltas else []
        if not graded:
            continue
        right, wrong, reference = max(graded, key=lambda item: (len(item[0]), -len(item[1])))
        if not right:
            cells = tuple(delta.cell for _, delta in deltas)
            text = f"{line.label}: no row of the paper is what these differences are from"
            findings.append(Finding("difference", "warning", cells, text, "unexplained"))
            continue
        text = f"{line.label}: {len(right)} differences from {reference.label} in {reference.name} are right"
        findings.append(Finding("difference", "info", tuple(d.cell for _, d in right), text, "consistent"))
        for number, delta in wrong:
            value = _value(reference, number)
            made = number.printed.mean - value.printed.mean
            text = f"{line.label}, {delta.column.label}: {number.printed} - {value.printed} is {made:.2f}, "
            text += f"printed {delta.printed}"
            findings.append(Finding("difference", "error", (delta.cell,), text, "inconsistent"))
    return findings


def _minuend(line: PublishedRow, delta: Number) -> list[Number]:
    """Return the number of the same row that a difference belongs to."""
    return [n for n in line.numbers if n.quantity.kind == "accuracy" and _facts(n) == _facts(delta)]


def _facts(number: Number) -> tuple[object, ...]:
    column = number.column
    return column.dataset, column.split, column.training_epochs, column.top


Deltas = list[tuple[Number, Number]]


def _explained(deltas: Deltas, reference: PublishedRow) -> tuple[Deltas, Deltas]:
    """Divide differences into those from a reference row and others; rounding may move each of the three numbers."""
    right: Deltas = []
    wrong: Deltas = []
    have = {_facts(n) for n in reference.numbers if n.quantity.kind == "accuracy"}
    for number, delta in deltas:
        if _facts(number) not in have:
            continue
        value = _value(reference, number).printed
        off = abs(number.printed.mean - value.mean - delta.printed.mean)
        slack = number.printed.half + value.half + delta.printed.half
        (right if off <= slack + EPS else wrong).append((number, delta))
    return right, wrong


def _value(reference: PublishedRow, number: Number) -> Number:
    return next(n for n in reference.numbers if n.quantity.kind == "accuracy" and _facts(n) == _facts(number))


@dataclass(frozen=True)
class _Square:
    """A table whose rows are its columns: ``cells[row, column]``."""

    names: list[str]
    cells: dict[tuple[str, str], Number]

    @property
    def mirrored(self) -> list[tuple[Number, Number]]:
        """Return the pairs of both halves."""
        return [(self.cells[a, b], self.cells[b, a]) for i, a in enumerate(self.names) for b in self.names[i + 1 :]]

    @property
    def unequal(self) -> list[tuple[Number, Number]]:
        """Return the pairs that differ."""
        return [(x, y) for x, y in self.mirrored if abs(x.printed.mean - y.printed.mean) > EPS]

    @property
    def odd(self) -> list[Number]:
        """Return what is not 1 on the diagonal."""
        return [self.cells[a, a] for a in self.names if abs(self.cells[a, a].printed.mean - 1.0) > EPS]


def _squares(lines: Sequence[PublishedRow]) -> Iterator[_Square]:
    """Yield the tables that are symmetric but for a few mistakes."""
    tables: dict[tuple[str, str], list[PublishedRow]] = {}
    for line in lines:
        tables.setdefault((line.suite, line.table), []).append(line)
    for rows in tables.values():
        names = [line.row for line in rows]
        square = _Square(names, {(line.row, n.cell.rsplit("/", 1)[1]): n for line in rows for n in line.numbers})
        complete = len(rows) >= 3 and set(square.cells) == {(a, b) for a in names for b in names}
        if complete and len(square.unequal) <= (1 - MOSTLY) * len(square.mirrored):
            yield square


def symmetry(lines: Sequence[PublishedRow]) -> list[Finding]:
    """Check tables whose rows are their columns: both halves equal, no negative eigenvalue."""
    return [finding for square in _squares(lines) for finding in _halves(square)]


def _halves(square: _Square) -> list[Finding]:
    findings = [_unequal(x, y) for x, y in square.unequal]
    if findings:
        return findings
    matrix = np.array([[square.cells[a, b].printed.mean for b in square.names] for a in square.names])
    lowest = float(np.linalg.eigvalsh(matrix)[0])
    slack = len(square.names) * max(n.printed.half for n in square.cells.values())
    halves = tuple(n.cell for pair in square.mirrored for n in pair)
    if lowest < -slack:
        text = f"symmetric, but with the eigenvalue {lowest:.2f}: no matrix of correlations"
        return [Finding("symmetry", "warning", halves, text, "inconsistent")]
    text = f"symmetric, smallest eigenvalue {lowest:.2f}; one half repeats the other"
    return [Finding("symmetry", "info", halves, text, "consistent")]


def _unequal(x: Number, y: Number) -> Finding:
    text = f"{x.printed} and, mirrored, {y.printed} in a symmetric table"
    return Finding("symmetry", "error", (x.cell, y.cell), text, "inconsistent")


def diagonal(lines: Sequence[PublishedRow]) -> list[Finding]:
    """Check that symmetric tables which mostly have 1 on their diagonal have it everywhere there."""
    findings = []
    for square in _squares(lines):
        if 2 * len(square.odd) >= len(square.names):
            continue
        odd = {number.cell for number in square.odd}
        ones = tuple(square.cells[a, a].cell for a in square.names if square.cells[a, a].cell not in odd)
        findings.append(Finding("diagonal", "info", ones, "what correlates with itself has 1", "consistent"))
        for number in square.odd:
            text = f"{number.printed} on the diagonal of a matrix that has 1 there"
            findings.append(Finding("diagonal", "error", (number.cell,), text, "inconsistent"))
    return findings
