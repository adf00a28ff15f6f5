"""Execute a plan: what is missing is run, what is there is kept, every end is recorded."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.runner import environment
from harness.runner.claims import Claims
from harness.runner.cluster import Cluster
from harness.runner.evaluate import found_accuracy
from harness.runner.pool import Died, Here, Lost, Message, Pool, Workers
from harness.runner.progress import Board, Item, Progress, duration, name
from harness.runner.signals import Stopper
from harness.runner.store import RecordError, Store, read_record
from harness.runner.supernets import forget
from harness.runner.survey import Task, find_record, stamp
from harness.runner.worker import Beat, Clock, Finished, Note, Settings, failure, run_trial

POLL_SECONDS = 0.5
DIED = "the worker process {how}; the same command goes on from the last epoch"


@dataclass
class Tally:
    """How a run ended: trial ids, with the reason where there is one. Every trial of the plan is in one of them.

    ``elsewhere``: done meanwhile by another run on the same store. ``late``: the run ended for want of time.
    """

    kept: list[str] = field(default_factory=list)
    executed: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    blocked: dict[str, str] = field(default_factory=dict)
    unfinished: list[str] = field(default_factory=list)
    late: bool = False

    @property
    def interrupted(self) -> bool:
        """Tell whether somebody asked for the end."""
        return bool(self.unfinished) and not self.late

    @property
    def exit_code(self) -> int:
        """0: all executed; 1: a trial failed; 3: some are blocked, or time was up; 130: interrupted."""
        if self.interrupted:
            return 130
        return 1 if self.failed else 3 if self.blocked or self.unfinished else 0


@dataclass(frozen=True)
class Options:
    """How to execute. ``device``: cpu or cuda; ``jobs``: trials at once, 0 for one after the other in this process.

    ``threads``: of each trial; None shares the cores out. ``nice``: niceness of the workers beyond this process'.
    ``budget``: seconds within which the run is to end. ``cluster``: of a Dask scheduler whose workers do the trials;
    ``device`` may then be auto, and ``jobs`` be 0 for as many at once as there are. ``log``: write event files.
    """

    data_root: Path | None
    device: str
    jobs: int
    threads: int | None = None
    nice: int = 0
    budget: float = math.inf
    cluster: str | None = None
    log: bool = False
    deaf: bool = True  # to signals afterwards, once the end was asked for: of a process that is about to end


def execute(tasks: Sequence[Task], store: Store, options: Options, progress: Progress) -> Tally:
    """Run the tasks that need it; Ctrl-C, SIGTERM and SIGHUP end the run in good order, with ``unfinished`` trials.

    Raises `HarnessError`, before anything is run, where records cannot be written.
    """
    todo = [task for task in tasks if task.needs_work]
    tally = Tally(kept=[t.trial.id for t in tasks if t.state == "done"], unfinished=[t.trial.id for t in todo])
    tally.blocked = {t.trial.id: t.reason or "" for t in tasks if t.state == "blocked"}
    _forget_done(tasks, store)
    if not todo:
        return tally
    store.check_writable(store.path(t.profile, t.method, t.dataset, t.seed, t.id) for t in (x.trial for x in todo))
    store.clean()
    forget([task.trial for task in todo if task.anew], store)
    board = Board([_item(task) for task in tasks], progress)
    try:
        with Stopper(options.deaf) as stopper, _claims(store) as claims:
            _Run(todo, store, options, claims, board, tally, stopper).work()
    except KeyboardInterrupt:
        pass  # the trials that did not end are in `unfinished`
    finally:
        progress.end()
    if not tally.unfinished and not tally.failed:
        forget([task.trial for task in todo], store)
    return tally


class _Run:
    """One run: what waits, what is being done, and what its pool tells."""

    def __init__(
        self,
        todo: Sequence[Task],
        store: Store,
        options: Options,
        claims: Claims,
        board: Board,
        tally: Tally,
        stopper: Stopper,
    ) -> None:
        self.store, self.claims, self.board, self.tally, self.stopper = store, claims, board, tally, stopper
        self.settings = _settings(store, options)
        self.waiting = {task.trial.id: task for task in todo}
        self.running: dict[str, Task] = {}
        self.leaders = {trial.id: task.trial.id for task in todo for trial in task.leaves}
        self.alone: set[str] = set()  # whose worker died once: they get a second one, with nothing beside them
        self.longest = 0.0  # seconds of an epoch
        self.held = False
        self.waits = ""  # for whom, as was said last
        self.pool = self._pool(options)

    def _pool(self, options: Options) -> Pool:
        """Say who does the trials."""
        if options.cluster is not None:
            return Cluster(options.cluster, options.jobs, run_trial, self.settings, self.claims.run, self.tell)
        if options.jobs == 0:
            return Here(run_trial, self.settings, self.tell)
        return Workers(options.jobs // self.settings.lanes, options.nice, run_trial, self.settings, self.tell)

    def work(self) -> None:
        """Do everything, or what there is time for."""
        try:
            while self.waiting or self.running:
                self._look_round()
                if self._is_over():
                    return
                if not self.held:
                    self._start()
                if self.running or self.waiting:
                    self.pool.wait(POLL_SECONDS)
        finally:
            self.pool.close()

    def tell(self, message: Message) -> None:
        """Take in what became of a trial; in this process, which has no other chance, also look round."""
        task = self.running[message.id]
        match message:
            case Beat():
                self.longest = max(self.longest, message.seconds)
                self.board.beat(message.id, message.epoch, message.epochs)
                if isinstance(self.pool, Here):
                    self._look_round()
            case Note():
                self.board.note(f"{name(task.trial)}: {message.text}")
            case Died():
                self._bury(task, message)
            case Lost():
                self._wait_again(task)
            case Finished(stopped=True):
                self._leave(message.id)
                self.tally.late = True
            case Finished():
                self._settle(message)

    def _look_round(self) -> None:
        """Keep claims fresh, and hold the work as long as that is asked for."""
        self.claims.beat()
        self.board.refresh()
        pause = self.store.pause
        while (held := pause.exists()) and isinstance(self.pool, Here):
            self._hold(held, f"without {pause}")
            time.sleep(POLL_SECONDS)
        self._hold(held, f"without {pause}")
        if self.stopper.asked_to_pause:
            self._hold(True, "by SIGCONT or fg")
            self.stopper.pause()  # until somebody lets this process go on
            self._hold(held)

    def _hold(self, held: bool, goes_on: str = "") -> None:
        if held != self.held:
            self.held = held
            self.pool.hold(held)
            self.board.note(f"held; goes on {goes_on}" if held else "goes on")

    def _is_over(self) -> bool:
        """Tell whether time is up, or too short to begin anything where nothing runs."""
        return self._is_late() and (not self.running or time.monotonic() >= self.settings.deadline)

    def _is_late(self) -> bool:
        """Tell whether there is no time left for an epoch as long as the longest so far."""
        self.tally.late |= time.monotonic() + self.longest >= self.settings.deadline
        return self.tally.late

    def _start(self) -> None:
        """Begin what can be begun and nobody else has claimed."""
        others = []
        for task in list(self.waiting.values()):
            if self._is_late() or not self.pool.free:
                return
            if task.trial.id not in self.waiting or not self._is_ready(task):
                continue  # what follows a trial that failed waits no more
            if not self.claims.take(task.trial.id):
                others.append(task)
            elif not self._is_settled(task):
                self._begin(task)
        if others and not self.running:
            self._say_who_is_waited_for(others)

    def _is_ready(self, task: Task) -> bool:
        """Who follows waits for those before it; whose worker died waits for all, and all wait for it."""
        if self.alone & self.running.keys() or (task.trial.id in self.alone and self.running):
            return False
        before = {*task.trial.after, self.leaders.get(task.trial.id)}
        return not before & (self.waiting.keys() | self.running.keys())

    def _is_settled(self, task: Task) -> bool:
        """Take over what another run has stored since the plan was compared with the records."""
        done = self._outcome(task)
        if done is None:
            return False
        self.running[task.trial.id] = self.waiting.pop(task.trial.id)
        self._settle(done, elsewhere=True)
        return True

    def _outcome(self, task: Task) -> Finished | None:
        """Return how a trial ended by its record, None where that is the one that was there before."""
        path = find_record(task.trial, self.store)
        if path is None or stamp(path) == task.stamp:
            return None
        try:
            record = read_record(path)
        except RecordError as error:
            return None if error.torn else Finished(task.trial.id, None, str(error), 0.0)
        error_line = record.error.partition("\n")[0] if record.error else None
        return Finished(task.trial.id, found_accuracy(record), error_line, 0.0)

    def _begin(self, task: Task) -> None:
        trial = task.trial
        if task.anew:
            self.store.checkpoint(trial.id).unlink(missing_ok=True)
        del self.waiting[trial.id]
        self.running[trial.id] = replace(task, anew=False)  # begun once more, it goes on
        self.pool.start(task)

    def _bury(self, task: Task, died: Died) -> None:
        """Give a trial whose worker died a second one; its record may have been written in time."""
        if done := self._outcome(task):
            if done.error is None:
                self.store.checkpoint(died.id).unlink(missing_ok=True)
            self._settle(done)
        elif died.often or died.id in self.alone:
            error = DIED.format(how=died.how if died.often else f"{died.how}, twice")
            self.store.write(failure(task.trial, self.settings, error, Clock(environment.now())))
            self._settle(Finished(died.id, None, error, 0.0))
        else:
            self.board.note(f"{name(task.trial)}: the worker process {died.how}; once more, alone")
            self._wait_again(task)
            self.alone.add(died.id)

    def _wait_again(self, task: Task) -> None:
        """Give a trial up until it can be claimed again; where another run has it, until that has done it."""
        self._leave(task.trial.id)
        self.waiting[task.trial.id] = task

    def _leave(self, trial_id: str) -> None:
        del self.running[trial_id]
        self.claims.release(trial_id)

    def _settle(self, done: Finished, *, elsewhere: bool = False) -> None:
        self._leave(done.id)
        self.tally.unfinished.remove(done.id)
        if done.error is not None:
            self.tally.failed[done.id] = done.error
            self.board.finish(done.id, "failed", f"failed: {done.error}, {duration(done.seconds)}")
            self._give_up_on_followers(done.id, "failed")
            return
        (self.tally.elsewhere if elsewhere else self.tally.executed).append(done.id)
        accuracy = "" if done.accuracy is None else f"{done.accuracy:.2f}% test, "
        how = "by another run" if elsewhere else duration(done.seconds)
        self.board.finish(done.id, "done", f"done, {accuracy}{how}")

    def _give_up_on_followers(self, trial_id: str, how: str) -> None:
        """Block what can never begin."""
        for task in list(self.waiting.values()):
            if trial_id in task.trial.after:
                self.waiting.pop(task.trial.id)
                self.tally.unfinished.remove(task.trial.id)
                self.tally.blocked[task.trial.id] = f"it follows trial {trial_id}, which {how}"
                self.board.finish(task.trial.id, "blocked", self.tally.blocked[task.trial.id])
                self._give_up_on_followers(task.trial.id, "is blocked")

    def _say_who_is_waited_for(self, others: Sequence[Task]) -> None:
        runs = sorted({self.claims.holder(task.trial.id) for task in others})
        said = f"waits for trials of another run ({'; '.join(runs)})"
        if said != self.waits:
            self.waits = said
            self.board.note(said)


def _settings(store: Store, options: Options) -> Settings:
    return Settings(
        results=store.root,
        recorded=store.recorded,
        data_root=options.data_root,
        device=options.device,
        threads=options.threads or environment.threads_per_worker(options.jobs),
        revision=environment.revision(),
        deadline=time.monotonic() + options.budget,
        lanes=max(1, options.jobs) if options.device == "cuda" and options.cluster is None else 1,
        log=options.log,
    )


def _item(task: Task) -> Item:
    if task.needs_work:
        return Item(task.trial, task.seconds, "waiting")
    return Item(task.trial, 0.0, "blocked" if task.state == "blocked" else "done")


def _forget_done(tasks: Sequence[Task], store: Store) -> None:
    """Remove the checkpoints of trials that are done: their runs were killed between the record and this."""
    claims = Claims(store.root)
    for trial_id in (task.trial.id for task in tasks if task.state == "done"):
        if store.checkpoint(trial_id).exists() and claims.take(trial_id):
            store.checkpoint(trial_id).unlink(missing_ok=True)
            claims.release(trial_id)


@contextmanager
def _claims(store: Store) -> Iterator[Claims]:
    claims = Claims(store.root)
    claims.sweep()
    try:
        yield claims
    finally:
        claims.release_all()
