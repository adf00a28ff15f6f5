"""Tables as data frames: tidy for analysis, or in the paper's layout for a manuscript."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.analysis.cells import RowVerdict, TableVerdict
from harness.analysis.coverage import Marks, entries
from harness.analysis.verdicts import SuiteVerdict
from harness.report.export import RESULT_FIELDS, VERDICT_FIELDS, published_row, result_rows, verdict_rows
from harness.report.views import NOTHING, row_view

if TYPE_CHECKING:
    from pandas import DataFrame


def verdict_frame(verdicts: Sequence[SuiteVerdict], table: str | None = None) -> DataFrame:
    """Return a row per verdict, of one table where it is named; columns: `VERDICT_FIELDS`."""
    from pandas import DataFrame

    rows = [row for row in verdict_rows(verdicts) if table is None or row["table"] == table]
    return DataFrame(rows, columns=VERDICT_FIELDS).convert_dtypes()


def paper_frame(verdict: SuiteVerdict, table: TableVerdict) -> DataFrame:
    """Return a table in its paper's layout: a row per method, per column what is printed, and what we measured.

    Columns of ours, with their verdicts, are there where at least one number was measured.
    """
    from pandas import DataFrame, MultiIndex

    suite = verdict.loaded.suite
    labels = [suite.columns[name].label for name in table.table.columns]
    measured = any(cell and cell.ours and cell.ours.n for row in table.rows for cell in row.cells)
    kinds = ("printed", "ours", "verdict") if measured else ("printed",)
    rows = {row.key: _row(verdict, row, len(kinds)) for row in table.rows}
    names = [verdict.loaded.label(table.key, key.partition("/")[2]) for key in rows]
    header: Any = MultiIndex.from_product([labels, kinds]) if measured else labels
    frame = DataFrame(list(rows.values()), index=names, columns=header)
    frame.index.name = "method"
    return frame


def _row(verdict: SuiteVerdict, row: RowVerdict, kinds: int) -> list[str]:
    """Write a row's cells: what is printed alone, or with ours and its verdict."""
    cells = row_view(verdict, row, {}).cells
    texts = [(NOTHING,) * 3 if cell is None else (cell.paper, cell.ours, cell.verdict) for cell in cells]
    return [text for of_cell in texts for text in of_cell[:kinds]]


def results_frame(verdicts: Sequence[SuiteVerdict]) -> DataFrame:
    """Return a row per trial, metric and run; columns: `RESULT_FIELDS`."""
    from pandas import DataFrame

    return DataFrame(result_rows(verdicts), columns=RESULT_FIELDS).convert_dtypes()


def published_frame(verdicts: Sequence[SuiteVerdict], marks: Marks) -> DataFrame:
    """Return a row per printed number, with its two marks; ``mean`` and ``std`` as printed."""
    from pandas import DataFrame

    return DataFrame([published_row(entry) for entry in entries(verdicts, marks)]).convert_dtypes()
