"""The data of the explorer: every printed number and every trial as a row, written as a script that a page loads.

A page that is read from a disk may load scripts, and no data.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.analysis.cells import CellVerdict, RowVerdict
from harness.analysis.coverage import Entry, cell_key
from harness.analysis.measures import accuracy_at, own_accuracy_key
from harness.analysis.outcomes import Outcome
from harness.analysis.verdicts import SuiteVerdict
from harness.report.command import rerun_command, trial_command
from harness.report.links import Records, method_page, paper_page, row_anchor, row_trials
from harness.report.printed import Printed
from harness.report.tables import Tables
from harness.report.views import NOTHING, CellView, row_view
from harness.runner.store import RecordError, read_record
from harness.runner.trial import Trial

Field = tuple[str, str, str]  # key, title, and how it is shown: one of
#   facet (a column to choose from), column, number (a column that sorts by size), text, code, link or links (of a row),
#   words (of which a whole one is asked for)
UNREADABLE = "unreadable"
NUMBERS: tuple[Field, ...] = (
    ("id", "number", "column"),
    ("paper", "paper", "facet"),
    ("table", "table", "facet"),
    ("row", "row", "column"),
    ("column", "column", "column"),
    ("printed", "printed", "number"),
    ("ours", "ours", "number"),
    ("reproduction", "reproduction", "facet"),
    ("consistency", "consistency", "facet"),
    ("difference", "difference ± half-width", "text"),
    ("deviations", "beside the paper's protocol", "text"),
    ("n", "n", "text"),
    ("unit", "unit", "text"),
    ("status", "status", "text"),
    ("protocol", "protocol", "text"),
    ("why", "why", "text"),
    ("page", "in its table", "link"),
    ("finding", "finding of the audit", "link"),
    ("trials", "trials of its row", "link"),
    ("records", "records", "links"),
    ("command", "command", "code"),
)
TRIALS: tuple[Field, ...] = (
    ("id", "trial", "column"),
    ("method", "method", "facet"),
    ("dataset", "data set", "facet"),
    ("seed", "seed", "number"),
    ("profile", "profile", "facet"),
    ("suite", "suite", "facet"),
    ("state", "state", "facet"),
    ("result", "result", "number"),
    ("seconds", "seconds", "number"),
    ("of", "what the result is", "text"),
    ("rows", "rows", "words"),
    ("why", "why", "text"),
    ("started", "started", "text"),
    ("device", "device", "text"),
    ("page", "method", "link"),
    ("records", "record", "links"),
    ("command", "command", "code"),
)
Row = dict[str, Any]


def script(view: str, caption: str, fields: Sequence[Field], rows: Sequence[Row]) -> str:
    """Return the rows of a view as a script; what a row has nothing of is left empty."""
    data = {
        "caption": caption,
        "fields": [dict(zip(("key", "title", "kind"), one, strict=True)) for one in fields],
        "rows": [[row.get(key, "") for key, _, _ in fields] for row in rows],
    }
    return f"(window.DATA ??= {{}})[{json.dumps(view)}] = {json.dumps(data, separators=(',', ':'))};\n"


def number_rows(printed: Printed, records: Records, tables: Tables) -> list[Row]:
    """Return every printed number, from its value to the records and the command behind it."""
    places = {
        cell_key(verdict, row, cell): (verdict, row, cell, view)
        for verdict in printed.verdicts
        for table in verdict.tables
        for row in table.rows
        for cell, view in zip(row.cells, row_view(verdict, row, printed.marks).cells, strict=True)
        if cell is not None and view is not None
    }
    return [_number(entry, *places[entry.cell], records, tables) for entry in printed.listed]


def _number(
    entry: Entry, verdict: SuiteVerdict, row: RowVerdict, cell: CellVerdict, view: CellView, records: Records,
    tables: Tables,
) -> Row:  # fmt: skip
    width = "" if view.width == NOTHING else f" ± {view.width}"
    behind = _behind(verdict, row, cell)
    return {
        "id": entry.cell,
        "paper": entry.paper,
        "table": entry.cell.partition("/")[0].partition(":")[2],
        "row": entry.row,
        "column": entry.column,
        "printed": entry.value.text,
        "ours": entry.ours if view.ours == NOTHING else view.ours,
        "reproduction": entry.reproduction,
        "consistency": entry.consistency,
        "difference": "" if view.delta == NOTHING else view.delta + width,
        "deviations": "; ".join(view.marks),
        "n": entry.n or "",
        "unit": entry.unit,
        "status": entry.status,
        "protocol": entry.protocol,
        "why": entry.note,
        "page": f"{paper_page(entry.paper)}#{row_anchor(verdict, row.key)}",
        "finding": tables.finding(entry.mark) or "",
        "trials": row_trials(verdict, behind.key) if behind.trials else "",
        "records": [link for trial in cell.evidence if (link := records.link(trial))],
        "command": rerun_command(verdict, behind) or "",
    }


def _behind(verdict: SuiteVerdict, row: RowVerdict, cell: CellVerdict) -> RowVerdict:
    """Return the row whose trials answer a number: another one where the suite says so."""
    key = verdict.loaded.behind(row.key, cell.column)
    return next((one for table in verdict.tables for one in table.rows if one.key == key), row)


@dataclass
class _Shown:
    """A trial with all suites and rows that show it; one that has a verdict of its own, before one that has none."""

    trial: Trial
    verdict: SuiteVerdict
    suites: dict[str, None] = field(default_factory=dict)
    rows: dict[str, None] = field(default_factory=dict)


def trial_rows(verdicts: Sequence[SuiteVerdict], records: Records, others: Sequence[Row]) -> list[Row]:
    """Return every trial that a suite plans, and after them ``others``, whose records no plan names."""
    shown: dict[str, _Shown] = {}
    for verdict in verdicts:
        suite = verdict.loaded.suite.suite
        for trial in verdict.evidence.trials.values():
            known = shown.setdefault(trial.id, _Shown(trial, verdict))
            known.suites[suite] = None
            known.rows |= {f"{suite}:{row}": None for row in trial.rows}
    rows = [_trial(one, records) for one in shown.values()]
    return sorted(rows, key=lambda row: row["state"] != "done") + list(others)


def _trial(shown: _Shown, records: Records) -> Row:
    trial, evidence = shown.trial, shown.verdict.evidence
    outcome = evidence.outcomes.get(trial.id)
    record = records.link(trial.id)
    row: Row = {
        "id": trial.id,
        "method": trial.method,
        "dataset": trial.dataset,
        "seed": trial.seed,
        "profile": trial.profile,
        "suite": " ".join(shown.suites),
        "state": outcome.status if outcome else "not judged" if trial.id in evidence.rejected else "not recorded",
        "rows": " ".join(shown.rows),
        "why": evidence.rejected.get(trial.id) or (trial.blocked or "" if outcome is None else outcome.error or ""),
        "page": method_page(trial.method),
        "records": [record] if record else [],
        "command": trial_command(shown.verdict, trial),
    }
    return row | (_result(outcome) if outcome else {})


def _result(outcome: Outcome) -> Row:
    result, of = next(_results(outcome), ("", ""))
    seconds = outcome.search_seconds + outcome.evaluation_seconds
    return {
        "result": result,
        "of": of,
        "seconds": f"{seconds:.1f}",
        "started": outcome.started,
        "device": f"{outcome.environment.device} ({outcome.environment.platform})",
    }


def _results(outcome: Outcome) -> Iterator[tuple[str, str]]:
    """Yield what tells most of a trial: the accuracy of what it found, of its training, or what it computed."""
    if not outcome.done:
        return
    key = own_accuracy_key(outcome)
    accuracy = accuracy_at(outcome, key) if key else None
    if accuracy is not None:
        yield f"{accuracy:.2f}", f"accuracy of what it found, {key}, %"
    if outcome.training:
        yield f"{outcome.training.evaluated[-1]:.2f}", "accuracy after the training, %"
    tested = f"{outcome.dataset}/test/"  # before what else was computed; the longest training before the others
    names = sorted(outcome.values, key=lambda name: (not name.startswith(tested), -len(name)))
    for name in names:
        numbers = outcome.values[name]
        yield f"{sum(numbers) / len(numbers):.5g}", f"mean of {name} over {len(numbers)} runs"


def unplanned(records: Records, suites: set[str], planned: set[str]) -> list[Row]:
    """Return the records of suites that no plan names, such as of seeds that were chosen by hand."""
    rows = [_unplanned(trial, path, records) for trial, path in sorted(records.files.items()) if trial not in planned]
    return [row for row in rows if row.get("suite") in suites or row["state"] == UNREADABLE]


def _unplanned(trial: str, path: Path, records: Records) -> Row:
    try:
        record = read_record(path)
    except RecordError as error:
        return {"id": trial, "state": UNREADABLE, "why": str(error)}
    known = {key: getattr(record, key) for key in ("method", "dataset", "seed", "profile", "suite")}
    why = "; ".join(["no plan that is shown here names it", *record.overrides])
    link = records.link(trial)
    return {"id": trial, **known, "state": "not planned", "why": why, "records": [link] if link else []}
