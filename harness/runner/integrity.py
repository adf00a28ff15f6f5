"""Is a record what it says it is? Whatever was edited, or is of another table than the one at hand, is not judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from harness.benchmarks.spec import TABLES
from harness.benchmarks.table import Table
from harness.errors import HarnessError
from harness.runner.record import Record
from harness.runner.trial import hashed

ROUND_OFF = 1e-9


def problem(record: Record, tables: Mapping[str, Table]) -> str | None:
    """Say what is wrong with a record, in words that name what; None where nothing is.

    ``tables``: those at hand, by benchmark; of one that is not there, what the record says of its own is believed.
    """
    return forged(record) or cut(record) or misquoted(record, tables)


def forged(record: Record) -> str | None:
    """Tell a record whose id is not the hash of its own specification."""
    own = hashed(record.spec, record.dataset, record.seed, record.part_versions, record.data_checksum)
    if own == record.id:
        return None
    return f"its specification, dataset, seed, versions and data have the id {own}: it was edited"


def cut(record: Record) -> str | None:
    """Tell a training that has not all of its epochs, or another accuracy at its end than it says beside them."""
    curve = record.training
    if curve is None:
        return None
    if len(curve.accuracy) != record.spec.get("epochs"):
        return f"its training has {len(curve.accuracy)} epochs of {record.spec.get('epochs')}"
    said = {value for values in record.evaluations.values() for value in values.values()}
    return None if said == {curve.evaluated[-1]} else "its training does not end with the accuracy that it says"


def misquoted(record: Record, tables: Mapping[str, Table]) -> str | None:
    """Tell a record with accuracies that no table can have, or that its own benchmark's, at hand, does not have."""
    for where, key, value in _accuracies(record):
        if not 0 <= value <= 100:
            return f"{key} of {where} is {value:g}, no percentage"
    table = tables.get(record.benchmark["name"]) if _looked_up(record) else None
    if table is None:
        return None
    if record.benchmark_checksum != table.checksum:
        return f"looked up in another table, {str(record.benchmark_checksum)[:16]}, not {table.checksum[:16]}"
    try:
        return _compared(record, table)
    except HarnessError as error:
        return str(error)


def _looked_up(record: Record) -> bool:
    computed = bool(record.values)
    return bool(record.found or not computed) and record.status == "done" and record.benchmark["name"] in TABLES


def _compared(record: Record, table: Table) -> str | None:
    architectures = list(dict.fromkeys(where for where, _, _ in _accuracies(record)))
    columns = table.accuracies(architectures) if architectures else {}
    rows = {architecture: row for row, architecture in enumerate(architectures)}
    for where, key, value in _accuracies(record):
        if key in columns and abs(columns[key][rows[where]] - value) > ROUND_OFF:
            return f"{key} of {where} is {value:g}, and {columns[key][rows[where]]:g} in the table"
    return None


def _accuracies(record: Record) -> Iterator[tuple[str, str, float]]:
    """Yield the architecture, key and percentage of every accuracy that a record holds."""
    for architecture, values in record.evaluations.items():
        yield from ((architecture, key, value) for key, value in values.items())
    if (curve := record.training) is not None:
        further = {f"top{guesses}": values for guesses, values in curve.tops.items()}
        curves: dict[str, Sequence[float | None]] = {"accuracy": curve.accuracy, "top5": curve.top5, **further}
        curves["train_accuracy"] = curve.train_accuracy
        for name, percents in curves.items():
            known = [(epoch, value) for epoch, value in enumerate(percents, start=1) if value is not None]
            yield from ((curve.architecture, f"{name} of epoch {epoch}", value) for epoch, value in known)
    for key, numbers in record.values.items():
        if key.count("/") == 2:  # dataset/split/training epochs
            places = record.found or ["the best of the table"] * len(numbers)
            yield from ((place, key, number) for place, number in zip(places, numbers, strict=False))
