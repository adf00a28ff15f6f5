"""What is known of a cell before any band is applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from harness.analysis.aggregate import Summary, summarise
from harness.analysis.bands import Verdict
from harness.analysis.cells import NOT_COMPARABLE
from harness.analysis.evidence import Evidence
from harness.analysis.measures import ACCURACIES, COSTS, COUNTED, MEASURED, claim_value, column_values, trained_value
from harness.analysis.protocol import overrides
from harness.runner.trial import Trial
from harness.suite.loaded import LoadedSuite
from harness.suite.published import PublishedCell, published_cells
from harness.suite.schema import Row, Suite

Word = tuple[Verdict, str]


@dataclass(frozen=True)
class Context:
    """``comparable``: the profile follows the papers' protocol; only then are published numbers judged."""

    loaded: LoadedSuite
    comparable: bool
    evidence: Evidence

    @property
    def suite(self) -> Suite:
        """Return the suite."""
        return self.loaded.suite

    @cached_property
    def published(self) -> Mapping[str, Mapping[str, PublishedCell]]:
        """Return the published numbers by ``table/row`` and column."""
        found: dict[str, dict[str, PublishedCell]] = {}
        for cell in published_cells(self.suite):
            found.setdefault(f"{cell.table}/{cell.row}", {})[cell.column_name] = cell
        return found


@dataclass(frozen=True)
class Measured:
    """One cell. ``values``: one per run, in the column's unit; ``settled``: its word where no band will give it one.

    ``missing``: what is not measured yet, so that whatever a band says is said so far.
    """

    column: str
    published: PublishedCell | None
    values: tuple[float, ...]
    ours: Summary | None
    settled: Word | None
    missing: str | None = None


def measure_row(row: str, context: Context) -> list[Measured]:
    """Return the cells of ``table/row`` in which something is printed; in a table of our own all that it can have."""
    table = context.suite.tables[row.partition("/")[0]]
    published, own = context.published.get(row, {}), table.number == "own"
    shown = [c for c in table.columns if c in published or (own and not _other_trainings(row, c, context))]
    return [_measure(row, column, published.get(column), context) for column in shown]


def _measure(row: str, column: str, published: PublishedCell | None, context: Context) -> Measured:
    facts, evidence = context.suite.columns[column], context.evidence
    trials = answering(row, column, context)
    computed = any(trial.computed for trial in trials)
    if (why := _never_measured(row, column, context)) is not None:
        return Measured(column, published, (), None, ("NOT RUN", why))
    if _says_nothing_of(row, column, trials, context) and column not in _row(row, context).measures:
        why = "its search measures other columns of the row" if _row(row, context).measures else "is not measured yet"
        return Measured(column, published, (), None, ("NOT JUDGED", f"{facts.metric}: {why}"))
    values = row_values(row, column, context)
    ours = summarise(values, sum(trial.runs for trial in trials))
    if computed and not values and evidence.done(trials):
        return Measured(column, published, (), None, ("NOT JUDGED", "the computation says nothing of this column"))
    settled = _settled(row, published, trials, context)
    return Measured(column, published, values, ours, settled, _missing(ours, trials, evidence))


def _never_measured(row: str, column: str, context: Context) -> str | None:
    """Say why there will be no number: nothing is run, or what is trained does not give what a column asks for."""
    evidence, metric = context.evidence, context.suite.columns[column].metric
    if (behind := context.loaded.behind(row, column)) != row:
        return evidence.plan.not_run.get(behind) or (
            None if evidence.trainings(behind) else f"{behind} is not selected"
        )
    if _row(row, context).answered_by:
        return "no row is run for this column"
    if row in evidence.plan.not_run:
        return evidence.plan.not_run[row]
    if _other_trainings(row, column, context):
        return "nothing is trained for it"
    alone = any(trial.trains for trial in evidence.of_row(row))
    return "nothing is searched for it" if alone and metric in COSTS else None


def _other_trainings(row: str, column: str, context: Context) -> bool:
    """Tell whether a row is trained for accuracies, and not for those of a column."""
    trained = context.evidence.plan.trained.get(row)
    asks = context.suite.columns[column].metric in ACCURACIES
    return bool(trained and trained.columns) and asks and trained is not None and column not in trained.columns


def _says_nothing_of(row: str, column: str, trials: Sequence[Trial], context: Context) -> bool:
    """Tell whether trials measure no such column: a computation may say all, a training knows its network's size."""
    metric = context.suite.columns[column].metric
    of_networks = metric in COUNTED and _trained(row, column, context) is not None
    return metric not in MEASURED and not of_networks and not any(trial.computed for trial in trials)


def answering(row: str, column: str, context: Context) -> list[Trial]:
    """Return the trials whose outcomes a column of ``table/row`` is measured by, be they of another row."""
    trained = _trained(row, column, context)
    return context.evidence.of_row(row) if trained is None else trained


def _trained(row: str, column: str, context: Context) -> list[Trial] | None:
    """Return the trainings that answer a column, None where the row's own search or computation does."""
    behind = context.loaded.behind(row, column)
    return context.evidence.trained(row, column) if behind == row else context.evidence.trainings(behind)


def row_values(row: str, column: str, context: Context) -> tuple[float, ...]:
    """Return what the runs of ``table/row`` that ended well give in a column, in its unit."""
    entry, evidence = _row(row, context), context.evidence
    done = evidence.done(answering(row, column, context))
    if (reading := entry.measures.get(column)) is not None:
        return tuple(value for o in done if (value := claim_value([o], reading, entry.stop)) is not None)
    if _trained(row, column, context) is not None:
        reports = evidence.plan.trained[context.loaded.behind(row, column)].reports
        return tuple(trained_value(outcome, context.suite.columns[column], reports) for outcome in done)
    facts = context.suite.columns[column]
    return tuple(value for outcome in done for value in column_values(outcome, column, facts, entry.stop))


def _settled(row: str, published: PublishedCell | None, trials: Sequence[Trial], context: Context) -> Word | None:
    evidence = context.evidence
    if not evidence.done(trials) and not evidence.failed(trials):
        return "NOT RUN", f"there is no record yet: {evidence.shortfall(trials)}"
    behind = row if published is None else context.loaded.behind(row, published.column_name)
    if changed := overrides(context.suite, behind, evidence):
        return "NOT JUDGED", f"{NOT_COMPARABLE}: overridden, {', '.join(changed)}"
    if any(trial.embedded for trial in trials):
        return "NOT JUDGED", f"{NOT_COMPARABLE}: ran on the embedded digits"
    if published is not None and "best" in (published.column.statistic, _row(row, context).statistic):
        return "NOT JUDGED", "the best of several is printed, which no rule judges by a mean"
    return None


def _row(row: str, context: Context) -> Row:
    table, _, name = row.partition("/")
    return context.suite.tables[table].rows[name]


def _missing(ours: Summary, trials: Sequence[Trial], evidence: Evidence) -> str | None:
    """Say what of the plan is not measured; None where all is."""
    if len(evidence.done(trials)) < len(trials):
        return evidence.shortfall(trials)
    return None if ours.complete else f"{ours.coverage} records hold this number"
