"""Compare a plan with the records: what is done, what is to be run, what cannot be."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from harness.benchmarks.spec import NB201, TableBenchmark, TableName
from harness.benchmarks.table import Table
from harness.errors import HarnessError
from harness.methods.computed import ComputedSpec
from harness.methods.training import TrainingSpec
from harness.runner.evaluate import is_evaluated, load_table, table_problem
from harness.runner.integrity import forged, misquoted
from harness.runner.record import Record
from harness.runner.store import RecordError, Store, read_record
from harness.runner.subjects import subject
from harness.runner.supernets import followers, states
from harness.runner.timings import Timings
from harness.runner.trial import Trial

State = Literal["done", "to run", "failed", "re-evaluate", "blocked"]
Stamp = tuple[int, int]  # tells one version of a file from the next: inode and time of change


@dataclass(frozen=True)
class Task:
    """A trial and what is to be done about it.

    ``reason``: why it is blocked, or how it failed before; ``keep``: the record to evaluate anew; ``anew``: forget
    its checkpoint; ``seconds``: estimated cost; ``broken``: its record is torn. ``leaves``: trials that start from
    the supernet that this one trains; ``follows``: it is one of them and has to wait. ``stamp``: of the record that
    was looked at, see `stamp`.
    """

    trial: Trial
    state: State
    reason: str | None
    keep: Record | None
    anew: bool
    seconds: float
    broken: bool = False
    leaves: tuple[Trial, ...] = ()
    follows: bool = False
    stamp: Stamp | None = None

    @property
    def needs_work(self) -> bool:
        """Tell whether `harness.runner.execute` has something to do."""
        return self.state not in ("done", "blocked")


def survey(
    trials: Sequence[Trial], store: Store, data_root: Path | None, *, timings: Timings, force: bool
) -> list[Task]:
    """Decide for every trial what is to be done; with ``force`` all that can be run is run anew.

    ``timings``: estimate the costs. A record is found by its id wherever it lies: equal searches are
    one, also under another method's name.
    """
    index = store.index()
    asked = dict.fromkeys(name for trial in trials if (name := _asks(trial)) is not None)
    no_table = {name: table_problem(data_root, name) for name in asked}
    held = {name for trial in trials if trial.id in index and (name := _asks(trial)) is not None}
    tables = _tables(data_root, [name for name in asked if name in held and no_table[name] is None])
    tasks = []
    for trial in trials:
        path = place(trial, store, index)
        before = stamp(path)
        absent = no_table[name] if (name := _asks(trial)) is not None else None
        tasks.append(replace(_task(trial, path, absent, tables, timings, force), stamp=before))
    return _after_others(_shared(tasks, store, timings), index)


def _tables(data_root: Path | None, names: Iterable[TableName]) -> dict[str, Table]:
    """Return the tables; one that cannot be read fails the trials that ask it, with a reason of its own."""
    found: dict[str, Table] = {}
    for name in names:
        with suppress(HarnessError):
            found[name] = load_table(data_root, name)
    return found


def stamp(path: Path | None) -> Stamp | None:
    """Return what tells this version of a file from others; None where there is none, or none can be seen."""
    try:
        found = path.stat() if path is not None else None
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns) if found else None


def find_record(trial: Trial, store: Store) -> Path | None:
    """Return where the record of a trial lies now, if there is one."""
    return place(trial, store, store.index())


def _shared(tasks: list[Task], store: Store, timings: Timings) -> list[Task]:
    """Say who trains a supernet for whom; who has it from another, or finds it there, pays for what comes after."""
    waiting = followers([task.trial for task in tasks if task.needs_work and task.keep is None], store)
    led = {trial.id for trials in waiting.values() for trial in trials}
    shared = []
    for task in tasks:
        task = replace(task, leaves=tuple(waiting.get(task.trial.id, ())), follows=task.trial.id in led)
        there = any(path.exists() for path in states([task.trial], store).values())
        if task.follows or (there and task.seconds):
            task = replace(task, seconds=timings.estimate(task.trial, follows=True))
        shared.append(task)
    return shared


def _after_others(tasks: Sequence[Task], index: Mapping[str, Path]) -> list[Task]:
    """Block what follows a trial that is neither done nor about to be; those come first in a plan."""
    known: dict[str, Task] = {}
    for task in tasks:
        task = _of_what_is_found(task, index)
        for before in task.trial.after if task.needs_work else ():
            if (why := _never_ends(before, known, index)) is not None:
                task = replace(task, state="blocked", reason=f"it follows trial {before}, which {why}", seconds=0.0)
                break
        known[task.trial.id] = task
    return list(known.values())


def _of_what_is_found(task: Task, index: Mapping[str, Path]) -> Task:
    """Train again where the trials before have found another architecture since."""
    spec = task.trial.spec
    if task.state != "done" or not isinstance(spec, TrainingSpec) or not spec.after:
        return task
    try:
        record, wanted = read_record(index[task.trial.id]), subject(spec, index)
    except HarnessError:  # what came before is gone: the record is all that there is
        return task
    if record.training is None or record.training.architecture == wanted:
        return task
    return replace(task, state="to run", reason="another architecture was found since", anew=True)


def _never_ends(trial_id: str, known: Mapping[str, Task], index: Mapping[str, Path]) -> str | None:
    if trial_id in known:
        return "is blocked" if known[trial_id].state == "blocked" else None
    try:
        record = read_record(index[trial_id])
    except (KeyError, RecordError):
        return "is not part of this run and has no record"
    return None if record.status == "done" else "is not part of this run and failed before"


def _task(
    trial: Trial, path: Path | None, no_table: str | None, tables: Mapping[str, Table], timings: Timings, force: bool
) -> Task:
    try:
        record, broken = _read(path, tables)
    except RecordError as error:
        return Task(trial, "blocked", f"{error}; it is left alone", None, False, 0.0)
    if record is not None and record.status == "done" and not force:
        return _task_of_done(trial, record, no_table, tables)
    try:
        seconds = timings.estimate(trial)
    except HarnessError as error:  # images too few or too small for it
        return Task(trial, "blocked", trial.blocked or str(error), None, False, 0.0)
    if blocked := trial.blocked or no_table:
        return Task(trial, "blocked", blocked, None, False, seconds)
    failed = broken or (record.error if record is not None else None)
    state: State = "failed" if failed and not force else "to run"
    return Task(trial, state, failed, None, force, seconds, broken is not None)


def _task_of_done(trial: Trial, record: Record, no_table: str | None, tables: Mapping[str, Table]) -> Task:
    """A search that is done needs no images to be looked up, and nothing at all once it has been, in this table."""
    if not trial.searches or (is_evaluated(record, trial.benchmark) and not misquoted(record, tables)):
        return Task(trial, "done", None, None, False, 0.0)
    blocked = no_table if _asks(trial) else trial.blocked
    return Task(trial, "blocked" if blocked else "re-evaluate", blocked, record, False, 0.0)


def place(trial: Trial, store: Store, index: dict[str, Path]) -> Path | None:
    """Return the file of a trial's record: in its own place, else wherever its id is; None where there is none."""
    own = store.path(trial.profile, trial.method, trial.dataset, trial.seed, trial.id)
    return own if os.path.lexists(own) else index.get(trial.id)


def _asks(trial: Trial) -> TableName | None:
    """Return the table that a trial looks something up in."""
    if isinstance(trial.spec, ComputedSpec):
        return NB201 if trial.spec.needs_table else None
    return trial.benchmark.name if isinstance(trial.benchmark, TableBenchmark) else None


def _read(path: Path | None, tables: Mapping[str, Table]) -> tuple[Record | None, str | None]:
    """Return a record, or what is wrong with its file where that is torn or edited: such a trial is run again.

    A computation is so for whatever is wrong; of a search, accuracies are looked up anew. Raises `RecordError` for a
    file that may hold what this version, or this user, cannot read.
    """
    if path is None:
        return None, None
    try:
        record = read_record(path)
    except RecordError as error:
        if not error.torn:
            raise
        return None, str(error)
    wrong = forged(record) or (misquoted(record, tables) if record.values else None)
    return (None, f"{path}: {wrong}") if wrong else (record, None)
