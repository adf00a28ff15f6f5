"""``diff``: two folders of records, trial by trial and method by method."""

from __future__ import annotations

from pathlib import Path

import typer

from harness.analysis.compare import Compared, compare, group
from harness.cli.layout import Rows, emit, emit_json
from harness.cli.text import percent
from harness.errors import HarnessError
from harness.runner.record import Record
from harness.runner.store import RecordError, Store


def diff(a: Path, b: Path, layout: str) -> int:
    """Print where records of two folders differ; return 1 where they do, 0 where all are equal."""
    left, right = _records(a), _records(b)
    compared = compare(left, right)
    trials, groups = _trials(compared), _groups(compared, left, right)
    if layout == "json":
        emit_json({"methods": groups.keyed(), "trials": trials.keyed()})
    elif layout == "csv":
        emit(trials, layout)
    else:
        typer.echo(groups.text())
        if unequal := [row for row in trials.rows if row[5] != "equal"]:
            typer.echo("\n" + Rows(trials.header, unequal).text())
    return int(any(one.word != "equal" for one in compared))


def _records(folder: Path) -> dict[str, Record]:
    if not folder.is_dir():
        raise HarnessError(f"{folder}: no folder of records")
    found: dict[str, Record] = {}
    for record in Store(folder).read_all():
        if isinstance(record, RecordError):
            typer.echo(f"warning: {record}; left out", err=True)
        else:
            found.setdefault(record.id, record)  # of two files the first, as everywhere
    if not found:
        raise HarnessError(f"{folder}: holds no record")
    return found


def _trials(compared: list[Compared]) -> Rows:
    rows = [(one.id, *one.about, one.word, one.what) for one in compared]
    return Rows(("trial", "profile", "method", "dataset", "seed", "result", "what"), rows)


def _groups(compared: list[Compared], a: dict[str, Record], b: dict[str, Record]) -> Rows:
    groups = group(compared, a, b)
    header = ("profile", "method", "dataset", *groups[0].counts, "found in A", "found in B", "B - A")
    rows = [(*one.about, *one.counts.values(), one.a, one.b, _difference(one.a, one.b)) for one in groups]
    shown = {
        "found in A": percent,
        "found in B": percent,
        "B - A": _signed,
    }
    return Rows(header, rows, shown)


def _difference(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else b - a


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2f}"
