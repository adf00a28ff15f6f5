"""The records of several folders in one, so that machines that share no folder share a plan."""

from __future__ import annotations

import shutil
from collections import defaultdict
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
    and for two records of a trial that say different things. What a run stores meanwhile is looked at once more.
    """
    folders = list(dict.fromkeys(folders))
    chosen: dict[str, Path] = {}
    _choose(chosen, store)
    known = len(chosen)
    found = {folder: _choose(chosen, _source(folder)) for folder in folders}
    store.check_writable(())
    copied = _copy_all([path for path in chosen.values() if not path.is_relative_to(store.root)], store)
    _drop_failures(store)
    taken = {folder: sum(path.is_relative_to(folder) for path in copied) for folder in folders}
    return Merged(found, taken, known)


def _choose(chosen: dict[str, Path], source: Store) -> int:
    """Choose among the records chosen so far and those of a store; return the number of trials that it has."""
    trials = set()
    for path, record in _records(source):
        chosen[record.id] = _better(chosen.get(record.id, path), path)
        trials.add(record.id)
    return len(trials)


def _source(folder: Path) -> Store:
    if not folder.is_dir():
        raise HarnessError(f"{folder}: no such folder")
    source = Store(folder)
    if not source.index():
        raise HarnessError(f"{folder}: no records in it")
    return source


def _records(store: Store) -> Iterator[tuple[Path, Record]]:
    """Yield the records of a store; one that is not what it says is an error."""
    for _, path in store.named():
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


def _copy_all(sources: Sequence[Path], store: Store) -> list[Path]:
    """Copy records and return those that were; on an error, a full disk, none of them stays."""
    copied: dict[Path, Path] = {}
    try:
        for source in sources:
            if (target := _copy(source, store)) is not None:
                copied[source] = target
    except OSError:
        for target in copied.values():
            target.unlink(missing_ok=True)
        raise
    return list(copied)


def _copy(source: Path, store: Store) -> Path | None:
    """Copy a record and return its place; None where the store has got one of its trial that counts before it."""
    record = read_record(source)
    target = store.path(record.profile, record.method, record.dataset, record.seed, record.id)
    with locked(store.root / ".lock"):
        there = [target] if record.status == "done" else store.find(record.id)  # a failure hides one of any place
        if any(path.exists() and _better(path, source) == path for path in there):
            return None
        with replacing(target) as temporary:
            shutil.copyfile(source, temporary)
    return target


def _drop_failures(store: Store) -> None:
    """Remove failures beside a record that is done: by its name one could come before it, and hide it."""
    files: defaultdict[str, list[Path]] = defaultdict(list)
    for trial, path in store.named():
        files[trial].append(path)
    for paths in (several for several in files.values() if len(several) > 1):
        with locked(store.root / ".lock"):
            ends = {path: read_record(path).status for path in paths if path.exists()}
            for path in ends if "done" in ends.values() else ():
                if ends[path] == "failed":
                    path.unlink()
