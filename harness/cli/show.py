"""``show`` of a record: what it was, what it found, epoch by epoch or over its runs."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer

from harness.cli.layout import Rows, Value, emit_json, only_text_or_json
from harness.cli.text import percent
from harness.engine.trajectory import TrainingCurve, Trajectory
from harness.errors import HarnessError
from harness.runner.evaluate import test_accuracy
from harness.runner.record import Record
from harness.runner.store import Store, read_record, render

APART = {"trajectory", "training", "evaluations", "error", "values", "found"}  # shown below, in their own ways


def show_trial(trial: str, results: Path, layout: str) -> int:
    """Print one record, named by the beginning of its id or by its path."""
    only_text_or_json(layout, "a record is no table")
    path = Path(trial) if trial.endswith(".json") else _find(trial, Store.of(results))
    record = read_record(path)
    if layout == "json":
        emit_json(record.model_dump(mode="json"))
    else:
        typer.echo("\n".join(_lines(record)))
    return 0


def _find(prefix: str, store: Store) -> Path:
    paths = store.find(prefix)
    if not paths:
        raise HarnessError(f"no record below {store.root} has an id that begins with {prefix!r}")
    if len(paths) > 1:
        names = ", ".join(path.stem.partition("-")[2] for path in paths[:5])
        raise HarnessError(f"{prefix!r} is the beginning of {len(paths)} ids: {names}{', ...' * (len(paths) > 5)}")
    return paths[0]


def _lines(record: Record) -> Iterator[str]:
    about = record.model_dump(mode="json", exclude=APART)
    del about["provenance"]["epoch_seconds"]
    yield from (f"{key}: {render(value) if isinstance(value, dict) else value}" for key, value in about.items())
    if record.error is not None:
        yield f"error: {record.error}"
    if record.trajectory is not None:
        last = record.trajectory.architectures[-1]
        yield from _stages(record, record.trajectory)
        yield f"found: {last}"
        yield from (f"  {key}: {percent(value)}" for key, value in record.evaluations.get(last, {}).items())
    if record.training is not None:
        yield from ("epochs:", _trained(record.training, record.provenance.epoch_seconds).text())
        yield f"trained: {record.training.architecture}, {record.training.parameters:,} parameters"
        yield from (f"  {which}: {percent(value)} after epoch {n}" for which, n, value in record.training.landmarks)
    if record.values:
        yield from _statement(record)
        yield from ("values:", _values(record.values).text())
    if record.found:
        yield from (f"found by {len(record.found)} runs, the most frequent:", _found(record.found).text())


def _statement(record: Record) -> Iterator[str]:
    """Say which statement was checked, whether it holds, and why not: with the numbers below, the counterexample."""
    if record.method != "theory":
        return
    from harness.theory.checks import CHECKS

    check = CHECKS.get(record.spec["computation"]["check"])
    if check is not None:
        held = record.values.get("holds", [0.0])[0]
        yield f"statement ({check.where}): {check.statement}"
        yield f"it {'holds' if held == 1 else 'does not hold' if held == 0 else 'holds roughly'}: {check.note}"


def _values(values: dict[str, list[float]]) -> Rows:
    """Lay out what a computation gave: of several runs their statistics, of one run the number."""
    header = ("value", "runs", "mean", "sample std", "least", "median", "largest")
    if all(len(numbers) == 1 for numbers in values.values()):
        return Rows(("value", ""), [(key, _short(numbers[0])) for key, numbers in values.items()])
    rows: list[tuple[Value, ...]] = []
    for key, runs in values.items():
        spread = statistics.stdev(runs) if len(runs) > 1 else None
        numbers = (statistics.fmean(runs), spread, min(runs), statistics.median(runs), max(runs))
        rows.append((key, len(runs), *(None if number is None else _short(number) for number in numbers)))
    return Rows(header, rows)


def _short(value: float) -> str:
    return f"{value:.7g}"


def _found(architectures: Sequence[str], most: int = 5) -> Rows:
    counts = sorted(set(architectures), key=lambda one: (-architectures.count(one), one))[:most]
    return Rows(("runs", "architecture"), [(architectures.count(one), one) for one in counts])


def _stages(record: Record, last: Trajectory) -> Iterator[str]:
    """Lay out the epochs of all stages; the seconds of all follow each other."""
    seconds, stages = record.provenance.epoch_seconds, (*last.earlier, last)
    for number, track in enumerate(stages, 1):
        yield "epochs:" if len(stages) == 1 else f"epochs of stage {number} of {len(stages)}:"
        yield _epochs(record, track, seconds).text()
        seconds = seconds[len(track.architectures) - 1 :]


def _epochs(record: Record, track: Trajectory, took: Sequence[float]) -> Rows:
    """Lay a trajectory out by epoch, with the test accuracy of each epoch's architecture where it is known."""
    header = ("epoch", "w loss", "w acc", "a loss", "a acc", "lr", "seconds", "test", "architecture")
    seconds: list[float | None] = [None, *took]
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
    return Rows(header, rows)


def _trained(curve: TrainingCurve, seconds: Sequence[float]) -> Rows:
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
    return Rows(("epoch", "loss", "train", "lr", "seconds", "evaluated", "top 5"), rows)


def _number(value: float | None, decimals: int) -> str:
    return "-" if value is None else f"{value:.{decimals}f}"
