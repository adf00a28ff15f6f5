"""Execute a plan: what is missing is run, what is there is kept, every end is recorded."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from harness.errors import HarnessError
from harness.runner import environment
from harness.runner.evaluate import found_accuracy
from harness.runner.progress import Board, Item, Progress, duration
from harness.runner.store import Store, read_record
from harness.runner.supernets import forget
from harness.runner.survey import Task
from harness.runner.worker import Clock, Finished, Settings, failure, run_trial

POLL_SECONDS = 0.5
WORKER_DIED = "the worker process was killed (out of memory?); the same command goes on from the last epoch"


@dataclass
class Tally:
    """How a run ended: trial ids, with the reason where there is one. Every trial of the plan is in one of them."""

    kept: list[str] = field(default_factory=list)
    executed: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    blocked: dict[str, str] = field(default_factory=dict)
    unfinished: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0: all executed; 1: a trial failed; 3: some are blocked; 130: interrupted."""
        return 130 if self.unfinished else 1 if self.failed else 3 if self.blocked else 0


@dataclass(frozen=True)
class Options:
    """How to execute. ``device``: cpu or cuda; ``jobs``: trials at once."""

    data_root: Path | None
    device: str
    jobs: int


def execute(tasks: Sequence[Task], store: Store, options: Options, progress: Progress) -> Tally:
    """Run the tasks that need it; Ctrl-C and SIGTERM end the run in good order, with ``unfinished`` trials."""
    store.clean()
    todo = {task.trial.id: task for task in tasks if task.needs_work}
    tally = Tally(kept=[t.trial.id for t in tasks if t.state == "done"], unfinished=list(todo))
    tally.blocked = {t.trial.id: t.reason or "" for t in tasks if t.state == "blocked"}
    if not todo:
        return tally
    for task in todo.values():
        if task.anew:
            store.checkpoint(task.trial.id).unlink(missing_ok=True)
            forget([task.trial], store)
    board = Board([_item(task) for task in tasks], progress)
    with tempfile.TemporaryDirectory(prefix="harness-") as beats:
        settings = _settings(store, options, Path(beats))
        try:
            with _terminable(), _watched(board, settings.beats):
                for done in _finished(todo, settings, options.jobs):
                    board.beat(_read_beats(settings.beats))
                    _count(done, tally, board)
        except KeyboardInterrupt:
            pass  # the trials that did not end are in `unfinished`
        finally:
            progress.end()
    forget([task.trial for task in todo.values() if task.trial.id in tally.executed], store)
    return tally


def _count(done: Finished, tally: Tally, board: Board) -> None:
    tally.unfinished.remove(done.id)
    if done.error is not None:
        tally.failed[done.id] = done.error
        board.finish(done.id, "failed", f"failed: {done.error}, {duration(done.seconds)}")
        return
    tally.executed.append(done.id)
    accuracy = "" if done.accuracy is None else f"{done.accuracy:.2f}% test, "
    board.finish(done.id, "done", f"done, {accuracy}{duration(done.seconds)}")


def _finished(todo: dict[str, Task], settings: Settings, jobs: int) -> Iterator[Finished]:
    """Yield the trials as they end, those that wait for another's supernet last.

    Where a worker process dies, its trials have failed and the others go on.
    """
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    left = dict(todo)
    while left:
        try:
            wave = [task for task in left.values() if not task.follows] or list(left.values())
            with closing(_pool(wave, settings, jobs)) as results:
                for done in results:
                    del left[done.id]
                    yield done
        except TerminatedWorkerError as error:
            begun = [left.pop(trial_id) for trial_id in _read_beats(settings.beats) if trial_id in left]
            if not begun:
                raise HarnessError("worker processes die before they begin; try --jobs 1") from error
            yield from (_lost(task, settings) for task in begun)


def _lost(task: Task, settings: Settings) -> Finished:
    """Tell how a trial ended whose worker did not live to tell: its record may just have been written."""
    trial, store = task.trial, Store(settings.results)
    path = store.path(trial.profile, trial.method, trial.dataset, trial.seed, trial.id)
    if path.exists() and path.stat().st_mtime_ns >= (settings.beats / trial.id).stat().st_mtime_ns:
        record = read_record(path)
        error = record.error.partition("\n")[0] if record.error else None
        return Finished(trial.id, found_accuracy(record), error, 0.0)
    if task.keep is None:
        store.write(failure(trial, settings, WORKER_DIED, Clock(environment.now())))
    return Finished(trial.id, None, WORKER_DIED, 0.0)


def _pool(tasks: Sequence[Task], settings: Settings, jobs: int) -> Generator[Finished]:
    """Yield the results of `run_trial`, in this process for one job, else from worker processes."""
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)
    jobs_of = (delayed(run_trial)(t.trial, settings, keep=t.keep, leaves=t.leaves) for t in tasks)
    return parallel(jobs_of)  # type: ignore[no-any-return]


def _settings(store: Store, options: Options, beats: Path) -> Settings:
    return Settings(
        results=store.root,
        data_root=options.data_root,
        device=options.device,
        threads=environment.threads_per_worker(options.jobs),
        revision=environment.revision(),
        parent=os.getpid(),
        beats=beats,
    )


def _item(task: Task) -> Item:
    if task.needs_work:
        return Item(task.trial, task.seconds, "waiting")
    return Item(task.trial, 0.0, "blocked" if task.state == "blocked" else "done")


def _read_beats(folder: Path) -> dict[str, tuple[int, int]]:
    """Read the heartbeats of workers: trial id -> (epoch, epochs); one that is just being written is left out."""
    beats = {}
    for file in folder.iterdir():
        words = file.read_text(encoding="utf-8").split()
        if len(words) == 2:
            beats[file.name] = (int(words[0]), int(words[1]))
    return beats


@contextmanager
def _watched(board: Board, beats: Path) -> Iterator[None]:
    """Pass heartbeats on to the board while the block runs."""
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(POLL_SECONDS):
            board.beat(_read_beats(beats))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def _terminable() -> Iterator[None]:
    """Treat SIGTERM like Ctrl-C while the block runs (signals can only be handled in the main thread)."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
