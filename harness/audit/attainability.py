"""Can n values of the table have the printed means and stds, in all columns at once?

In the spirit of the GRIM and SPRITE tests. What is checked is necessary, not sufficient: that some weights p over the
architectures, sum 1, have the printed means and mean squares in every column (a linear programme), where no member
lies farther from a mean than s sqrt(n - 1), the farthest that one of n values can (Samuelson's inequality). True
mixtures have weights in multiples of 1/n, which is not asked. Whatever is infeasible is impossible, for the
population std and for the sample std alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.audit.finding import Finding, Severity, Verdict
from harness.audit.printed import EPS
from harness.audit.published_rows import PublishedRow
from harness.audit.table import (
    NAMES,
    READING,
    VERSION_SLACK,
    Floats,
    TableRow,
    TableValues,
    listed,
    printed_row,
    table_rows,
)

RULE = "attainability"
INFEASIBLE = 2  # scipy's word for it; where it fails otherwise, nothing is claimed
MOST_RUNS = 30  # tried where the stated number of runs is impossible


def attainability(lines: Sequence[PublishedRow], table: TableValues) -> list[Finding]:
    """Test every row of means with spread; means without std need only lie in the table's range."""
    known: dict[tuple[object, ...], Tested | None] = {}
    findings = []
    for row in table_rows(lines):
        if row.key not in known:
            known[row.key] = _tested(row, table)
        found = known[row.key]
        if found is not None:
            blamed = tuple(row.cells[k] for k in found.blamed) or None
            findings.append(Finding(RULE, found.severity, row.cells, found.evidence, found.verdict, blamed))
    return findings


@dataclass(frozen=True)
class Tested:
    """What is said of a row, whoever's it is. ``blamed``: the columns without any one of which it could be."""

    severity: Severity
    evidence: str
    verdict: Verdict
    blamed: tuple[int, ...] = ()


def _tested(row: TableRow, table: TableValues) -> Tested | None:
    if not (row.std > 0).any():
        return _in_range(row, table)
    if feasible(row, table.accuracy, np.full(len(row.mean), READING), row.n):
        text = f"{printed_row(row)}: no column contradicts the others ({_tested_for(row)})"
        return Tested("info", text, "consistent")
    slack = VERSION_SLACK[row.columns]
    if feasible(row, table.accuracy, slack, row.n):
        text = f"{printed_row(row)}: possible only if table versions differ, by up to {listed(slack, 1)} "
        text += f"({_tested_for(row)})"
        return Tested("info", text, "consistent")
    return _impossible(row, table, slack)


def _in_range(row: TableRow, table: TableValues) -> Tested | None:
    """Report means beyond the table's best and worst; rows without spread are the rule `attribution`'s."""
    values, slack = table.accuracy[:, row.columns], VERSION_SLACK[row.columns]
    low, high = values.min(axis=0) - slack - row.half, values.max(axis=0) + slack + row.half
    outside = np.flatnonzero((row.mean < low - EPS) | (row.mean > high + EPS))
    if not len(outside):
        return None
    text = f"{printed_row(row)} is outside of the table, {listed(values.min(axis=0))} to {listed(values.max(axis=0))}"
    return Tested("error", text, "inconsistent", tuple(outside.tolist()))


def feasible(row: TableRow, accuracy: Floats, slack: Floats, n: int | None) -> bool:
    """Tell whether the necessary conditions can be met by n runs (None: any number).

    ``accuracy`` [architectures, 6]; ``slack`` [k]: how far the values that the paper read may lie from the table's.
    """
    from scipy.optimize import linprog

    deviation = accuracy[:, row.columns] - row.mean
    spread = np.isfinite(row.std)
    most = np.where(spread, row.std + row.std_half, np.inf)
    if n is not None:
        reach = most * np.sqrt(n - 1) + row.half + slack + EPS
        deviation = deviation[(np.abs(deviation) <= reach).all(axis=1)]
    if not len(deviation):
        return False
    least = np.maximum(row.std - row.std_half, 0.0)[spread] ** 2 * (1.0 if n is None else (n - 1) / n)
    low, high = deviation - slack, deviation + slack
    squares = np.stack([low**2, high**2])[:, :, spread]
    smallest = np.where((low < 0) & (high > 0), 0.0, np.minimum(low**2, high**2))[:, spread]
    # low <= half, high >= -half, smallest squares <= most, largest squares >= least
    conditions = np.concatenate([low.T, -high.T, smallest.T, -squares.max(axis=0).T])
    bounds = np.concatenate([row.half, row.half, most[spread] ** 2 + row.half[spread] ** 2, -least]) + 1e-7
    result = linprog(
        np.zeros(len(deviation)), conditions, bounds, np.ones((1, len(deviation))), [1.0], (0, None), method="highs"
    )
    return bool(result.status != INFEASIBLE)


def _impossible(row: TableRow, table: TableValues, slack: Floats) -> Tested:
    """Say what cannot be, and what would make it possible: other runs, or one column less."""
    text = f"{_runs(row)} has {printed_row(row)}, even where table versions differ"
    more = range((row.n or MOST_RUNS) + 1, MOST_RUNS + 1)
    enough = next((n for n in more if feasible(row, table.accuracy, slack, n)), None)
    if enough:
        text += f"; {enough} runs could"
    others = [
        k for k in range(len(row.numbers)) if feasible(_without(row, k), table.accuracy, np.delete(slack, k), row.n)
    ]
    if others:
        text += f"; it could be without {' or without '.join(NAMES[row.columns[k]] for k in others)}"
    return Tested("error", text, "inconsistent", tuple(others))


def _without(row: TableRow, k: int) -> TableRow:
    """Return the row without one of its columns."""
    return replace(
        row,
        numbers=row.numbers[:k] + row.numbers[k + 1 :],
        columns=np.delete(row.columns, k),
        mean=np.delete(row.mean, k),
        half=np.delete(row.half, k),
        std=np.delete(row.std, k),
        std_half=np.delete(row.std_half, k),
    )


def _runs(row: TableRow) -> str:
    return "no set of architectures, however large," if row.n is None else f"no set of {row.n} architectures"


def _tested_for(row: TableRow) -> str:
    return f"necessary conditions, {'any number of' if row.n is None else row.n} runs"
