"""Rows without spread are one architecture: which one, or under which other columns they would be one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations

import numpy as np

from harness.audit.finding import Finding
from harness.audit.printed import EPS
from harness.audit.published_rows import PublishedRow
from harness.audit.table import (
    COLUMNS,
    NAMES,
    READING,
    VERSION_SLACK,
    Floats,
    Integers,
    TableRow,
    TableValues,
    listed,
    printed_row,
    table_rows,
)

MOST_NAMED = 4  # architectures named in one finding
CONTROLS = 40
CHANCE = 0.05  # accidental matches expected, below which a match says something
RULE = "attribution"


def attribution(lines: Sequence[PublishedRow], table: TableValues) -> list[Finding]:
    """Identify the architecture of every row of at least two columns whose printed std is 0 throughout."""
    rows = [row for row in table_rows(lines) if len(row.numbers) > 1 and (row.std == 0).all()]
    return [_attributed(row, table) for row in rows]


def _attributed(row: TableRow, table: TableValues) -> Finding:
    exact = np.flatnonzero(row.matches(table.accuracy, 0.0))
    if len(exact):
        return _found(row, exact, 0.0, table)
    near = np.flatnonzero(row.matches(table.accuracy, READING))
    return _found(row, near, READING, table) if len(near) == 1 else _nobody(row, len(near), table)


def _found(row: TableRow, found: Integers, slack: float, table: TableValues) -> Finding:
    names = ", ".join(table.name(i) for i in found[:MOST_NAMED])
    how = "" if slack == 0 else f" (within {slack})"
    if len(found) == 1:
        place = (table.accuracy[:, row.columns[0]] <= table.accuracy[found[0], row.columns[0]]).mean()
        text = f"std 0: {names}{how}, the only architecture with {printed_row(row)}; "
        text += f"{100 * place:.1f}% of the table are no better on {NAMES[row.columns[0]]}"
        return Finding(RULE, "info", row.cells, text, "attributed")
    more = "" if len(found) <= MOST_NAMED else f" and {len(found) - MOST_NAMED} more"
    text = f"std 0, so one architecture: {len(found)} have {printed_row(row)}{how}: {names}{more}"
    return Finding(RULE, "info", row.cells, text, "ambiguous")


def _nobody(row: TableRow, near: int, table: TableValues) -> Finding:
    """Report a row that is nobody's, with the likeliest other reading of its columns or its nearest architecture."""
    head = f"std 0, yet no architecture has {printed_row(row)}"
    readings = _readings(row, table, np.zeros(len(row.mean)))
    chance = float(np.mean([len(_readings(row, table, offset)) for offset in _offsets(len(row.mean))]))
    best = ""
    if readings:
        columns, found = readings[0]
        best = f"{table.name(found)} has it as {', '.join(NAMES[column] for column in columns)}"
    if readings and chance < CHANCE:
        text = f"{head} there, but {best}; {chance:.2f} such readings are expected by chance"
        moved = tuple(c for c, old, new in zip(row.cells, row.columns, columns, strict=True) if old != new)
        return Finding(RULE, "error", row.cells, text, "inconsistent", moved)
    if near:
        text = f"{head} (within {READING}: {near})"
    else:
        distance = np.abs(table.accuracy[:, row.columns] - row.mean)
        nearest = int(distance.max(axis=1).argmin())
        text = f"{head}: the nearest, {table.name(nearest)}, has {listed(table.accuracy[nearest, row.columns], 3)}"
    if readings:
        text += f". {best}, but {chance:.1f} such readings are expected by chance"
    possible = row.matches(table.accuracy, VERSION_SLACK[row.columns]).any()
    text += ". Table versions differ by as much" if possible else ". Table versions do not differ by so much"
    return Finding(RULE, "warning" if possible else "error", row.cells, text, "unexplained")


def _readings(row: TableRow, table: TableValues, offset: Floats) -> list[tuple[tuple[int, ...], int]]:
    """Return other columns [k] under which the row, moved by ``offset`` [k], is an architecture's, and whose.

    Those that move the fewest columns come first.
    """
    near = np.abs(table.accuracy[:, None, :] - (row.mean + offset)[:, None]) <= row.half[:, None] + EPS
    having = [
        [set(np.flatnonzero(near[:, k, column]).tolist()) for column in range(len(COLUMNS))]
        for k in range(len(row.mean))
    ]
    readings = []
    for columns in permutations(range(len(COLUMNS)), len(row.mean)):
        moved = sum(new != old for new, old in zip(columns, row.columns, strict=True))
        found = set.intersection(*(having[k][column] for k, column in enumerate(columns))) if moved else set()
        readings += [(moved, columns, architecture) for architecture in found]
    return [(columns, architecture) for _, columns, architecture in sorted(readings)]


def _offsets(columns: int) -> Iterator[Floats]:
    """Yield shifts of the printed values by a tenth to half a point, always the same ones."""
    generator = np.random.default_rng(0)
    for _ in range(CONTROLS):
        yield generator.uniform(0.1, 0.5, columns) * generator.choice((-1.0, 1.0), columns)
