"""``validate``, ``list`` and ``show``: looking, without running anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

import typer

from harness.benchmarks.spec import TABLES, NoBenchmark, TrainingBenchmark
from harness.cli.select import DEFAULT_SUITES
from harness.cli.text import columns, percent
from harness.data.sources import CIFAR, FOLDERS
from harness.engine.trajectory import TrainingCurve
from harness.errors import HarnessError
from harness.methods.catalogue import load_catalogue
from harness.runner.evaluate import found_accuracy, test_accuracy
from harness.runner.record import Record
from harness.runner.store import RecordError, Store, read_record, render
from harness.spaces.registry import known, published
from harness.suite.load import find_suites, load_suite
from harness.suite.loaded import LoadedSuite
from harness.suite.published import published_cells
from harness.text import one_line

KINDS = {"subject": "training", "computation": "computation"}  # by a key of the specification
Table = tuple[Sequence[str], Sequence[Sequence[str]]]


def validate_suites(suites: Sequence[str] | None) -> int:
    """Check every suite and say what it holds; return 2 if one is wrong."""
    wrong = 0
    for loaded in _load_each(suites):
        if isinstance(loaded, HarnessError):
            wrong += 1
            typer.echo(f"error: {loaded}", err=True)
        else:
            suite = loaded.suite
            rows = sum(len(table.rows) for table in suite.tables.values())
            numbers = sum(1 for _ in published_cells(suite))
            said = f"{len(suite.tables)} tables, {rows} rows, {numbers} published numbers, {len(suite.claims)} claims"
            typer.echo(one_line(f"{loaded.path}: valid ({said})"))
    return 2 if wrong else 0


def list_all() -> int:
    """List everything except trials."""
    code = 0
    for index, what in enumerate(("suites", "methods", "spaces", "datasets", "benchmarks")):
        typer.echo(f"{'' if index == 0 else chr(10)}{what}:")
        code = max(code, list_one(what, Path()))
    return code


def list_one(what: str, results: Path) -> int:
    """List one kind of things as a table; return 2 where some could not be read."""
    match what:
        case "suites":
            return _list_suites()
        case "methods":
            table = _methods()
        case "spaces":
            table = _spaces()
        case "datasets":
            table = _datasets()
        case "benchmarks":
            table = _benchmarks()
        case _:
            return _list_trials(Store.of(results))
    typer.echo(columns(*table))
    return 0


def show_trial(trial: str, results: Path) -> int:
    """Print one record, named by the beginning of its id or by its path."""
    path = Path(trial) if trial.endswith(".json") else _find(trial, Store.of(results))
    record = read_record(path)
    about = record.model_dump(mode="json", exclude={"trajectory", "training", "evaluations", "error"})
    del about["provenance"]["epoch_seconds"]
    for key, value in about.items():
        typer.echo(f"{key}: {render(value) if isinstance(value, dict) else value}")
    if record.error is not None:
        typer.echo(f"error: {record.error}")
    if record.trajectory is not None:
        typer.echo("epochs:\n" + columns(*_epochs(record)))
        typer.echo(f"found: {record.trajectory.architectures[-1]}")
        for key, value in record.evaluations.get(record.trajectory.architectures[-1], {}).items():
            typer.echo(f"  {key}: {percent(value)}")
    if record.training is not None:
        typer.echo("epochs:\n" + columns(*_trained(record.training, record.provenance.epoch_seconds)))
        typer.echo(f"trained: {record.training.architecture}, {record.training.parameters:,} parameters")
        for which, epoch, value in record.training.landmarks:
            typer.echo(f"  {which}: {percent(value)} after epoch {epoch}")
    return 0


def _load_each(suites: Sequence[str] | None) -> Iterator[LoadedSuite | HarnessError]:
    for path in find_suites(suites or (DEFAULT_SUITES,)):
        try:
            yield load_suite(path, load_catalogue())
        except HarnessError as error:
            yield error


def _list_suites() -> int:
    rows, errors = [], []
    for loaded in _load_each(None):
        if isinstance(loaded, HarnessError):
            errors.append(loaded)
        else:
            suite = loaded.suite
            rows.append((str(loaded.path), " ".join(suite.profiles), suite.title, " ".join(suite.tables)))
    typer.echo(columns(("suite", "profiles", "title", "tables"), rows))
    for error in errors:
        typer.echo(f"error: {error}", err=True)
    return 2 if errors else 0


def _methods() -> Table:
    catalogue = load_catalogue()
    rows = [
        (name, "ready", method.title, method.paper, "; ".join(catalogue.parts(name)), method.follows)
        for name, method in catalogue.methods.items()
    ]
    rows += [(name, "planned", title, "", "", "") for name, title in catalogue.planned.items()]
    return ("method", "state", "title", "paper", "parts", "settings follow"), rows


def _spaces() -> Table:
    spaces = {name: published(name) for space in known().values() for name in space.presets()}
    rows = [(name, f"{space.architectures:,}", " ".join(space.names())) for name, space in spaces.items()]
    return ("space", "architectures", "operations"), rows


def _datasets() -> Table:
    rows = [("digits", "comes with scikit-learn")]
    rows += [(s.name, f"data root: {s.folder}, {s.archive.file} or parquet") for s in CIFAR.values()]
    rows += [(s.name, f"data root: {s.folder}, {', '.join(sum(s.members.values(), ()))}") for s in FOLDERS.values()]
    return ("dataset", "where"), rows


def _benchmarks() -> Table:
    rows = [(name, f"Look the found architecture up in the {facts.title} table.") for name, facts in TABLES.items()]
    kinds = (TrainingBenchmark, NoBenchmark)
    return ("benchmark", "what it does"), rows + [
        (get_args(kind.model_fields["name"].annotation)[0], (kind.__doc__ or "").partition("\n")[0]) for kind in kinds
    ]


def _list_trials(store: Store) -> int:
    from harness.runner.progress import duration  # with rich, which nothing else here needs

    rows, broken = [], []
    for record in store.read_all():
        if isinstance(record, RecordError):
            broken.append(record)
            continue
        seconds = duration(record.provenance.search_seconds)
        accuracy = percent(found_accuracy(record))
        kind = next((word for key, word in KINDS.items() if key in record.spec), "search")
        about = (kind, record.profile, record.method, record.dataset, str(record.seed))
        rows.append((record.id, record.status, *about, accuracy, seconds, record.suite, " ".join(record.overrides)))
    header = (
        "trial", "status", "kind", "profile", "method", "dataset", "seed", "found", "took", "suite", "overridden",
    )  # fmt: skip
    typer.echo(columns(header, rows))
    for error in broken:
        typer.echo(f"error: {error}", err=True)
    return 2 if broken else 0


def _find(prefix: str, store: Store) -> Path:
    paths = store.find(prefix)
    if not paths:
        raise HarnessError(f"no record below {store.root} has an id that begins with {prefix!r}")
    if len(paths) > 1:
        names = ", ".join(path.stem.partition("-")[2] for path in paths[:5])
        raise HarnessError(f"{prefix!r} is the beginning of {len(paths)} ids: {names}{', ...' * (len(paths) > 5)}")
    return paths[0]


def _epochs(record: Record) -> Table:
    """Lay the trajectory out by epoch, with the test accuracy of each epoch's architecture where it is known."""
    track = record.trajectory
    assert track is not None, "asked for by the caller"
    header = ("epoch", "w loss", "w acc", "a loss", "a acc", "lr", "seconds", "test", "architecture")
    seconds: list[float | None] = [None, *record.provenance.epoch_seconds]
    seconds += [None] * (len(track.architectures) - len(seconds))  # a selection may add an entry without training
    rows = []
    for epoch, architecture in enumerate(track.architectures):
        numbers = [
            _number(track.weight_loss[epoch], 4),
            _number(track.weight_accuracy[epoch], 2),
            _number(track.architecture_loss[epoch], 4),
            _number(track.architecture_accuracy[epoch], 2),
            _number(track.weight_lr[epoch], 5),
            _number(seconds[epoch], 1),
        ]
        rows.append((str(epoch), *numbers, percent(test_accuracy(record, architecture)), architecture))
    return header, rows


def _trained(curve: TrainingCurve, seconds: Sequence[float]) -> Table:
    """Lay a training out by epoch."""
    numbers = zip(curve.loss, curve.train_accuracy, curve.lr, seconds, curve.accuracy, curve.top5, strict=True)
    rows = [
        (
            str(epoch),
            _number(loss, 4),
            _number(train, 2),
            _number(lr, 5),
            _number(took, 1),
            percent(top1),
            percent(top5),
        )
        for epoch, (loss, train, lr, took, top1, top5) in enumerate(numbers, start=1)
    ]
    return ("epoch", "loss", "train", "lr", "seconds", "evaluated", "top 5"), rows


def _number(value: float | None, decimals: int) -> str:
    return "-" if value is None else f"{value:.{decimals}f}"
