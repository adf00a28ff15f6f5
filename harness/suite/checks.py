"""What a suite's blocks must agree on among themselves, with the catalogue and with the benchmarks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from harness.benchmarks import spec as benchmark
from harness.config import deep_merge
from harness.data.known import CLASSES
from harness.documents import KeyPath
from harness.errors import HarnessError, nearest
from harness.methods.spec import SearchSpec
from harness.methods.stops import DominantEigenvalue, MagnitudePeak
from harness.methods.strength import Strength
from harness.methods.training import Confusion
from harness.spaces import operations
from harness.spaces.cells import load_cells
from harness.spaces.registry import published
from harness.suite.deviations import ABSENT, CHECKSUM, setting
from harness.suite.figures import (
    AccuracyPanel,
    AgreementPanel,
    CellPanel,
    DiagnosticPanel,
    EigenvaluePanel,
    ExchangesPanel,
    GradientsPanel,
    PairsPanel,
    Panel,
    SpreadPanel,
    StrengthPanel,
    StrongestPanel,
    SweepPanel,
    search_number,
)
from harness.suite.first import first_trials
from harness.suite.hypotheses import DEFAULT_LEVELS, Hypothesis
from harness.suite.published import published_cells
from harness.suite.schema import Measure, Profile, Reading, Row, Table, ToleranceBand, Unjudged
from harness.suite.training import NamedCell, Retraining, Written, resolve_training, statements, trains_a_cell

if TYPE_CHECKING:
    from harness.suite.loaded import LoadedSuite

DATASETS = tuple(CLASSES)
NO_TOLERANCE = "accuracies have one tolerance per dataset and metric: under the suite's 'bands'"
OF_STRENGTH = (StrengthPanel, StrongestPanel, AgreementPanel)
NEEDED: dict[str, tuple[str, ...]] = {  # by what a claim's side measures
    "accuracy": ("dataset", "split", "training_epochs"),
    "magnitude": ("operation",),
    "chosen": ("operation",),
    "diagnostic": ("diagnostic",),
    "computed": ("value",),
    "strongest": ("by",),
    "agreement": ("by",),
    "rank": ("by", "operation"),
    "exchanged": (),
}


def check(loaded: LoadedSuite) -> None:
    """Raise `ConfigError` for the first mistake."""
    _Checks(loaded).run()


def _levels_of(hypothesis: Hypothesis) -> Iterator[tuple[KeyPath, str, list[str]]]:
    """Yield what a hypothesis says of levels: where, of which factor, and which."""
    contrasts = {"effect": hypothesis.effect, "at": hypothesis.at}
    for key, contrast in contrasts.items():
        for side in ("left", "right") if contrast else ():
            for factor, level in getattr(contrast, side).items():
                yield (key, side, factor), factor, [level]
    for factor, levels in hypothesis.among.items():
        yield ("among", factor), factor, levels


class _Checks:
    def __init__(self, loaded: LoadedSuite) -> None:
        self.loaded, self.suite, self.catalogue = loaded, loaded.suite, loaded.catalogue
        self.rows = [(t, r) for t, table in self.suite.tables.items() for r in table.rows]
        benchmarks = [profile.benchmark for profile in self.suite.profiles.values()]
        asked = dict.fromkeys(b.name for b in benchmarks if isinstance(b, benchmark.TableBenchmark))
        self.tables = [benchmark.TABLES[name] for name in asked]

    def run(self) -> None:
        self.columns()
        for name, table in self.suite.tables.items():
            self.table(name, table)
        self.bands()
        self.profiles()
        self.searches()
        self.measures()
        self.answered()
        self.answers()
        self.claims()
        self.hypotheses()
        self.figures()

    def fail(self, path: KeyPath, message: str) -> None:
        raise self.loaded.document.error(path, message)

    def known(self, path: KeyPath, kind: str, name: str | None, names: Iterable[str]) -> None:
        choices = list(names)
        if name is not None and name not in choices:
            self.fail(path, f"unknown {kind} {name!r}{nearest(name, choices)}")

    def columns(self) -> None:
        for name, column in self.suite.columns.items():
            self.known(("columns", name, "dataset"), "dataset", column.dataset, DATASETS)
            self.known(("columns", name, "operation"), "operation", column.operation, operations.names())
            classes = CLASSES.get(column.dataset or "")
            if classes is not None and column.top > classes:
                what = f"{column.top} guesses, and {column.dataset} has {classes} classes"
                self.fail(("columns", name, "top"), what)

    def table(self, name: str, table: Table) -> None:
        at: KeyPath = ("tables", name)
        self.known((*at, "paper"), "paper", table.paper, self.suite.papers)
        self.known((*at, "searched_on"), "dataset", table.searched_on, DATASETS)
        for index, column in enumerate(table.columns):
            self.known((*at, "columns", index), "column", column, self.suite.columns)
            if column in table.columns[:index]:
                self.fail((*at, "columns", index), f"column {column!r} written twice")
        if not table.rows:
            self.fail((*at, "rows"), "a table needs at least one row")
        labels: dict[str, str] = {}
        for row_name, row in table.rows.items():
            self.row(name, table, row_name, row)
            label = self.loaded.label(name, row_name)
            if label in labels:
                self.fail((*at, "rows", row_name), f"label {label!r} is also that of row {labels[label]!r}")
            labels[label] = row_name

    def row(self, table_name: str, table: Table, name: str, row: Row) -> None:
        at: KeyPath = ("tables", table_name, "rows", name)
        methods = {**self.catalogue.methods, **self.catalogue.planned}
        self.known((*at, "method"), "method", row.method, methods)
        self.known((*at, "searched_on"), "dataset", row.searched_on, DATASETS)
        self.depends(at, table, row)
        rows = [f"{t}/{r}" for t, r in self.rows]
        for index, other in enumerate(row.summary.of if row.summary else ()):
            self.known((*at, "summary", "of", index), "row", other, rows)
        for index, cell in enumerate(row.values):
            if cell is not None and cell.derived is not None:
                self.known((*at, "values", index, "derived", "row"), "row", cell.derived.row, rows)
        computes = row.method is not None and self.catalogue.computes(row.method)
        searches = row.method is not None and not computes
        for key, used in (("search", searches), ("stop", searches), ("computation", computes)):
            if getattr(row, key) and not used:
                what = "a row without a method" if row.method is None else f"method {row.method!r}"
                self.fail((*at, key), f"{what} has nothing to set here")
        if self.loaded.searches(table_name, name) and not (row.searched_on or table.searched_on):
            self.fail(at, "missing key 'searched_on', here or in the table")
        if table.number == "own" and row.values:
            self.fail((*at, "values"), "a table of our own has no published values")
        may_be_silent = table.number == "own" or table.number.startswith("F")
        if (row.values or not may_be_silent) and len(row.values) != len(table.columns):
            message = f"{len(row.values)} values for {len(table.columns)} columns"
            self.fail((*at, "values") if row.values else at, message)
        self.printed_settings(at, table, row)

    def printed_settings(self, at: KeyPath, table: Table, row: Row) -> None:
        """Only of settings do other places say the same; where they do, there is a printed one."""
        for key in ("official", "elsewhere"):
            stated = getattr(row, key)
            if stated is None:
                continue
            if len(stated.values) != len(table.columns):
                self.fail((*at, key, "values"), f"{len(stated.values)} values for {len(table.columns)} columns")
            for index, value in enumerate(stated.values):
                cell = row.values[index]
                if value is not None and cell is None:
                    self.fail((*at, key, "values", index), "there is no printed value here")
                if value is not None and cell is not None and (cell.kind or row.kind or table.kind) != "setting":
                    self.fail((*at, key, "values", index), "what is printed here is not of kind 'setting'")

    def answered(self) -> None:
        """What answers a column of another row is a training of its data set, split and epochs."""
        for table_name, name in self.rows:
            table = self.suite.tables[table_name]
            for column, behind in table.rows[name].answered_by.items():
                at: KeyPath = ("tables", table_name, "rows", name, "answered_by", column)
                self.known(at, "column of the table", column, table.columns)
                self.known(at, "row", behind, [f"{t}/{r}" for t, r in self.rows])
                facts, found = self.suite.columns[column], self.trainings(*behind.split("/"))
                if not any(training.answers(facts) or training.counts(facts) for training in found):
                    self.fail(at, f"no training of {behind!r} answers this column")

    def trainings(self, table: str, row: str) -> list[Retraining]:
        """Return what a row trains by the papers' protocol."""
        profiles = [name for name, profile in self.suite.profiles.items() if profile.comparable]
        found = (resolve_training(self.loaded, table, row, name) for name in profiles)
        return [training for training in found if training is not None]

    def depends(self, at: KeyPath, table: Table, row: Row) -> None:
        if row.depends is not None:
            self.known((*at, "depends", "row"), "row", row.depends.row, [f"{t}/{r}" for t, r in self.rows])
            other = self.suite.tables[row.depends.row.partition("/")[0]]
            lacking = [column for column in self.printed(table, row) if column not in other.columns]
            if lacking:
                self.fail((*at, "depends", "row"), f"table of {row.depends.row!r} has no column {lacking[0]!r}")

    def printed(self, table: Table, row: Row) -> list[str]:
        return [column for column, cell in zip(table.columns, row.values, strict=False) if cell is not None]

    def bands(self) -> None:
        """Accuracies have one tolerance per dataset and metric, so that no number gets a wider one of its own."""
        measured = {f"{column.dataset}/{column.training_epochs}" for column in self.suite.columns.values()}
        for name in self.suite.bands:
            self.known(("bands", name), "dataset/training epochs of a column", name, measured)
        for name, table in self.suite.tables.items():
            of_table = {self.suite.columns[column].metric for column in table.columns} & {"accuracy", "error"}
            if isinstance(table.band, ToleranceBand) and of_table:
                self.fail(("tables", name, "band"), NO_TOLERANCE)
        for cell in published_cells(self.suite):
            row = self.suite.tables[cell.table].rows[cell.row]
            own = row.values[cell.index]
            if isinstance(cell.band, Unjudged) and cell.column.metric != "statistic":
                self.fail(cell.path, f"a band of kind 'none' is for statistics: {cell.column.metric} is judged")
            if cell.column.metric in ("accuracy", "error"):
                for band, at in ((row.band, cell.path[:-2]), (own and own.band, cell.path)):
                    if isinstance(band, ToleranceBand):
                        self.fail((*at, "band"), NO_TOLERANCE)

    def profiles(self) -> None:
        if self.runnable and not self.suite.profiles:
            self.fail(("profiles",), "missing key 'profiles', without which no row can be run")
        if self.suite.profiles and "paper" not in self.suite.profiles and any(published_cells(self.suite)):
            self.fail(("profiles",), "missing key 'paper': numbers are printed, and held against no other profile")
        for profile_name, profile in self.suite.profiles.items():
            at: KeyPath = ("profiles", profile_name)
            if profile.comparable != (profile_name == "paper"):
                self.fail((*at, "comparable"), "only the profile 'paper' is comparable with the papers")
            for method in profile.methods:
                self.known((*at, "methods", method), "method", method, self.catalogue.methods)
            places = [*self.suite.tables, *(f"{t}/{r}" for t, r in self.rows)]
            for name in profile.left_out:
                self.known((*at, "left_out", name), "method, table or row", name, [*self.catalogue.methods, *places])
            scalable = [*self.catalogue.methods, *self.suite.tables, *(f"{t}/{r}" for t, r in self.searched)]
            for name in profile.scales:
                self.known((*at, "scales", name), "method, table or searched row", name, scalable)
            self.deviations(at, profile_name, profile)
            for index, trials in enumerate(profile.first):
                try:
                    first_trials(trials, [f"{t}/{r}" for t, r in self.runnable])
                except HarnessError as error:
                    self.fail((*at, "first", index), str(error))
            if profile.embedded is not None:
                self.known((*at, "embedded", "dataset"), "dataset", profile.embedded.dataset, DATASETS)

    def deviations(self, at: KeyPath, name: str, profile: Profile) -> None:
        for index, deviation in enumerate(profile.deviations):
            here = (*at, "deviations", index)
            if (deviation.key == CHECKSUM) != (deviation.dataset is not None):
                self.fail(here, f"a deviation names a dataset where its key is {CHECKSUM!r}, and only there")
            self.known((*here, "dataset"), "dataset", deviation.dataset, DATASETS)
            for place, paper in enumerate(deviation.papers or ()):
                self.known((*here, "papers", place), "paper", paper, self.suite.papers)
            path = deviation.key.split(".")
            specs = (self.loaded.resolve(t, r, name) for t, r in self.searched)
            if deviation.key != CHECKSUM and all(setting(spec, path) is ABSENT for spec in specs):
                self.fail((*here, "key"), f"no search has the key {deviation.key!r}")

    @cached_property
    def runnable(self) -> dict[tuple[str, str], None]:
        return {(t, r): None for t, r in self.rows if self.loaded.why_not_run(t, r) is None}

    @cached_property
    def searched(self) -> dict[tuple[str, str], None]:
        return {(t, r): None for t, r in self.rows if self.loaded.searches(t, r)}

    def searches(self) -> None:
        """Resolve every search, so that no mistake waits for the day that it is run."""
        for name, profile in self.suite.profiles.items():
            for table, row in self.searched:
                if self.loaded.why_not_run(table, row, name) is not None:
                    continue
                spec = self.loaded.resolve(table, row, name)
                self.stop(table, row, spec)
                asked = self.loaded.benchmark(table, name)
                self.looked_up(("profiles", name, "benchmark"), f"{table}/{row}", asked, spec)
                if profile.embedded is not None:
                    self.loaded.resolve(table, row, name, embedded=True)
            for table, row in self.runnable:
                if self.loaded.computes(table, row):
                    self.loaded.resolve_computation(table, row, runs=1)
                elif self.loaded.why_not_run(table, row, name) is None:
                    self.trained(name, table, row)
                    if profile.embedded is not None:
                        resolve_training(self.loaded, table, row, name, embedded=True)

    def trained(self, profile: str, table: str, row: str) -> None:
        """A training is of a known cell and data set; by the paper's protocol it answers a column of the row."""
        at: KeyPath = ("tables", table, "rows", row)
        training = resolve_training(self.loaded, table, row, profile)
        if training is None:
            return
        if isinstance(training.of, NamedCell):
            self.known(at, "cell", training.of.cell, load_cells())
        elif isinstance(training.of, Written):
            try:
                training.settings.architectures.operations(training.of.architecture)
            except HarnessError as error:
                self.fail(at, str(error))
        else:
            self.follows(at, training, self.loaded.resolve(table, row, profile).space.name)
        self.known(at, "dataset of training", training.dataset, DATASETS)
        columns = [self.suite.columns[column] for column in self.suite.tables[table].columns]
        for column in filter(training.covers, columns):
            if not training.settings.counts_top(column.top):
                self.fail(at, f"its training does not count {column.top} guesses: state tops: [{column.top}] beside it")
        measured = [reading.of for reading in self.suite.tables[table].rows[row].measures.values()]
        if training.exchanges and "exchanged" not in measured:
            self.fail(at, "it trains exchanged operations: a column has to measure 'exchanged'")
        confused = training.settings.confusion is not None and "diagnostic" in measured
        answers = training.exchanges or confused or any(map(training.answers, columns))
        if self.loaded.profile(profile).comparable and not answers:
            asked = f"{training.dataset}, {training.settings.data.split}, {training.settings.epochs} epochs"
            self.fail(at, f"its training answers none of the table's columns ({asked})")

    def follows(self, at: KeyPath, training: Retraining, space: str) -> None:
        """What a search finds can be read where it is trained, and is that of its last epoch."""
        if training.settings.architectures.name != space:
            self.fail(at, f"what is found in space {space!r} cannot be trained as of {training.settings.space!r}")
        if self.suite.tables[str(at[1])].rows[str(at[3])].stop is not None:
            self.fail((*at, "stop"), "a training follows the last epoch of its search, whatever a stop rule takes")

    def looked_up(self, at: KeyPath, row: str, asked: benchmark.Benchmark, spec: SearchSpec) -> None:
        """A table has the architectures of its space alone."""
        if isinstance(asked, benchmark.TableBenchmark) and asked.facts.space != spec.space.name:
            self.fail(at, f"{asked.name!r} has no architectures of space {spec.space.name!r} (row {row!r})")

    def stop(self, table: str, row: str, spec: SearchSpec) -> None:
        """A stop rule reads a search that nothing follows, and what was measured on its way."""
        stop, at = self.suite.tables[table].rows[row].stop, ("tables", table, "rows", row, "stop")
        if stop is None:
            return
        if spec.select.name != "largest-weight":
            self.fail(at, f"{stop.name!r} does not work with select {spec.select.name!r}")
        if isinstance(stop, MagnitudePeak):
            offered = dict.fromkeys(
                o for group in spec.space.groups if not group.links for row in group.options for o in row
            )
            self.known((*at, "operation"), "operation of the row's search", stop.operation, offered)
        if isinstance(stop, DominantEigenvalue) and "eigenvalue" not in {part.name for part in spec.diagnostics}:
            self.fail(at, f"{stop.name!r} needs the diagnostic 'eigenvalue'")

    def answers(self) -> None:
        """A column that rows are measured for must be one that the table benchmark has."""
        tables = {t for t, _ in self.runnable if self.suite.tables[t].benchmark is None}
        measured = {c for t in tables for c in self.suite.tables[t].columns}
        for name, column in self.suite.columns.items():
            if name in measured and column.metric in ("accuracy", "error"):
                self.answer(("columns", name), column.dataset, column.split, column.training_epochs)

    def answer(self, at: KeyPath, dataset: str | None, split: str | None, epochs: int | None) -> None:
        """Every table that profiles ask must have the accuracy."""
        for table in self.tables:
            self.known((*at, "dataset"), f"dataset of the {table.title} table", dataset, table.datasets)
            self.known((*at, "split"), f"split of the {table.title} table", split, table.splits)
            if epochs not in table.epochs:
                valid = " and ".join(map(str, sorted(table.epochs)))
                self.fail((*at, "training_epochs"), f"the {table.title} table has {valid} epochs, not {epochs}")

    def claims(self) -> None:
        for name, claim in self.suite.claims.items():
            self.measure(("claims", name, "left"), claim.left)
            if isinstance(claim.right, Measure):
                self.measure(("claims", name, "right"), claim.right)
                if claim.right == claim.left:
                    self.fail(("claims", name, "right"), "is the same as left")
                if claim.right.of != claim.left.of:
                    self.fail(
                        ("claims", name, "right", "of"), f"{claim.right.of} cannot be compared with {claim.left.of}"
                    )

    def hypotheses(self) -> None:
        """What they name must be factors and levels of their tables' grids."""
        for name, hypothesis in self.suite.hypotheses.items():
            at: KeyPath = ("hypotheses", name)
            self.known((*at, "paper"), "paper", hypothesis.paper, self.suite.papers)
            levels: dict[str, dict[str, None]] = {}
            for index, table in enumerate(hypothesis.tables):
                grids = [t for t, entry in self.suite.tables.items() if entry.grid is not None]
                self.known((*at, "tables", index), "table with a grid", table, grids)
                for row in self.suite.tables[table].rows.values():
                    for factor, level in {**DEFAULT_LEVELS, **row.levels}.items():
                        levels.setdefault(factor, {})[level] = None
            for path, factor, chosen in _levels_of(hypothesis):
                self.known((*at, *path), "factor", factor, levels)
                for level in chosen:
                    self.known((*at, *path), f"level of {factor!r}", level, levels[factor])

    def measure(self, at: KeyPath, measure: Measure) -> None:
        self.known((*at, "row"), "row", measure.row, [f"{t}/{r}" for t, r in self.rows])
        self.reading(at, measure.row, measure, (*at, "row"))

    def reading(self, at: KeyPath, row: str, reading: Reading, named: KeyPath) -> None:
        """``named``: where the row is."""
        if reading.of in ("accuracy", "diagnostic", "exchanged") and reading.cell is not None:
            self.fail((*at, "cell"), f"{reading.of} does not take 'cell'")
        for key in dict.fromkeys(key for keys in NEEDED.values() for key in keys):
            given = getattr(reading, key) is not None
            if given != (key in NEEDED[reading.of]):
                problem = "does not take" if given else "needs"
                self.fail((*at, key) if given else at, f"{reading.of} {problem} {key!r}")
        if reading.of == "diagnostic" and isinstance(reading.epoch, int):
            self.fail((*at, "epoch"), "a diagnostic is not measured in every epoch: 'first' or 'last'")
        if reading.by is not None:
            self.strength(named, row)
        if reading.of == "computed":
            self.computed((*at, "value"), row, reading.value, named)
        elif reading.of == "exchanged":
            self.exchanges(named, row)
        elif reading.of == "accuracy":
            self.answer(at, reading.dataset, reading.split, reading.training_epochs)
        elif reading.of == "diagnostic" and trains_a_cell(self.loaded, *row.split("/", 1)):
            self.confused((*at, "diagnostic"), row, reading.diagnostic)
        elif reading.of == "diagnostic":
            self.curve(named, row)
            self.diagnosed((*at, "diagnostic"), row, reading.diagnostic)
        else:
            self.operation(at, row, reading, named)

    def computed(self, at: KeyPath, row: str, value: str | None, named: KeyPath) -> None:
        """A value is a column of a computed row whose seeds are trials of their own."""
        table, _, name = row.partition("/")
        runnable = (table, name) in self.runnable and self.loaded.computes(table, name)
        if not runnable or not self.loaded.resolve_computation(table, name, runs=1).trains:
            self.fail(named, f"row {row!r} computes nothing by seed")
        self.known(at, "column of the row's table", value, self.suite.tables[table].columns)

    def exchanges(self, at: KeyPath, row: str) -> None:
        """Accuracies by operation are known of a row that trains them."""
        of = deep_merge(*(layer.data for layer in statements(self.loaded, *row.split("/", 1)))).get("of", {})
        if of.get("name") != "each-exchange":
            self.fail(at, f"row {row!r} trains no exchanged operations: its training is not of 'each-exchange'")

    def measures(self) -> None:
        """Only columns of statistics are measured by what a search gives."""
        for table_name, name in self.rows:
            table = self.suite.tables[table_name]
            for column, reading in table.rows[name].measures.items():
                at: KeyPath = ("tables", table_name, "rows", name, "measures", column)
                self.known(at, "column of the table", column, table.columns)
                if self.suite.columns[column].metric != "statistic":
                    self.fail(at, f"a column of {self.suite.columns[column].metric} has what it measures")
                if reading.by is not None:
                    self.fail((*at, "by"), "strength is compared over the trials of a seed: only in claims")
                self.reading(at, f"{table_name}/{name}", reading, at)

    def diagnosed(self, at: KeyPath, row: str, diagnostic: str | None) -> None:
        """A diagnostic is known of a search that measures it."""
        for spec in self.specs(row):
            cells = spec.space.cell_types[:1] * 3  # for the names of what is measured by cell, of whatever type
            names = [name for part in spec.diagnostics for name in part.names(spec.space, cells)]
            self.known(at, "diagnostic of the row's search", diagnostic, names)

    def confused(self, at: KeyPath, row: str, diagnostic: str | None) -> None:
        """Of a training that follows no search gradient confusion is known, where it is measured."""
        table, _, name = row.partition("/")
        found = [resolve_training(self.loaded, table, name, profile) for profile in self.suite.profiles]
        measured = any(training.settings.confusion for training in found if training is not None)
        self.known(at, "diagnostic of the row's training", diagnostic, Confusion.series if measured else ())

    def strength(self, at: KeyPath, row: str) -> None:
        """Only a row that measures strength has something to compare with it."""
        if any(not isinstance(spec.select, Strength) for spec in self.specs(row)):
            self.fail(at, f"row {row!r} measures no strength: its select is not 'strength'")

    def operation(self, at: KeyPath, row: str, reading: Reading, named: KeyPath) -> None:
        table, _, name = row.partition("/")
        if (table, name) in self.runnable and self.loaded.computes(table, name):
            self.fail(named, f"a computed row has no {reading.of}")
        if (table, name) in self.runnable:
            for profile in self.suite.profiles:
                space = self.loaded.resolve(table, name, profile).space
                self.known((*at, "cell"), "cell type of the row's search", reading.cell, space.cell_types)
                cells = space.cell_types[:1] if reading.of == "magnitude" else space.cell_types
                rows = [row for cell in ([reading.cell] if reading.cell else cells) for row in space.rows(cell)]
                rows = [row for row in rows if reading.of != "magnitude" or not row[0].links]
                ops = dict.fromkeys(name for group, place in rows for name in group.options[place])
                self.known((*at, "operation"), "operation of the row's search", reading.operation, ops)

    def figures(self) -> None:
        for name, figure in self.suite.figures.items():
            at: KeyPath = ("figures", name)
            self.known((*at, "paper"), "paper", figure.paper, self.suite.papers)
            for index, panel in enumerate(figure.panels):
                self.panel((*at, "panels", index), panel)

    def panel(self, at: KeyPath, panel: Panel) -> None:
        for key in ("rows", "by_epoch"):
            for index, row in enumerate(getattr(panel, key, ())):
                self.curve((*at, key, index), row)
        if isinstance(panel, CellPanel):
            self.cell(at, panel)
        for index, row in enumerate(panel.rows if isinstance(panel, OF_STRENGTH) else ()):
            self.strength((*at, "rows", index), row)
        if isinstance(panel, AccuracyPanel | EigenvaluePanel):
            self.accuracy((*at, "column"), panel.column)
        for index, column in enumerate(panel.columns if isinstance(panel, SweepPanel) else ()):
            self.accuracy((*at, "columns", index), column)
        for key in ("since", "over"):
            number = getattr(panel, key, None)
            if number is not None:
                self.number((*at, key), panel.rows, number)
        if isinstance(panel, ExchangesPanel):
            self.exchanges((*at, "rows", 0), panel.rows[0])
        if isinstance(panel, SpreadPanel):
            self.accuracy((*at, "column"), panel.column)
        if isinstance(panel, DiagnosticPanel | EigenvaluePanel | GradientsPanel | PairsPanel):
            self.measured(at, panel)

    def cell(self, at: KeyPath, panel: CellPanel) -> None:
        """What is drawn has such a cell."""
        cells = load_cells()
        self.known((*at, "published"), "published cell", panel.published, cells)
        if panel.published is not None:
            types = [published(cells[panel.published].space).cell_types]
        else:
            types = [spec.space.cell_types for row in panel.rows for spec in self.specs(row)]
        for names in types:
            self.known((*at, "cell"), "cell type", panel.cell, names)

    def accuracy(self, at: KeyPath, column: str) -> None:
        self.known(at, "column", column, self.suite.columns)
        if self.suite.columns[column].metric not in ("accuracy", "error"):
            self.fail(at, f"{column!r} is no accuracy and no error")

    def curve(self, at: KeyPath, name: str) -> None:
        """Only a search that can be run leaves a trajectory."""
        self.known(at, "row", name, [f"{t}/{r}" for t, r in self.rows])
        table, _, row = name.partition("/")
        if (table, row) not in self.searched:
            why = self.loaded.why_not_run(table, row) or "it is computed and not searched for"
            self.fail(at, f"row {name!r} has no trajectory: {why}")

    def number(self, at: KeyPath, rows: Iterable[str], key: str) -> None:
        for row in rows:
            for spec in self.specs(row):
                try:
                    search_number(spec, key)
                except HarnessError as error:
                    self.fail(at, f"{error} (row {row!r})")

    def measured(self, at: KeyPath, panel: DiagnosticPanel | EigenvaluePanel | GradientsPanel | PairsPanel) -> None:
        """Some profile must measure what is to be shown."""
        for index, row in enumerate(panel.rows):
            names = {diagnostic.name for spec in self.specs(row) for diagnostic in spec.diagnostics}
            if panel.of not in names:
                self.fail((*at, "rows", index), f"row {row!r} does not measure {panel.of!r}{nearest(panel.of, names)}")

    def specs(self, name: str) -> list[SearchSpec]:
        """Return a row's search under every profile."""
        table, _, row = name.partition("/")
        searched = (table, row) in self.searched
        return [self.loaded.resolve(table, row, profile) for profile in self.suite.profiles if searched]
