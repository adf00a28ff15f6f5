"""``validate`` and ``list``: looking, without running anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import get_args

import typer

from harness.api.request import DEFAULT_SUITES
from harness.benchmarks.spec import TABLES, NoBenchmark, TrainingBenchmark
from harness.cli.layout import Rows, Value, emit, emit_json, only_text_or_json, thousands
from harness.cli.text import percent
from harness.data.large import LARGE
from harness.data.sources import CIFAR, FOLDERS
from harness.errors import HarnessError
from harness.methods.catalogue import load_catalogue
from harness.runner.evaluate import found_accuracy
from harness.runner.record import Record
from harness.runner.store import RESULTS, RecordError, Store
from harness.spaces.registry import known, published
from harness.suite.load import find_suites, load_suite
from harness.suite.loaded import LoadedSuite
from harness.suite.published import published_cells
from harness.text import one_line

Listed = tuple[Rows, Sequence[HarnessError]]  # what there is, and what could not be read


def validate_suites(suites: Sequence[str] | None, layout: str) -> int:
    """Check every suite and say what it holds; return 2 if one is wrong."""
    rows: list[tuple[Value, ...]] = []
    errors: list[HarnessError] = []
    for loaded in _load_each(suites):
        if isinstance(loaded, HarnessError):
            errors.append(loaded)
            continue
        suite = loaded.suite
        counts = (sum(len(table.rows) for table in suite.tables.values()), sum(1 for _ in published_cells(suite)))
        row = (str(loaded.path), len(suite.tables), *counts, len(suite.claims))
        rows.append(row)
        if layout == "text":
            said = "{} tables, {} rows, {} published numbers, {} claims".format(*row[1:])
            typer.echo(one_line(f"{loaded.path}: valid ({said})"))
    if layout != "text":
        emit(Rows(("suite", "tables", "rows", "published numbers", "claims"), rows), layout)
    return _said(errors)


def list_all(layout: str) -> int:
    """List everything except trials; return 2 where some could not be read."""
    only_text_or_json(layout, "name what to list: each kind has columns of its own")
    listed = {what: listing() for what, listing in LISTINGS.items()}
    if layout == "json":
        emit_json({what: rows.keyed() for what, (rows, _) in listed.items()})
    else:
        typer.echo("\n\n".join(f"{what}:\n{rows.text()}" for what, (rows, _) in listed.items()))
    return max(_said(errors) for _, errors in listed.values())


def list_one(what: str, results: Path, layout: str) -> int:
    """List one kind of things; return 2 where some could not be read."""
    if what not in LISTINGS and results != RESULTS and not results.exists():
        raise HarnessError(f"{results}: no folder of records")
    rows, errors = LISTINGS[what]() if what in LISTINGS else _trials(Store.of(results))
    emit(rows, layout)
    return _said(errors)


def _said(errors: Sequence[HarnessError]) -> int:
    """Print what could not be read, and return the exit code."""
    for error in errors:
        typer.echo(f"error: {error}", err=True)
    return 2 if errors else 0


def _load_each(suites: Sequence[str] | None) -> Iterator[LoadedSuite | HarnessError]:
    for path in find_suites(suites or (DEFAULT_SUITES,)):
        try:
            yield load_suite(path, load_catalogue())
        except HarnessError as error:
            yield error


def _suites() -> Listed:
    loaded = list(_load_each(None))
    rows: list[tuple[Value, ...]] = [
        (_called(one.path), [*one.suite.profiles], one.suite.title, [*one.suite.tables])
        for one in loaded
        if not isinstance(one, HarnessError)
    ]
    errors = [one for one in loaded if isinstance(one, HarnessError)]
    return Rows(("suite", "profiles", "title", "tables"), rows, hidden=("tables",), wrapped=True), errors


def _called(path: Path) -> str:
    """Return what a command takes a suite by: one that came with the package, elsewhere, by its name."""
    return path.stem if path.is_absolute() else str(path)


def _methods() -> Listed:
    catalogue = load_catalogue()
    rows: list[tuple[Value, ...]] = [
        (name, "ready", method.title, method.paper, catalogue.parts(name), method.follows)
        for name, method in catalogue.methods.items()
    ]
    rows += [(name, "planned", title, None, [], None) for name, title in catalogue.planned.items()]
    header = ("method", "state", "title", "paper", "parts", "settings follow")
    return Rows(header, rows, hidden=("parts", "settings follow"), wrapped=True), []


def _spaces() -> Listed:
    spaces = {name: published(name) for space in known().values() for name in space.presets()}
    rows: list[tuple[Value, ...]] = [(name, one.architectures, [*one.names()]) for name, one in spaces.items()]
    return Rows(("space", "architectures", "operations"), rows, {"architectures": thousands}, wrapped=True), []


def _datasets() -> Listed:
    rows: list[tuple[Value, ...]] = [("digits", "comes with scikit-learn")]
    rows += [(s.name, f"data root: {s.folder}, {s.archive.file} or parquet") for s in CIFAR.values()]
    rows += [(s.name, f"data root: {s.folder}, {', '.join(sum(s.members.values(), ()))}") for s in FOLDERS.values()]
    rows += [(s.name, f"data root: {s.folder}, folders of classes, parquet or webdataset") for s in LARGE.values()]
    return Rows(("dataset", "where"), rows, wrapped=True), []


def _benchmarks() -> Listed:
    rows: list[tuple[Value, ...]] = [
        (name, f"Look the found architecture up in the {facts.title} table.") for name, facts in TABLES.items()
    ]
    rows += [
        (get_args(kind.model_fields["name"].annotation)[0], (kind.__doc__ or "").partition("\n")[0])
        for kind in (TrainingBenchmark, NoBenchmark)
    ]
    return Rows(("benchmark", "what it does"), rows, wrapped=True), []


def _trials(store: Store) -> Listed:
    from harness.runner.progress import duration  # with rich, which nothing else here needs

    records = list(store.read_all())
    rows: list[tuple[Value, ...]] = [_trial(one) for one in records if not isinstance(one, RecordError)]
    header = (
        "trial", "status", "kind", "profile", "method", "dataset", "seed", "found", "took", "suite", "overridden",
    )  # fmt: skip
    broken = [one for one in records if isinstance(one, RecordError)]
    return Rows(header, rows, {"found": percent, "took": duration}), broken


def _trial(record: Record) -> tuple[Value, ...]:
    about = (record.kind, record.profile, record.method, record.dataset, record.seed, found_accuracy(record))
    return record.id, record.status, *about, record.provenance.search_seconds, record.suite, record.overrides


LISTINGS: dict[str, Callable[[], Listed]] = {
    "suites": _suites,
    "methods": _methods,
    "spaces": _spaces,
    "datasets": _datasets,
    "benchmarks": _benchmarks,
}
