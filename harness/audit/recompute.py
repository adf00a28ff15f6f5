"""Rows that the table itself answers: its optimum, fixed architectures, and what is on their edges."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.audit.finding import Finding, graded
from harness.audit.printed import EPS
from harness.audit.published_rows import PublishedRow
from harness.audit.table import VERSION_SLACK, Floats, TableRow, TableValues, table_rows


def optimum(lines: Sequence[PublishedRow], table: TableValues) -> list[Finding]:
    """Compare rows of the best value of every column with the table's maxima."""
    best = table.accuracy.max(axis=0)
    rows = [row for row in table_rows(lines) if row.line.optimum]
    return [f for row in rows for f in _compared("optimum", row, best, "the best architecture of each column")]


def fixed_architecture(lines: Sequence[PublishedRow], table: TableValues) -> list[Finding]:
    """Compare rows of one architecture looked up with its values."""
    findings = []
    for row in table_rows(lines):
        index = None if row.line.architecture is None else table.row_of(row.line.architecture)
        if index is not None:
            findings += _compared("fixed-architecture", row, table.accuracy[index], table.name(index))
    return findings


def _compared(rule: str, row: TableRow, values: Floats, what: str) -> list[Finding]:
    """Sort the cells of a row by how far they lie from the table, a finding for each kind."""
    expected = values[row.columns]
    distance = np.abs(expected - row.mean)
    exact = distance <= row.half + EPS
    near = ~exact & (distance <= row.half + VERSION_SLACK[row.columns] + EPS)
    findings = []
    if exact.any():
        cells = _cells(row, exact)
        findings.append(Finding(rule, "info", cells, f"{what}: as the table has it", "consistent"))
    if near.any():
        text = f"{what}: {_pairs(row, expected, near)}; table versions may differ by so much"
        findings.append(Finding(rule, "info", _cells(row, near), text, "consistent"))
    far = ~exact & ~near
    if far.any():
        text = f"{what}: {_pairs(row, expected, far)}, more than table versions differ"
        findings.append(Finding(rule, "error", _cells(row, far), text, "inconsistent"))
    return findings


def _cells(row: TableRow, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> tuple[str, ...]:
    return tuple(number.cell for number, take in zip(row.numbers, chosen, strict=True) if take)


def _pairs(row: TableRow, expected: Floats, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> str:
    texts = [
        f"{number.column.label} is printed {number.percent} and {value:.3f} in the table"
        for number, value, take in zip(row.numbers, expected, chosen, strict=True)
        if take
    ]
    return ", ".join(texts)


def edge_counts(lines: Sequence[PublishedRow], table: TableValues) -> list[Finding]:
    """Compare printed numbers of edges with an operation with the architecture whose index the row prints."""
    place = {int(index): row for row, index in enumerate(table.indices)}
    findings = []
    for line in lines:
        index = next((n.printed.mean for n in line.numbers if n.column.unit == "index"), None)
        for number in line.numbers:
            operation = number.column.operation
            if operation is None or index is None or int(index) not in place:
                continue
            row = place[int(index)]
            count = table.operations(row).count(operation)
            right = count == number.printed.mean
            text = f"{table.name(row)} has {count} edges with {operation}, printed {number.printed}"
            findings.append(graded("edge-counts", right, "error", (number.cell,), text))
    return findings
