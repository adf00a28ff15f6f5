"""The published numbers of a suite, each with all its facts: its own, else its row's, its table's, the suite's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.documents import KeyPath
from harness.suite.schema import Band, Column, Derived, Kind, Scatter, Stated, Suite
from harness.suite.values import Published


@dataclass(frozen=True)
class PublishedCell:
    """One printed number. ``n``: runs behind it, None where not stated; ``source``: None is the paper itself.

    ``scatter``: which std is printed.
    Of a setting, ``official`` and ``elsewhere``: what other places say, and which; ``runs``: our search with it.
    """

    table: str
    row: str
    index: int
    column_name: str
    column: Column
    value: Published
    n: int | None
    band: Band
    scatter: Scatter
    derived: Derived | None
    source: str | None
    protocol: str
    note: str | None
    kind: Kind
    official: tuple[Published, str] | None
    elsewhere: tuple[Published, str] | None
    runs: str | None

    @property
    def path(self) -> KeyPath:
        """Return where the number stands in the suite."""
        return ("tables", self.table, "rows", self.row, "values", self.index)


def published_cells(suite: Suite) -> Iterator[PublishedCell]:
    """Yield every published number, in the order of the file."""
    for table_name, table in suite.tables.items():
        for row_name, row in table.rows.items():
            for index, cell in enumerate(row.values):
                if cell is None:
                    continue
                yield PublishedCell(
                    table=table_name,
                    row=row_name,
                    index=index,
                    column_name=table.columns[index],
                    column=suite.columns[table.columns[index]],
                    value=cell.value,
                    n=cell.n or row.n,
                    band=cell.band or row.band or table.band or _band_of(suite.columns[table.columns[index]], suite),
                    scatter=row.std or table.std or suite.std,
                    derived=cell.derived,
                    source=row.source,
                    protocol=row.protocol or table.protocol,
                    note=cell.note or row.note,
                    kind=cell.kind or row.kind or table.kind,
                    official=_said(row.official, index),
                    elsewhere=_said(row.elsewhere, index),
                    runs=cell.runs or row.runs,
                )


def _band_of(column: Column, suite: Suite) -> Band:
    """Return the band of a dataset and metric, else the suite's."""
    return suite.bands.get(f"{column.dataset}/{column.training_epochs}", {}).get(column.metric, suite.band)


def _said(stated: Stated | None, index: int) -> tuple[Published, str] | None:
    value = stated.values[index] if stated else None
    return (value, stated.source) if stated and value else None
