"""Verdicts on published numbers, cell by cell in the paper's own layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.analysis.aggregate import Summary, summarise
from harness.analysis.bands import Judgement, Reference, Verdict, describe_band, judge_band
from harness.analysis.evidence import Evidence
from harness.analysis.measures import COSTS, MEASURED, column_values
from harness.suite.published import PublishedCell, published_cells
from harness.suite.schema import Band, Column, NormalBand, Row, Suite, Table

NOT_COMPARABLE = "not comparable with the paper"


@dataclass(frozen=True)
class CellVerdict:
    """One place of a table: the published number (None in a table of our own) and what was measured.

    ``ours`` is in the column's unit; ``judgement`` is None where no band was applied.
    """

    column: str
    published: PublishedCell | None
    ours: Summary | None
    judgement: Judgement | None
    verdict: Verdict
    reason: str


@dataclass(frozen=True)
class RowVerdict:
    """A row with its verdicts (None where the paper prints nothing) and the ids of its planned trials."""

    key: str
    row: Row
    cells: tuple[CellVerdict | None, ...]
    trials: tuple[str, ...]
    not_run: str | None


@dataclass(frozen=True)
class TableVerdict:
    """A table with the rows that the plan names."""

    key: str
    table: Table
    rows: tuple[RowVerdict, ...]


@dataclass(frozen=True)
class _Context:
    suite: Suite
    comparable: bool
    evidence: Evidence
    published: Mapping[tuple[str, str, int], PublishedCell]


def judge_tables(suite: Suite, comparable: bool, evidence: Evidence) -> tuple[TableVerdict, ...]:
    """Judge the rows that the plan runs, or says why it does not; others were not selected.

    ``comparable``: the profile follows the papers' protocol; only then are published numbers judged.
    """
    published = {(cell.table, cell.row, cell.index): cell for cell in published_cells(suite)}
    context = _Context(suite, comparable, evidence, published)
    plan = evidence.plan
    tables = []
    for key, table in suite.tables.items():
        named = [row for row in table.rows if f"{key}/{row}" in plan.rows or f"{key}/{row}" in plan.not_run]
        if named:
            tables.append(TableVerdict(key, table, tuple(_judge_row(key, row, context) for row in named)))
    return tuple(tables)


def _judge_row(table_key: str, row_key: str, context: _Context) -> RowVerdict:
    key = f"{table_key}/{row_key}"
    table, plan = context.suite.tables[table_key], context.evidence.plan
    cells: list[CellVerdict | None] = []
    for index, column in enumerate(table.columns):
        published = context.published.get((table_key, row_key, index))
        blank = published is None and table.number != "own"
        cells.append(None if blank else _judge_cell(key, column, published, context))
    return RowVerdict(key, table.rows[row_key], tuple(cells), tuple(plan.rows.get(key, ())), plan.not_run.get(key))


def _judge_cell(row: str, column: str, published: PublishedCell | None, context: _Context) -> CellVerdict:
    facts, evidence = context.suite.columns[column], context.evidence
    if row in evidence.plan.not_run:
        return CellVerdict(column, published, None, None, "NOT RUN", evidence.plan.not_run[row])
    trials = evidence.of_row(row)
    computed = any(trial.computed for trial in trials)
    if facts.metric not in MEASURED and not computed:
        return CellVerdict(column, published, None, None, "NOT JUDGED", f"{facts.metric} is not measured yet")
    table_key, _, row_key = row.partition("/")
    stop = context.suite.tables[table_key].rows[row_key].stop
    values = [value for outcome in evidence.done(trials) for value in column_values(outcome, column, facts, stop)]
    ours = summarise(values, sum(trial.runs for trial in trials))
    if computed and not values and evidence.done(trials):
        return CellVerdict(column, published, None, None, "NOT JUDGED", "the computation says nothing of this column")
    held_back = _held_back(row, ours, published, context)
    if held_back is not None:
        return CellVerdict(column, published, ours, None, *held_back)
    band = None if published is None else _band(published, facts, context.suite)
    if published is None or band is None:
        reason = "a table of our own" if published is None else "time on another machine, and no band of its own"
        return CellVerdict(column, published, ours, None, "NOT JUDGED", reason)
    judgement = judge_band(band, _reference(published), ours)
    return CellVerdict(column, published, ours, judgement, judgement.verdict, describe_band(band))


def _held_back(
    row: str, ours: Summary, published: PublishedCell | None, context: _Context
) -> tuple[Verdict, str] | None:
    """Return the verdict of a measurement that no band may judge; None where one may."""
    evidence = context.evidence
    trials = evidence.of_row(row)
    done = len(evidence.done(trials))
    if not done and not evidence.failed(trials):
        return "NOT RUN", f"there is no record yet: {evidence.shortfall(trials)}"
    if any(trial.embedded for trial in trials):
        return "NOT JUDGED", f"{NOT_COMPARABLE}: ran on the embedded digits"
    if done < len(trials):
        return "INCOMPLETE", evidence.shortfall(trials)
    if not ours.complete:
        return "INCOMPLETE", f"{ours.coverage} records hold this number"
    if not context.comparable:
        return "NOT JUDGED", f"{NOT_COMPARABLE}: a smaller protocol"
    return None


def _band(published: PublishedCell, column: Column, suite: Suite) -> Band | None:
    """Return the rule for a number; a cost is judged only by a band that its own cell gives."""
    if column.metric not in COSTS:
        return published.band
    cell = suite.tables[published.table].rows[published.row].values[published.index]
    return None if cell is None else cell.band


def _reference(published: PublishedCell) -> Reference:
    value = published.value
    return Reference(value.mean, value.std, published.n, value.decimals)


def unstated(cell: CellVerdict) -> list[str]:
    """Name what the paper does not state of a number that a normal band needs: its standard error was left out."""
    if cell.judgement is None or cell.published is None or not isinstance(cell.published.band, NormalBand):
        return []
    facts = {"std": cell.published.value.std, "n": cell.published.n}
    return [name for name, fact in facts.items() if fact is None]
