"""Published rows as the audit reads them: every number with what it measures and of whom."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.audit.printed import Printed
from harness.benchmarks import spec as benchmark
from harness.config import Strict
from harness.methods.computed import FixedArchitecture, Optimum
from harness.methods.stops import BestAccuracy
from harness.suite.loaded import LoadedSuite
from harness.suite.published import PublishedCell, published_cells
from harness.suite.schema import Column, Derived, Metric, Row, Statistic, Summary, Table
from harness.suite.training import trains_a_cell
from harness.suite.values import Published

SHARES = ("accuracy", "error")  # of which one is 100 minus the other
COUNTS = ("parameters", "flops")
COSTS = ("search_seconds", "gpu_days")


@dataclass(frozen=True)
class Quantity:
    """What a number measures, whoever's it is. ``label``: the column's, where facts alone do not tell columns apart."""

    kind: Metric
    dataset: str | None
    split: str | None
    epochs: int | None
    top: int
    best: bool
    label: str | None

    @property
    def on_table(self) -> bool:
        """Tell whether the NAS-Bench-201 table answers it."""
        known = (self.dataset in benchmark.DATASETS, self.split in benchmark.SPLITS, self.epochs in benchmark.EPOCHS)
        return self.kind == "accuracy" and all(known)


@dataclass(frozen=True)
class Setting:
    """What other places say of a printed setting, each with its name: the authors' configuration, another section."""

    official: tuple[Published, str] | None
    elsewhere: tuple[Published, str] | None


@dataclass(frozen=True)
class Number:
    """One printed number. ``printed``: as printed; ``percent``: the same, an error as accuracy."""

    cell: str
    column: Column
    value: Published
    printed: Printed
    n: int | None
    statistic: Statistic | None
    quantity: Quantity
    derived: Derived | None = None
    setting: Setting | None = None

    @property
    def percent(self) -> Printed:
        """Return the number in the unit of its quantity."""
        return self.printed.complement() if self.column.metric == "error" else self.printed


@dataclass(frozen=True)
class PublishedRow:
    """One published row.

    ``who``: whom the numbers are of. ``principal``: the row is meant wherever ``who`` is named; a variant is not.
    ``run``: method and all settings of its search as text, None where the suite does not give them; ``stop``: the stop
    rule likewise. ``source``: None is the paper itself; ``architecture``: its string, where the row is one looked up.
    ``per_dataset``: columns of different datasets are of different searches.
    """

    suite: str
    table: str
    row: str
    paper: str
    label: str
    who: str
    principal: bool
    run: str | None
    stop: str | None
    bound: bool
    searched_on: str | None
    source: str | None
    summary: Summary | None
    architecture: str | None
    optimum: bool
    per_dataset: bool
    numbers: tuple[Number, ...]

    @property
    def name(self) -> str:
        """Return where the row stands."""
        return f"{self.suite}:{self.table}/{self.row}"

    @property
    def origin(self) -> str:
        """Return whose printing the row repeats: its paper's own key, or the head of what it names as its source."""
        return normal(self.paper if self.source is None else re.split(r"[,;]", self.source)[0])

    @property
    def identities(self) -> tuple[tuple[str, ...], ...]:
        """Return what the row is known by; rows that have one in common are of the same runs, or claim to be."""
        names = (("who", self.who),) if self.principal else ()
        runs = (("run", self.run, self.stop or ""),) if self.run is not None else ()
        return (*names, *runs)

    def same_as(self, other: PublishedRow) -> bool:
        """Tell whether two rows have an identity in common."""
        return bool(set(self.identities) & set(other.identities)) and self.together(other)

    def together(self, other: PublishedRow) -> bool:
        """Tell whether two rows were searched on the same data, as far as is said."""
        return None in (self.searched_on, other.searched_on) or self.searched_on == other.searched_on


def collect(suites: Sequence[LoadedSuite]) -> list[PublishedRow]:
    """Return all rows that have published numbers, in the order of the files."""
    return [line for loaded in suites for line in _of_suite(loaded)]


def normal(name: str) -> str:
    """Return a name without what papers write in different ways: P-DARTS is PDARTS, but not DARTS-."""
    text = re.sub(r"-$", "minus", name.strip().casefold())
    return re.sub(r"[^a-z0-9+*]", "", text)


def _of_suite(loaded: LoadedSuite) -> Iterator[PublishedRow]:
    rows: dict[tuple[str, str], list[PublishedCell]] = {}
    for cell in published_cells(loaded.suite):
        rows.setdefault((cell.table, cell.row), []).append(cell)
    for (table_name, row_name), cells in rows.items():
        table = loaded.suite.tables[table_name]
        row = table.rows[row_name]
        computation = _computation(loaded, table_name, row_name)
        yield PublishedRow(
            suite=loaded.suite.suite,
            table=table_name,
            row=row_name,
            paper=table.paper,
            label=loaded.label(table_name, row_name),
            who=_who(loaded, table_name, row_name),
            principal=_principal(loaded, table_name, row_name),
            run=_run(loaded, table_name, row_name),
            stop=None if row.stop is None else _plain(row.stop),
            bound=isinstance(row.stop, BestAccuracy),
            searched_on=row.searched_on or table.searched_on,
            source=row.source,
            summary=row.summary,
            architecture=computation.architecture if isinstance(computation, FixedArchitecture) else None,
            optimum=isinstance(computation, Optimum),
            per_dataset=row.per_dataset,
            numbers=tuple(_number(loaded, table, row, cell) for cell in cells),
        )


def _who(loaded: LoadedSuite, table: str, row: str) -> str:
    entry = loaded.suite.tables[table].rows[row]
    return normal(entry.subject or entry.method or loaded.label(table, row))


def _principal(loaded: LoadedSuite, table: str, row: str) -> bool:
    """Tell whether a row stands for its method: it says so, bears its name, or is the table's only one of it."""
    rows = loaded.suite.tables[table].rows
    who = _who(loaded, table, row)
    alike = [n for n in rows if _who(loaded, table, n) == who and rows[n].searched_on == rows[row].searched_on]
    return rows[row].subject is not None or normal(loaded.label(table, row)) == who or alike == [row]


def _computation(loaded: LoadedSuite, table: str, row: str) -> object:
    """Return what a computed row computes; None for other rows."""
    if loaded.suite.tables[table].rows[row].method is None or not loaded.computes(table, row):
        return None
    return loaded.resolve_computation(table, row, runs=1).computation


def _run(loaded: LoadedSuite, table: str, row: str) -> str | None:
    """Write the method with all settings of its search or computation; None where the suite cannot say them.

    Columns of one name hold other quantities where diagnostics of one search give them.
    """
    entry = loaded.suite.tables[table].rows[row]
    method, measures = entry.method, "".join(_plain(reading) for reading in entry.measures.values())
    if method not in loaded.catalogue.methods or trains_a_cell(loaded, table, row):
        return None
    if loaded.computes(table, row):
        return f"{method} {_plain(loaded.resolve_computation(table, row, runs=1))}"
    if not (loaded.suite.profiles and loaded.suite.search):  # nothing is searched, or published cells are trained
        return None
    return f"{method} {_plain(loaded.resolve(table, row, 'paper'))}{measures}"


def _plain(settings: Strict) -> str:
    """Write settings as text, whatever the order of their fields."""
    return json.dumps(settings.model_dump(mode="json"), sort_keys=True)


def _number(loaded: LoadedSuite, table: Table, row: Row, cell: PublishedCell) -> Number:
    columns = [loaded.suite.columns[name] for name in table.columns]
    return Number(
        cell=f"{loaded.suite.suite}:{cell.table}/{cell.row}/{cell.column_name}",
        column=cell.column,
        value=cell.value,
        printed=Printed.read(cell.value),
        n=cell.n,
        statistic=row.statistic or cell.column.statistic,
        quantity=_quantity(cell.column, columns, row.statistic),
        derived=cell.derived,
        setting=Setting(cell.official, cell.elsewhere) if cell.kind == "setting" else None,
    )


def _quantity(column: Column, table: Sequence[Column], of_row: Statistic | None) -> Quantity:
    """Return what a column measures; a count is of the network that its table's only data set is for."""
    dataset = column.dataset
    if dataset is None and column.metric in COUNTS:
        datasets = {other.dataset for other in table if other.metric in SHARES}
        dataset = datasets.pop() if len(datasets) == 1 else None
    alike = Counter(map(_facts, table))[_facts(column)] > 1
    return Quantity(
        kind="accuracy" if column.metric in SHARES else column.metric,
        dataset=dataset,
        split=column.split,
        epochs=column.training_epochs,
        top=column.top,
        best=(of_row or column.statistic) == "best",
        label=column.label if alike or column.metric == "statistic" else None,
    )


def _facts(column: Column) -> tuple[object, ...]:
    return column.metric, column.dataset, column.split, column.training_epochs, column.top, column.statistic
