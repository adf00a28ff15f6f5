"""Every published number with its two marks: what our own records say of it, and what other numbers do."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from harness.analysis.cells import CellVerdict, RowVerdict
from harness.analysis.measures import COUNTED
from harness.analysis.verdicts import SuiteVerdict
from harness.audit.consistency import Consistency, Mark
from harness.audit.settings import our_setting
from harness.methods.computed import ComputedSpec
from harness.runner.cost import estimate
from harness.runner.store import Store
from harness.suite.facts import Facts
from harness.suite.published import PublishedCell
from harness.suite.values import Published

JUDGED: tuple[Reproduction, ...] = ("PASS", "DRIFT", "FAIL")
Reproduction = Literal["PASS", "DRIFT", "FAIL", "UNDECIDED", "INCOMPLETE", "NOT RUN", "not a result"]
REPRODUCTIONS: tuple[Reproduction, ...] = get_args(Reproduction)

Marks = Mapping[str, Mark]  # by `Entry.cell`


@dataclass(frozen=True)
class Entry:
    """One printed number. ``table``: ``T1`` or ``text``; ``cell``: ``suite:table/row/column`` by their keys.

    ``reproduction``: one of `REPRODUCTIONS`; ``why``: its reason, for NOT RUN a clause after "because". ``records``:
    what a verdict rests on; ``mark``: None is UNCHECKED. ``ours``: of a setting, what our search runs, and which;
    empty where none is named.
    """

    cell: str
    paper: str
    table: str
    row: str
    column: str
    value: Published
    n: int | None
    unit: str
    protocol: str
    remark: str | None
    reproduction: Reproduction
    why: str
    computed: bool
    records: tuple[str, ...]
    mark: Mark | None
    ours: str = ""

    @property
    def consistency(self) -> Consistency:
        """Return the audit's word."""
        return self.mark.word if self.mark else "UNCHECKED"

    @property
    def status(self) -> str:
        """Say what has been done about the number, derived from what there is: ``measured``, ``recomputed``,
        ``audited`` or ``not run, because ...``.
        """
        if self.records:
            return "recomputed" if self.computed else "measured"
        return "audited" if self.mark else self._open

    @property
    def evidence(self) -> tuple[str, ...]:
        """Name the records and the finding that the marks rest on."""
        finding = (f"audit/{self.mark.finding.rule}",) if self.mark else ()
        return (*self.records, *finding)

    @property
    def note(self) -> str:
        """Return what else is to be said: the suite's remark, the reasons of both marks."""
        why = None if self.reproduction in JUDGED or self.status == self._open else self._open
        return "; ".join(text for text in (self.remark, why, self.mark and self.mark.reason) if text)

    @property
    def _open(self) -> str:
        word = "not run" if self.reproduction == "not a result" else self.reproduction.lower()
        return f"{word}, because {self.why}"


def entries(verdicts: Iterable[SuiteVerdict], marks: Marks | None = None, facts: Facts | None = None) -> list[Entry]:
    """List the printed numbers of all papers, by paper and table, in print order within a table."""
    listed = [entry for verdict in verdicts for entry in _of_suite(verdict, marks or {}, facts)]
    return sorted(listed, key=lambda entry: (entry.paper, _order(entry.table)))


def _order(table: str) -> tuple[int, int]:
    number = re.fullmatch(r"[TF](\d+)", table)
    return (0, int(number[1])) if number else (1, 0)


def _of_suite(verdict: SuiteVerdict, marks: Marks, facts: Facts | None) -> Iterator[Entry]:
    for table in verdict.tables:
        if table.table.number not in ("own", "statements"):
            for row in table.rows:
                for cell in row.cells:
                    if cell is not None and cell.published is not None:
                        entry = _entry(verdict, row, cell, cell.published, marks)
                        yield replace(entry, ours=_ours(cell.published, facts)) if facts else entry


def _entry(verdict: SuiteVerdict, row: RowVerdict, cell: CellVerdict, published: PublishedCell, marks: Marks) -> Entry:
    table = verdict.loaded.suite.tables[published.table]
    key = cell_key(verdict, row, cell)
    notes = (published.note, f"source: {published.source}" if published.source else None)
    reproduction, why = _reproduction(row, cell)
    return Entry(
        cell=key,
        paper=table.paper,
        table=table.number,
        row=verdict.loaded.label(published.table, published.row),
        column=published.column.label,
        value=published.value,
        n=published.n,
        unit=published.column.unit,
        protocol=published.protocol,
        remark="; ".join(note for note in notes if note) or None,
        reproduction=reproduction,
        why=why,
        computed=any(_deterministic(verdict, trial) for trial in row.trials),
        records=() if reproduction in ("NOT RUN", "not a result") else _records(verdict, cell),
        mark=marks.get(key),
    )


def _ours(published: PublishedCell, facts: Facts) -> str:
    value = our_setting(published, facts)
    return "" if value is None else f"{value:g} ({published.runs})"


def cell_key(verdict: SuiteVerdict, row: RowVerdict, cell: CellVerdict) -> str:
    """Return the name of a place in all suites: ``suite:table/row/column``."""
    return f"{verdict.loaded.suite.suite}:{row.key}/{cell.column}"


def _reproduction(row: RowVerdict, cell: CellVerdict) -> tuple[Reproduction, str]:
    """Return the first mark: what no rule judges is not run where nothing was measured, and else undecided."""
    assert cell.published is not None
    if cell.published.kind == "setting":
        return "not a result", "a printed setting is no result"
    measured = cell.ours is not None and cell.ours.n > 0
    nothing_runs = row.not_run is not None and cell.column not in row.row.answered_by
    uncounted = nothing_runs or cell.verdict == "NOT JUDGED"
    if uncounted and not measured and cell.published.column.metric in COUNTED:
        return "NOT RUN", "no code counts it yet"
    if cell.verdict == "NOT JUDGED":
        return ("UNDECIDED" if measured else "NOT RUN"), cell.reason
    return cell.verdict, cell.reason


def _deterministic(verdict: SuiteVerdict, trial: str) -> bool:
    spec = verdict.evidence.trials[trial].spec
    return isinstance(spec, ComputedSpec) and spec.deterministic


def _records(verdict: SuiteVerdict, cell: CellVerdict) -> tuple[str, ...]:
    """Name the records behind a verdict as they lie in the folder of the results."""
    found = (verdict.evidence.outcomes[trial] for trial in cell.evidence)
    paths = (Store(Path()).path(o.profile, o.method, o.dataset, o.seed, o.id) for o in found)
    return tuple(path.with_suffix("").as_posix() for path in paths)


@dataclass(frozen=True)
class Remaining:
    """The planned searches and trainings without a record, and their estimated seconds on one core and on a GPU."""

    trials: int
    cpu_seconds: float
    cuda_seconds: float


def remaining(verdicts: Iterable[SuiteVerdict]) -> Remaining:
    """Estimate what it would cost to run the rest of the plans; equal trials of several suites count once."""
    missing = {
        trial.id: trial
        for verdict in verdicts
        for trial in verdict.evidence.trials.values()
        if trial.id not in verdict.evidence.outcomes and not trial.computed
    }
    seconds = [[estimate(trial, device) for device in ("cpu", "cuda")] for trial in missing.values()]
    return Remaining(len(missing), sum(s[0] for s in seconds), sum(s[1] for s in seconds))


@dataclass(frozen=True)
class Coverage:
    """How many of a paper's printed numbers have which word, by mark; ``reasons``: why how many were not run."""

    paper: str
    total: int
    reproduction: Mapping[Reproduction, int]
    consistency: Mapping[Consistency, int]
    reasons: Mapping[str, int]


def coverage(listed: Sequence[Entry]) -> list[Coverage]:
    """Count per paper, and over all papers in a last entry named ``all``."""
    papers = list(dict.fromkeys(entry.paper for entry in listed))
    groups = [(paper, [e for e in listed if e.paper == paper]) for paper in papers] + [("all", list(listed))]
    return [
        Coverage(
            name,
            len(group),
            Counter(e.reproduction for e in group),
            Counter(e.consistency for e in group),
            Counter(e.why.partition(":")[0] for e in group if e.reproduction == "NOT RUN"),
        )
        for name, group in groups
    ]


def settings(listed: Iterable[Entry]) -> list[Entry]:
    """Return the printed settings among the numbers."""
    return [entry for entry in listed if entry.reproduction == "not a result"]


def by_table(listed: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Group numbers by ``suite:table``, in their order."""
    found: dict[str, list[Entry]] = {}
    for entry in listed:
        found.setdefault(entry.cell.partition("/")[0], []).append(entry)
    return found
