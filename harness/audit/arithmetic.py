"""Printed differences, and tables that must be symmetric."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.audit.finding import Finding
from harness.audit.lines import Line, Number
from harness.audit.printed import EPS

MOSTLY = 0.8  # of a square table's pairs must be equal for the others to be mistakes


def differences(lines: Sequence[Line]) -> list[Finding]:
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


def _minuend(line: Line, delta: Number) -> list[Number]:
    """Return the number of the same row that a difference belongs to."""
    return [n for n in line.numbers if n.quantity.kind == "accuracy" and _facts(n) == _facts(delta)]


def _facts(number: Number) -> tuple[object, ...]:
    column = number.column
    return column.dataset, column.split, column.training_epochs, column.top


Deltas = list[tuple[Number, Number]]


def _explained(deltas: Deltas, reference: Line) -> tuple[Deltas, Deltas]:
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


def _value(reference: Line, number: Number) -> Number:
    return next(n for n in reference.numbers if n.quantity.kind == "accuracy" and _facts(n) == _facts(number))


def symmetry(lines: Sequence[Line]) -> list[Finding]:
    """Check tables whose rows are their columns: both halves equal, the diagonal 1, no negative eigenvalue."""
    tables: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        tables.setdefault((line.suite, line.table), []).append(line)
    return [finding for rows in tables.values() for finding in _square(rows)]


def _square(rows: Sequence[Line]) -> list[Finding]:
    names = [line.row for line in rows]
    cells = {(line.row, n.cell.rsplit("/", 1)[1]): n for line in rows for n in line.numbers}
    if len(rows) < 3 or set(cells) != {(a, b) for a in names for b in names}:
        return []
    pairs = [(cells[a, b], cells[b, a]) for i, a in enumerate(names) for b in names[i + 1 :]]
    wrong = [(x, y) for x, y in pairs if abs(x.printed.mean - y.printed.mean) > EPS]
    if len(wrong) > (1 - MOSTLY) * len(pairs):
        return []
    findings = [_unequal(x, y) for x, y in wrong]
    ones = [cells[a, a] for a in names if abs(cells[a, a].printed.mean - 1.0) > EPS]
    for number in ones if len(ones) < len(names) / 2 else []:
        text = f"{number.printed} on the diagonal of a matrix that has 1 there"
        findings.append(Finding("symmetry", "error", (number.cell,), text, "inconsistent"))
    if not findings:
        matrix = np.array([[cells[a, b].printed.mean for b in names] for a in names])
        lowest = float(np.linalg.eigvalsh(matrix)[0])
        slack = len(names) * max(n.printed.half for n in cells.values())
        every = tuple(n.cell for n in cells.values())
        if lowest < -slack:
            text = f"symmetric, but with the eigenvalue {lowest:.2f}: no matrix of correlations"
            findings.append(Finding("symmetry", "warning", every, text, "inconsistent"))
        else:
            text = f"symmetric, smallest eigenvalue {lowest:.2f}"
            findings.append(Finding("symmetry", "info", every, text, "consistent"))
    return findings


def _unequal(x: Number, y: Number) -> Finding:
    text = f"{x.printed} and, mirrored, {y.printed} in a symmetric table"
    return Finding("symmetry", "error", (x.cell, y.cell), text, "inconsistent")
