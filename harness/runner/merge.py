"""The records of several folders in one, so that machines that share no folder share a plan."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.data.atomic import replacing
from harness.data.locks import locked
from harness.errors import HarnessError
from harness.runner.integrity import forged
from harness.runner.record import Record
from harness.runner.store import RecordError, Store, read_record

# What records of one trial may differ in: how they came to be, and whose rows asked for them.
ABOUT = {"provenance", "suite", "method", "profile", "overrides"}


@dataclass(frozen=True)
class Merged:
    """How many records each folder has, and how many of them were taken; ``known``: how many were there before."""

    found: dict[Path, int]
    taken: dict[Path, int]
    known: int


def merge(folders: Sequence[Path], store: Store) -> Merged:
    """Copy the records of folders into a store; of several records of a trial the first that is done counts.

    Raises `HarnessError`, before anything is written, for a file that is no whole record, for a folder without any,
    and for two records of a trial that say different things.
    """
    folders = list(dict.fromkeys(folders))
    chosen = {record.id: path for path, record in _records(store)}
    known, found = len(chosen), {}
    for folder in folders:
        records = {record.id: path for path, record in _records(_source(folder))}
        chosen |= {trial: _better(chosen.get(trial, path), path) for trial, path in records.items()}
        found[folder] = len(records)
    new = [path for path in chosen.values() if not path.is_relative_to(store.root)]
    store.check_writable(())
    for path in new:
        _copy(path, store)
    taken = {folder: sum(path.is_relative_to(folder) for path in new) for folder in folders}
    return Merged(found, taken, known)


def _source(folder: Path) -> Store:
    if not folder.is_dir():
        raise HarnessError(f"{folder}: no such folder")
    source = Store(folder)
    if not source.index():
        raise HarnessError(f"{folder}: no records in it")
    return source


def _records(store: Store) -> Iterator[tuple[Path, Record]]:
    """Yield the records of a store; one that is not what it says is an error."""
    for path in store.index().values():
        record = read_record(path)
        wrong = None if store.is_in_place(path, record) else "it lies in the place of another record"
        if wrong := wrong or forged(record):
            raise RecordError(f"{path}: {wrong}")
        yield path, record


def _better(first: Path, second: Path) -> Path:
    """Choose between two records of a trial: what is done before what failed, else the first."""
    if first == second:
        return first
    one, other = read_record(first), read_record(second)
    if "failed" in (one.status, other.status):
        return second if (one.status, other.status) == ("failed", "done") else first
    told, said = one.model_dump(exclude=ABOUT), other.model_dump(exclude=ABOUT)
    if differing := [key for key in told if told[key] != said[key]]:
        raise HarnessError(f"{first} and {second}: records of trial {one.id} that differ in {', '.join(differing)}")
    return first


def _copy(source: Path, store: Store) -> None:
    record = read_record(source)
    target = store.path(record.profile, record.method, record.dataset, record.seed, record.id)
    with locked(store.root / ".lock"), replacing(target) as temporary:
        shutil.copyfile(source, temporary)
