"""Every published number with what became of it, and how many of them have a verdict."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.analysis.bands import Verdict
from harness.analysis.cells import CellVerdict
from harness.analysis.verdicts import SuiteVerdict
from harness.methods.spec import SearchSpec
from harness.runner.availability import TRAINING_IMAGES
from harness.runner.cost import estimate_seconds

JUDGED: tuple[Verdict, ...] = ("PASS", "DRIFT", "FAIL")


@dataclass(frozen=True)
class Entry:
    """One printed number. ``table``: ``T1`` or ``text``; ``cell``: ``suite:table/row/column`` by their keys."""

    cell: str
    paper: str
    table: str
    row: str
    column: str
    mean: float
    std: float | None
    n: int | None
    unit: str
    protocol: str
    status: str
    verdict: Verdict
    note: str
    audited: bool = False


Audited = Mapping[str, tuple[Verdict, str]]  # by `Entry.cell`: the audit's verdict and its reason


def entries(verdicts: Iterable[SuiteVerdict], audited: Audited | None = None) -> list[Entry]:
    """List the printed numbers of all papers, by paper and table, in print order within a table.

    Where nothing was measured, the audit's verdict stands (`Entry.audited`).
    """
    listed = [_with_audit(entry, audited or {}) for verdict in verdicts for entry in _of_suite(verdict)]
    return sorted(listed, key=lambda entry: (entry.paper, _order(entry.table)))


def _with_audit(entry: Entry, audited: Audited) -> Entry:
    if entry.verdict in JUDGED or entry.cell not in audited:
        return entry
    verdict, reason = audited[entry.cell]
    note = "; ".join(text for text in (entry.note, reason) if text)
    return replace(entry, verdict=verdict, note=note, audited=True)


def _order(table: str) -> tuple[int, int]:
    number = re.fullmatch(r"[TF](\d+)", table)
    return (0, int(number[1])) if number else (1, 0)


def _of_suite(verdict: SuiteVerdict) -> Iterator[Entry]:
    suite = verdict.loaded.suite
    for table in verdict.tables:
        if table.table.number not in ("own", "statements"):
            for row in table.rows:
                label = verdict.loaded.label(table.key, row.key.partition("/")[2])
                for cell in row.cells:
                    if cell is not None and cell.published is not None:
                        yield _entry(suite.suite, table.table.paper, table.table.number, row.key, label, cell)


def _entry(suite: str, paper: str, number: str, row: str, label: str, cell: CellVerdict) -> Entry:
    published = cell.published
    assert published is not None
    notes = [published.note, f"source: {published.source}" if published.source else None]
    reason = cell.reason if cell.verdict not in JUDGED else None
    return Entry(
        cell=f"{suite}:{row}/{cell.column}",
        paper=paper,
        table=number,
        row=label,
        column=published.column.label,
        mean=published.value.mean,
        std=published.value.std,
        n=published.n,
        unit=published.column.unit,
        protocol=published.protocol,
        status=published.status,
        verdict=cell.verdict,
        note="; ".join(note for note in (*notes, reason) if note),
    )


@dataclass(frozen=True)
class Remaining:
    """The planned searches that have no record: how many, and their estimated seconds on one core and on a GPU."""

    trials: int
    cpu_seconds: float
    cuda_seconds: float


def remaining(verdicts: Iterable[SuiteVerdict]) -> Remaining:
    """Estimate what it would cost to run the rest of the plans; equal searches of several suites count once."""
    missing = {
        trial.id: trial
        for verdict in verdicts
        for trial in verdict.evidence.trials.values()
        if trial.id not in verdict.evidence.outcomes and isinstance(trial.spec, SearchSpec)
    }
    seconds = [
        [estimate_seconds(t.spec, TRAINING_IMAGES[t.dataset], device) for device in ("cpu", "cuda")]
        for t in missing.values()
        if isinstance(t.spec, SearchSpec)
    ]
    return Remaining(len(missing), sum(s[0] for s in seconds), sum(s[1] for s in seconds))


@dataclass(frozen=True)
class Coverage:
    """How many of a paper's printed numbers have a verdict, by verdict and by status.

    ``audited``: how many of the verdicts come from the audit alone.
    """

    paper: str
    total: int
    verdicts: dict[str, int]
    statuses: dict[str, int]
    audited: int

    @property
    def judged(self) -> int:
        """Return the number of values with a verdict."""
        return sum(self.verdicts.get(word, 0) for word in JUDGED)


def coverage(listed: Sequence[Entry]) -> list[Coverage]:
    """Count per paper, and over all papers in a last entry named ``all``."""
    papers = list(dict.fromkeys(entry.paper for entry in listed))
    groups = [(paper, [e for e in listed if e.paper == paper]) for paper in papers] + [("all", list(listed))]
    return [
        Coverage(
            name,
            len(group),
            dict(Counter(e.verdict for e in group)),
            dict(Counter(e.status for e in group)),
            sum(e.audited for e in group),
        )
        for name, group in groups
    ]
