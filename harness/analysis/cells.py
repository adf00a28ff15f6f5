"""Verdicts on published numbers, cell by cell in the paper's own layout."""

from __future__ import annotations

from dataclasses import dataclass

from harness.analysis.aggregate import Summary
from harness.analysis.bands import Judgement, Verdict
from harness.suite.published import PublishedCell
from harness.suite.schema import Deviation, Row, Table

NOT_COMPARABLE = "not comparable with the paper"


@dataclass(frozen=True)
class CellVerdict:
    """One place of a table: the published number (None in a table of our own) and what was measured.

    ``ours`` is in the column's unit. ``judgement``: of the mean, None where no band was applied; ``spread``: of the
    std, None where it was not judged. ``evidence``: ids of the records behind ``ours``. ``deviations``: from the
    paper's protocol, as declared; ``overrides``: ``key=value`` that make it another protocol, which nothing judges.
    """

    column: str
    published: PublishedCell | None
    ours: Summary | None
    judgement: Judgement | None
    verdict: Verdict
    reason: str
    spread: Judgement | None = None
    evidence: tuple[str, ...] = ()
    deviations: tuple[Deviation, ...] = ()
    overrides: tuple[str, ...] = ()


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
