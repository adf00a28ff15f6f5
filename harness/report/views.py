"""Verdicts in words: what tables, pages and terminals show, written once."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from harness.analysis.aggregate import Summary
from harness.analysis.bands import Verdict
from harness.analysis.baselines import BaselineVerdict
from harness.analysis.cells import NOT_COMPARABLE, CellVerdict, RowVerdict, TableVerdict
from harness.analysis.claims import ClaimVerdict
from harness.analysis.coverage import Marks, cell_key
from harness.analysis.difference import ALPHA
from harness.analysis.hypotheses import CONFIDENCE, HypothesisVerdict
from harness.analysis.means import spread_text
from harness.analysis.outcomes import Outcome
from harness.analysis.responses import RESPONSES
from harness.analysis.series import ACCURACY, FIRST_LOSS, LOSS, Series
from harness.analysis.verdicts import SuiteVerdict
from harness.audit.consistency import CONSISTENCIES, Consistency, Mark
from harness.report.command import rerun_command
from harness.spaces.operations import operation
from harness.suite.schema import Claim, Column, Measure, Metric, Row

DECIMALS: dict[Metric, int] = {"search_seconds": 1, "gpu_days": 4}
UNITS = {
    "accuracy": "points", "supernet-accuracy": "points", "discretised-accuracy": "points", "chosen": "edges",
    "strongest": "edges", "rank": "places",
}  # fmt: skip
CLAIMED = {"magnitude": 4, "chosen": 0, "strongest": 0, "agreement": 3}  # decimals of what claims measure, else 2
CRITERIA = {"alpha": "alpha", "perturbation": "perturbation", "strength": "strength", "table": "the table's means"}
STATISTICS = {ACCURACY: "accuracy, %", FIRST_LOSS: "loss, epoch 1", LOSS: "loss, last epoch"}
NOTHING = "—"
CELLS = (
    *("row", "column", "paper", "ours mean ± std (n)", "delta", "width"),
    *("reproduction", "consistency", "why"),
)


@dataclass(frozen=True)
class CellView:
    """A cell: paper | ours mean ± population std (n) | delta | width | both marks.

    ``verdict`` is of reproduction; ``audit``: the other mark, None is UNCHECKED, or not of a printed number.
    ``marks``: how its trials differ from the paper's protocol; they stand beside the verdict wherever that is shown.
    """

    column: str
    paper: str
    ours: str
    delta: str
    width: str
    verdict: Verdict
    reason: str
    printed: bool
    audit: Mark | None
    notes: tuple[str, ...]
    marks: tuple[str, ...]

    @property
    def consistency(self) -> Consistency | None:
        """Return the audit's word; None where nothing is printed."""
        return (self.audit.word if self.audit else "UNCHECKED") if self.printed else None


@dataclass(frozen=True)
class RowView:
    """A row; ``collapsed`` is the verdict and reason where nothing was measured and one line says all."""

    key: str
    label: str
    cells: tuple[CellView | None, ...]
    collapsed: tuple[Verdict, str] | None
    notes: tuple[str, ...]
    command: str | None


def profile_mark(verdict: SuiteVerdict) -> str | None:
    """Return what must stand beside every number of a profile that is no reproduction; None for the others."""
    if verdict.comparable:
        return None
    reason = f"{verdict.profile_name} profile"
    return f"{NOT_COMPARABLE} ({reason}{', embedded digits' if verdict.embedded else ''})"


def heading(verdict: SuiteVerdict) -> str:
    """Return the title of a suite under its profile, with its mark."""
    mark = profile_mark(verdict)
    title = f"{verdict.loaded.suite.title}: {verdict.profile_name} profile"
    return f"{title}, {NOT_COMPARABLE}" if mark else title


def coverage(verdict: SuiteVerdict) -> str:
    """Say how many of the planned trials are done and how many failed."""
    text = f"{verdict.done} of {verdict.planned} trials done"
    return f"{text}, {len(verdict.failed)} failed" if verdict.failed else text


def failure_line(outcome: Outcome) -> str:
    """Name a failed trial with the first line of its error; the rest is in the record."""
    error = next(iter((outcome.error or "").strip().splitlines()), "no reason recorded")
    return f"{outcome.method} {outcome.dataset} seed {outcome.seed} ({outcome.id}): {error}"


def counts_line(verdict: SuiteVerdict) -> str:
    """Return the verdict counts in words, as ``cells: 3 PASS, 1 FAIL; claims: 2 PASS``."""
    parts = []
    for kind, counts in verdict.counts().items():
        words = [f"{number} {word}" for word, number in counts.items() if number]
        parts.append(f"{kind}: {', '.join(words) or 'none'}")
    return "; ".join(parts)


def table_heading(verdict: SuiteVerdict, table: TableVerdict) -> str:
    """Return the title of a table with its paper and number."""
    paper = verdict.loaded.suite.papers[table.table.paper]
    number = table.table.number
    places = {"own": "our own table", "text": f"text of “{paper.title}”", "statements": f"“{paper.title}”"}
    place = places.get(number, f"{'Figure' if number.startswith('F') else 'Table'} {number[1:]} of “{paper.title}”")
    return f"{table.table.title} ({place})"


def unit_heading(column: Column) -> str:
    """Return a column's unit with the direction of better values."""
    return f"{column.unit} {'↑' if column.goal == 'max' else '↓'}"


def row_view(verdict: SuiteVerdict, row: RowVerdict, marks: Marks) -> RowView:
    """Put a row into words."""
    suite = verdict.loaded.suite
    table_key, _, row_key = row.key.partition("/")
    columns = suite.columns
    cells = tuple(
        None
        if cell is None
        else _cell_view(cell, columns[cell.column], row.row, marks.get(cell_key(verdict, row, cell)))
        for cell in row.cells
    )
    shared = _shared_notes([cell for cell in cells if cell is not None])
    facts = [f"source: {row.row.source}" if row.row.source else None, row.row.protocol, row.row.note]
    facts += [*differences(row), *shared]
    return RowView(
        key=row.key,
        label=verdict.loaded.label(table_key, row_key),
        cells=tuple(cell and replace(cell, notes=tuple(n for n in cell.notes if n not in shared)) for cell in cells),
        collapsed=("NOT RUN", row.not_run) if row.not_run else _common_lot(row),
        notes=tuple(fact for fact in facts if fact),
        command=rerun_command(verdict, row),
    )


def differences(row: RowVerdict) -> list[str]:
    """Say in full how a row's trials differ from the paper's protocol."""
    cell = next((cell for cell in row.cells if cell is not None), None)
    if cell is None:
        return []
    said = [f"overridden: {', '.join(cell.overrides)}"] if cell.overrides else []
    return said + [f"deviates, {d.text} ({d.paper} in the paper): {d.because}" for d in cell.deviations]


def _marks(cell: CellVerdict) -> tuple[str, ...]:
    said = [f"overridden: {', '.join(cell.overrides)}"] if cell.overrides and cell.verdict != "NOT JUDGED" else []
    return (*said, *(f"deviates: {deviation.text}" for deviation in cell.deviations))


def common_reason(rows: Iterable[RowView]) -> str | None:
    """Return the reason that most cells share, which then is said once; None without cells."""
    reasons = Counter(cell.reason for row in rows for cell in row.cells if cell is not None)
    return next((reason for reason, _ in reasons.most_common(1)), None)


def remarks(row: RowView) -> list[str]:
    """Return what is said once per row: the reason that most of its cells share, and its notes."""
    reason = common_reason([row])
    return [*row.notes] if reason is None else [reason, *row.notes]


def signed(number: float, decimals: int) -> str:
    """Write a difference with its sign; what rounds to zero has none that means anything."""
    return f"{round(number, decimals) + 0.0:+.{decimals}f}"


def form_for(numbers: Iterable[float], decimals: int) -> str:
    """Return the format of numbers beside one another: three digits where with so many decimals all would be zero."""
    largest = max(map(abs, numbers), default=0.0)
    return ".3g" if 0 < largest < 0.5 * 10.0**-decimals else f".{decimals}f"


def _shared_notes(cells: Sequence[CellView]) -> list[str]:
    """Return the notes that all cells of a row share, which then are said once."""
    return [note for note in cells[0].notes if all(note in cell.notes for cell in cells)] if cells else []


def _common_lot(row: RowVerdict) -> tuple[Verdict, str] | None:
    """Return the verdict and reason of a row of which no cell was measured, for one and the same reason."""
    cells = [cell for cell in row.cells if cell is not None]
    lots: set[tuple[Verdict, str]] = {(cell.verdict, cell.reason) for cell in cells}
    measured_any = any(cell.ours is not None and cell.ours.n for cell in cells)
    return lots.pop() if len(lots) == 1 and not measured_any else None


def collapsed_lines(rows: Iterable[RowView]) -> dict[tuple[Verdict, str], list[RowView]]:
    """Group the collapsed rows by their common verdict and reason."""
    groups: dict[tuple[Verdict, str], list[RowView]] = {}
    for row in rows:
        if row.collapsed is not None:
            groups.setdefault(row.collapsed, []).append(row)
    return groups


def consistency_line(rows: Iterable[RowView]) -> str:
    """Count the audit's words on the printed numbers of rows, as ``3 COPIED, 1 UNCHECKED``; empty without any."""
    counted = Counter(cell.consistency for row in rows for cell in row.cells if cell is not None)
    return ", ".join(f"{counted[word]} {word}" for word in CONSISTENCIES if counted[word])


def why(cell: CellView, common: str | None) -> str:
    """Return what is said of one cell beside the reason that it shares with others."""
    return "; ".join((*([] if cell.reason == common else [cell.reason]), *cell.notes, *cell.marks))


def _cell_view(cell: CellVerdict, column: Column, row: Row, mark: Mark | None) -> CellView:
    decimals = DECIMALS.get(column.metric, 2)
    published, judgement = cell.published, cell.judgement
    n = f" (n = {published.n})" if published and published.n else ""
    own_note = published.note if published and published.note != row.note else None
    width = judgement.width if judgement else None
    return CellView(
        column=f"{column.label}, {unit_heading(column)}",
        paper=f"{published.value.text}{n}" if published else NOTHING,
        ours=measured(cell.ours, decimals),
        delta=signed(judgement.delta, decimals) if judgement else NOTHING,
        width=NOTHING if width is None else f"{width:.{decimals}f}" if math.isfinite(width) else "unknown",
        verdict=cell.verdict,
        reason=cell.reason,
        printed=published is not None,
        audit=mark,
        notes=tuple(note for note in (*_tests(cell), own_note) if note),
        marks=_marks(cell),
    )


def _tests(cell: CellVerdict) -> list[str]:
    """Return the p-values that speak for FAIL or DRIFT, raw and corrected for the table, and how the std compares."""
    judgement, said = cell.judgement, []
    for word, test in (("FAIL", judgement and judgement.fails), ("DRIFT", judgement and judgement.drifts)):
        if test and test.raw < ALPHA and cell.verdict in (word, "UNDECIDED", "INCOMPLETE"):
            said.append(f"p of {word} {test.raw:.1g}, corrected {test.corrected:.1g}")
    if cell.spread is not None and (text := spread_text(cell.spread)) not in cell.reason:
        said.append(text)
    return said


def measured(summary: Summary | None, decimals: int) -> str:
    """Write a summary as ``54.30 ± 0.00 (3 of 3)`` with the population std, as papers print it; of one run without."""
    if summary is None or summary.mean is None:
        return NOTHING
    form = form_for([summary.mean], decimals)
    std = f" ± {summary.population_std:{form}}" if summary.n > 1 else ""
    return f"{summary.mean:{form}}{std} ({summary.coverage})"


def series_label(verdict: SuiteVerdict, series: Series) -> str:
    """Return what a reader calls a series: the method's title, and what else tells it from the others."""
    title = verdict.loaded.catalogue.title(series.method)
    alike = [other for other in verdict.series if other.method == series.method]
    differs = []
    if len({other.variant for other in alike}) > 1:
        differs.append(series.variant or "as in the catalogue")
    if len({other.dataset for other in alike}) > 1:
        differs.append(series.dataset)
    return f"{title} ({', '.join(differs)})" if differs else title


def formula(claim: Claim) -> str:
    """Write a claim as a formula."""
    right = _measure_text(claim.right) if isinstance(claim.right, Measure) else f"{claim.right:g}"
    less = f", or less by no more than {claim.margin:g}"
    margin = (f", by more than {claim.margin:g}" if claim.relation in (">", "<") else less) if claim.margin else ""
    return f"{_measure_text(claim.left)} {claim.relation} {right}{margin}"


def _measure_text(measure: Measure) -> str:
    when = {"first": "before training", "last": "at the end"}.get(str(measure.epoch), f"after epoch {measure.epoch}")
    where = f"{measure.row}, {measure.cell} cells," if measure.cell else measure.row
    if measure.of == "magnitude":
        return f"magnitude of {measure.operation} in {where} {when}"
    if measure.of == "chosen":
        return f"edges with {measure.operation} in {where} {when}"
    if measure.of == "computed":
        return f"{measure.value} of {measure.row}"
    if measure.of == "exchanged":
        return f"correlation of weights with accuracies over the operations of the first edge in {measure.row}"
    if measure.of == "diagnostic":
        return f"{measure.diagnostic} of {measure.row}, {measure.epoch} measured"
    by = CRITERIA.get(measure.by or "")
    if measure.of == "strongest":
        return f"edges of {where} whose best operation by {by} is the strongest"
    if measure.of == "agreement":
        return f"agreement (tau) of {by} with strength on the edges of {where}"
    if measure.of == "rank":
        return f"place of {measure.operation} by {by} on the edges of {where}"
    what = f"{measure.dataset}/{measure.split}/{measure.training_epochs}"
    return f"accuracy ({what}) of {measure.row} {when}"


def claim_values(claim: ClaimVerdict) -> list[str]:
    """Return the values that a claim's verdict rests on, a side a text, by seed from 0 on."""
    decimals = CLAIMED.get(claim.claim.left.of, 2)
    right = claim.right[: claim.seeds] if isinstance(claim.claim.right, Measure) else claim.right[:1]
    sides = {"left": claim.left[: claim.seeds], "right": right}
    form = form_for([*sides["left"], *right], decimals)
    texts = {side: ", ".join(f"{value:{form}}" for value in values) for side, values in sides.items()}
    return [f"{side}: {text}" for side, text in texts.items() if text]


def margin_text(claim: ClaimVerdict) -> str:
    """Write the mean margin, positive as claimed: accuracies in points of percent, edges; others as they are."""
    if claim.margin is None:
        return NOTHING
    measure = claim.claim.left
    unit = UNITS.get(measure.diagnostic or measure.of)
    return f"{signed(claim.margin, 2)} {unit}" if unit else f"{claim.margin + 0.0:+{form_for([claim.margin], 4)}}"


def effect_text(claim: ClaimVerdict) -> str:
    """Write how often the claimed side is above the other, with the interval."""
    found = claim.effect
    return f"{found.probability:.2f} [{found.low:.2f}, {found.high:.2f}]" if found else NOTHING


HYPOTHESIS_COLUMNS = (
    *("hypothesis", "effect", f"{CONFIDENCE:.1%} interval", "smallest that matters", "interval beyond it"),
    *("verdict", "why"),
)


def hypothesis_texts(item: HypothesisVerdict) -> tuple[str, str, str, str]:
    """Return the second to fifth of `HYPOTHESIS_COLUMNS`; the interval is of this effect alone, at one of two looks."""
    unit, least = RESPONSES[item.hypothesis.response][1], f"{item.hypothesis.least:g}"
    if item.found is None or item.interval is None:
        return NOTHING, NOTHING, least, NOTHING
    low, high = (signed(bound, 2) for bound in item.interval)
    return f"{signed(item.found.effect, 2)} {unit}".strip(), f"{low} to {high}", least, item.size


CLAIM_COLUMNS = ("claim", "values by seed", "mean margin", "P(as claimed) [95%]", "verdict", "why")


BASELINE_COLUMNS = ("series", "statistic", "baseline", "ours", "difference", "verdict", "why")


def baseline_texts(item: BaselineVerdict) -> tuple[str, str, str, str, str]:
    """Return the first five of `BASELINE_COLUMNS` of a verdict against a baseline."""
    decimals = 2 if item.statistic == ACCURACY else 4
    recorded = sample_measured(item.recorded, decimals, f"n = {item.recorded.n}") if item.recorded else NOTHING
    delta = signed(item.delta, decimals) if item.delta is not None else NOTHING
    statistic = STATISTICS.get(item.statistic) or f"{told_label(item.statistic)} magnitude"
    return item.series, statistic, recorded, sample_measured(item.ours, decimals), delta


def told_label(name: str) -> str:
    """Write what a magnitude is of (a name of `Series.told`) for a reader."""
    operation_name, _, cell = name.partition(" in ")
    label = operation(operation_name).label
    return f"{label} in {cell} cells" if cell else label


def search_columns(verdict: SuiteVerdict) -> tuple[str, ...]:
    """Return the headings of `search_texts`."""
    return ("search", "test accuracy, %", *(f"{told_label(name)} magnitude" for name in _told(verdict)), "seconds")


def search_texts(verdict: SuiteVerdict) -> list[tuple[str, ...]]:
    """Return, of every search that was run, how it ended and how long it took (`search_columns`), ± sample std."""
    return [
        (
            series_label(verdict, series),
            sample_measured(series.accuracy(), 2),
            *(_told_text(series, name) for name in _told(verdict)),
            sample_measured(series.seconds(), 1),
        )
        for series in verdict.series
        if series.done
    ]


def _told(verdict: SuiteVerdict) -> list[str]:
    """Name the magnitudes that tell of a collapse in any of the series."""
    return list(dict.fromkeys(name for series in verdict.series if series.done for name in series.told))


def _told_text(series: Series, name: str) -> str:
    return sample_measured(series.magnitude(*series.told[name]), 3) if name in series.told else NOTHING


def sample_measured(summary: Summary, decimals: int, coverage: str | None = None) -> str:
    """Write a summary with the sample std, as baselines do; ``coverage``: what stands for ``2 of 3``."""
    if summary.mean is None:
        return NOTHING
    form = form_for([summary.mean], decimals)
    std = "" if summary.sample_std is None else f" ± {summary.sample_std:{form}}"
    return f"{summary.mean:{form}}{std} ({coverage or summary.coverage})"
