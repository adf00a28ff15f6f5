"""From what was measured of a table's rows to the verdicts on their cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.analysis.aggregate import Summary, summarise
from harness.analysis.architectures import claims_one_architecture, judge_architecture, on_benchmark
from harness.analysis.bands import Judgement, Printed, Verdict, describe_band, judge_recomputed
from harness.analysis.cells import NOT_COMPARABLE, CellVerdict, RowVerdict, TableVerdict
from harness.analysis.evidence import Evidence
from harness.analysis.means import Mean, judge_means
from harness.analysis.measured import Context, Measured, answering, measure_row, row_values
from harness.analysis.measures import COSTS, COUNTED, MEASURED
from harness.analysis.protocol import deviations, overrides
from harness.benchmarks.spec import READING, VERSIONS
from harness.suite.loaded import LoadedSuite
from harness.suite.published import PublishedCell
from harness.suite.schema import Depends, Rule, Suite, ToleranceBand, Unjudged
from harness.suite.training import trains_a_cell

Means = Mapping[str, Sequence[str]]  # table/row -> the columns whose numbers are judged as means


def judge_tables(loaded: LoadedSuite, comparable: bool, evidence: Evidence) -> tuple[TableVerdict, ...]:
    """Judge the rows that the plan runs, or says why it does not; others were not selected.

    ``comparable``: the profile follows the papers' protocol; only then are published numbers judged.
    """
    context, plan = Context(loaded, comparable, evidence), evidence.plan
    tables = []
    for key, table in loaded.suite.tables.items():
        named = [row for row in table.rows if f"{key}/{row}" in plan.rows or f"{key}/{row}" in plan.not_run]
        if named:
            means = declared_means(key, context)
            tables.append(TableVerdict(key, table, tuple(_judge_row(f"{key}/{row}", means, context) for row in named)))
    return tuple(tables)


def declared_means(table: str, context: Context) -> Means:
    """Return the numbers of a table that can be measured and are judged as means.

    What the suite declares decides, not what was selected, is at hand or has been run.
    """
    found = {}
    for name in context.suite.tables[table].rows:
        row, printed = f"{table}/{name}", context.published.get(f"{table}/{name}", {})
        if any(_runs(row, column, context) for column in printed) and not _is_certain(row, context):
            one = _of_one_architecture(list(printed.values()))
            found[row] = [column for column, cell in printed.items() if cell not in one and _is_mean(cell, context)]
    return found


def _runs(row: str, column: str, context: Context) -> bool:
    """Tell whether something can be run that answers a column."""
    table, _, name = context.loaded.behind(row, column).partition("/")
    return context.loaded.why_not_run(table, name) is None


def _of_one_architecture(printed: Sequence[PublishedCell]) -> list[PublishedCell]:
    return on_benchmark(printed) if claims_one_architecture(printed) else []


def _is_certain(row: str, context: Context) -> bool:
    """Tell whether a row is computed without chance."""
    table, _, name = row.partition("/")
    if context.loaded.why_not_run(table, name) is not None or not context.loaded.computes(table, name):
        return False
    return context.loaded.resolve_computation(table, name, runs=1).deterministic


def _is_mean(cell: PublishedCell, context: Context) -> bool:
    if not _runs(f"{cell.table}/{cell.row}", cell.column_name, context):
        return False
    bound = cell.column_name in context.suite.tables[cell.table].rows[cell.row].measures
    measurable = bound or cell.column.metric in MEASURED or context.loaded.computes(cell.table, cell.row)
    banded = isinstance(_band(cell, context.suite), ToleranceBand)
    return measurable and banded


def _band(cell: PublishedCell, suite: Suite) -> Rule | None:
    """Return the rule for a number; a cost is judged only by a band that its own cell gives."""
    own = suite.tables[cell.table].rows[cell.row].values[cell.index]
    band = cell.band if cell.column.metric not in COSTS else None if own is None else own.band
    return None if isinstance(band, Unjudged) else band


def _judge_row(row: str, means: Means, context: Context) -> RowVerdict:
    table, _, name = row.partition("/")
    plan, evidence = context.evidence.plan, context.evidence
    measured = measure_row(row, context)
    judged = _judged(row, measured, means, context)
    cells = {}
    for cell in measured:
        word = _concluded(cell, judged.get(cell.column), context)
        rests_on = evidence.done(answering(row, cell.column, context)) if cell.values else ()
        behind = context.loaded.behind(row, cell.column)
        declared, changed = deviations(context.suite, behind, evidence), overrides(context.suite, behind, evidence)
        proof = tuple(outcome.id for outcome in rests_on)
        cells[cell.column] = replace(word, evidence=proof, deviations=declared, overrides=changed)
    columns, entry = context.suite.tables[table].columns, context.suite.tables[table].rows[name]
    laid_out = tuple(cells.get(column) for column in columns)
    trials = tuple(trial.id for trial in evidence.all_of_row(row))
    return RowVerdict(row, entry, laid_out, trials, plan.not_run.get(row))


def _concluded(cell: Measured, judged: CellVerdict | None, context: Context) -> CellVerdict:
    """Give a cell its word: what a band says counts only where all is measured."""
    blank = CellVerdict(cell.column, cell.published, cell.ours, None, "NOT JUDGED", "")
    if cell.settled is not None:
        return replace(blank, verdict=cell.settled[0], reason=cell.settled[1])
    if cell.missing is not None:
        so_far = f"; so far {judged.verdict}: {judged.reason}" if judged else ""
        return replace(judged or blank, verdict="INCOMPLETE", reason=cell.missing + so_far)
    return judged or replace(blank, reason=_why_not(cell, context))


def _why_not(cell: Measured, context: Context) -> str:
    if not context.comparable:
        return f"{NOT_COMPARABLE}: a smaller protocol"
    if cell.published is None:
        return "a table of our own"
    row = context.published[f"{cell.published.table}/{cell.published.row}"]
    if cell.published in _of_one_architecture(list(row.values())):
        return "one architecture by its std of 0, and not all of the row's numbers are there to be judged"
    if isinstance(cell.published.band, Unjudged):
        return cell.published.band.because
    if _band(cell.published, context.suite) is None:
        return "time on another machine, and no band of its own"
    return "an exact band judges what is recomputed without chance"


def _judged(row: str, measured: Sequence[Measured], means: Means, context: Context) -> dict[str, CellVerdict]:
    """Apply the bands to what is measured of a row, by column: a recomputation, one architecture, or means."""
    cells = {c.column: c for c in measured if context.comparable and c.published and c.values and not c.settled}
    if _is_certain(row, context):
        return {column: _recomputed(cell, context) for column, cell in cells.items() if _is_banded(cell, context)}
    table, _, name = row.partition("/")
    columns, number = means.get(row, ()), sum(map(len, means.values()))
    judged = _judge_means(columns, cells, number, context) | _sizes(row, cells, context)
    if depends := context.suite.tables[table].rows[name].depends:
        other = {column: _as_in(depends.row, cell, context) for column, cell in cells.items()}
        others = _judge_means(columns, {c: cell for c, cell in other.items() if cell.values}, number, context)
        judged = {c: _depending(found, others.get(c), depends, context) for c, found in judged.items()}
    return judged | _one_architecture(row, cells, context)


def _sizes(row: str, cells: Mapping[str, Measured], context: Context) -> dict[str, CellVerdict]:
    """Judge the sizes of a published cell's network: code counts them without chance."""
    table, _, name = row.partition("/")
    if not trains_a_cell(context.loaded, table, name):
        return {}
    sizes = {column: cell for column, cell in cells.items() if context.suite.columns[column].metric in COUNTED}
    return {column: _recomputed(cell, context) for column, cell in sizes.items() if _is_banded(cell, context)}


def _is_banded(cell: Measured, context: Context) -> bool:
    return cell.published is not None and _band(cell.published, context.suite) is not None


def _whole(cell: Measured) -> tuple[PublishedCell, Summary, Printed]:
    assert cell.published is not None and cell.ours is not None, "measured, and printed"
    value = cell.published.value
    printed = Printed(value.mean, value.std, cell.published.n, value.decimals, cell.published.scatter)
    return cell.published, cell.ours, printed


def _recomputed(cell: Measured, context: Context) -> CellVerdict:
    """Judge a number without chance; one of the benchmark may be of another of its versions."""
    published, ours, printed = _whole(cell)
    versions = VERSIONS[str(published.column.dataset)] if on_benchmark([published]) else 0.0
    band = _band(published, context.suite)
    assert ours.mean is not None and band is not None
    judgement = judge_recomputed(band, printed, ours.mean, versions)
    other = judgement.verdict == "DRIFT" and versions > 0
    reason = f"no farther than versions of the benchmark differ, {versions:g}" if other else describe_band(band)
    return CellVerdict(cell.column, published, ours, judgement, judgement.verdict, reason)


def _judge_means(
    columns: Sequence[str], cells: Mapping[str, Measured], number: int, context: Context
) -> dict[str, CellVerdict]:
    means = {}
    for column in columns:
        if column in cells:
            published, ours, printed = _whole(cells[column])
            band = _band(published, context.suite)
            assert isinstance(band, ToleranceBand), "declared a mean"
            means[column] = Mean(band, printed, ours, cells[column].values)
    return {
        column: CellVerdict(
            column, cells[column].published, cells[column].ours, found.mean, found.verdict, found.reason, found.spread
        )
        for column, found in judge_means(columns, means, number).items()
    }


def _as_in(row: str, cell: Measured, context: Context) -> Measured:
    """Return a cell with what the trials of another row give."""
    values = row_values(row, cell.column, context)
    return replace(cell, values=values, ours=summarise(values, len(values)))


def _depending(found: CellVerdict, other: CellVerdict | None, depends: Depends, context: Context) -> CellVerdict:
    """Say beside a verdict on which setting of ours it depends, and what another choice gives."""
    label = context.loaded.label(*depends.row.split("/"))
    gives = f"gives {other.verdict}" if other else "is not run"
    return replace(found, reason=f"{found.reason}; depends on {depends.setting}: {label}, {gives}")


def _one_architecture(row: str, cells: Mapping[str, Measured], context: Context) -> dict[str, CellVerdict]:
    """Judge the cells of a row that claims one architecture, all of them by one and the same count."""
    claimed = _of_one_architecture(list(context.published.get(row, {}).values()))
    columns = [cell.column_name for cell in claimed]
    if not columns or any(column not in cells for column in columns):
        return {}
    if len({len(cells[column].values) for column in columns}) > 1:
        return {}
    found = judge_architecture(claimed, np.array([cells[column].values for column in columns]).T)
    reason = f"{found.text}; {found.reason}" if found.reason else found.text
    return {column: _counted(cells[column], found.verdict, reason) for column in columns}


def _counted(cell: Measured, verdict: Verdict, reason: str) -> CellVerdict:
    published, ours, printed = _whole(cell)
    assert ours.mean is not None
    judgement = Judgement(ours.mean - printed.mean, None, READING, READING, verdict)
    return CellVerdict(cell.column, published, ours, judgement, verdict, reason)
