"""Where trials are done: in worker processes, or one after the other in this process.

Processes only take turns on a GPU; there one worker does several trials at once, each in a thread with a stream of its
own.

A pool of one's own, because the death of one worker is to cost its trial alone: executors of the standard library and
of joblib end all workers then. Each worker has a pipe instead of shared queues, so there is no semaphore to leak.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, NoReturn, Protocol

from harness.runner import environment
from harness.runner.record import Record
from harness.runner.survey import Task
from harness.runner.trial import Trial
from harness.runner.worker import Beat, Finished, Link, Note, Settings

WAKE_SECONDS = 0.2  # between two looks of a worker with several trials for what comes
GRACE_SECONDS = 5.0  # for a worker to tidy up when it is told to end
_AUTOGROUP = Path("/proc/self/autogroup")
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Died:
    """A worker ended before its trial did. ``how``: for the reader; ``often``: others that tried it have ended, too."""

    id: str
    how: str
    often: bool = False


@dataclass(frozen=True)
class Lost:
    """A trial is not done any more: whoever did it found that its run had not kept its claim."""

    id: str


Message = Beat | Note | Finished | Died | Lost
Tell = Callable[[Message], None]


class RunTrial(Protocol):
    """What a pool does with a task: `harness.runner.worker.run_trial`, or a stand-in."""

    def __call__(
        self, trial: Trial, settings: Settings, link: Link, *, keep: Record | None, leaves: Sequence[Trial]
    ) -> Finished:
        """Do one trial."""


class Pool(Protocol):
    """Does tasks and tells what becomes of them."""

    @property
    def free(self) -> int:
        """Number of tasks that can be started now."""

    def start(self, task: Task) -> None:
        """Begin a task, or do it."""

    def wait(self, seconds: float) -> None:
        """Pass on the messages that have come, or come within so many seconds."""

    def hold(self, held: bool) -> None:
        """Stop the work, or let it go on."""

    def close(self) -> None:
        """End all work at once; what was saved is whole."""


class Here:
    """Trials in this process, for a debugger. It can be held between epochs only, which is up to ``tell``."""

    clock = staticmethod(time.perf_counter)
    free = 1

    def __init__(self, run: RunTrial, settings: Settings, tell: Tell) -> None:
        self.run, self.settings, self.tell = run, settings, tell

    def start(self, task: Task) -> None:
        """Do a task."""
        self.tell(self.run(task.trial, self.settings, self, keep=task.keep, leaves=task.leaves))

    def wait(self, seconds: float) -> None:
        """Wait: nothing can come."""
        time.sleep(seconds)

    def hold(self, held: bool) -> None:
        """Do nothing: while this is called, nothing is being done."""

    def close(self) -> None:
        """Do nothing."""


@dataclass
class Worker:
    """One process, and the trials that it is at."""

    process: BaseProcess
    pipe: Connection
    trials: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _Held:
    """Tells a worker for how long it was stopped."""

    seconds: float


class Workers:
    """Up to ``count`` worker processes, with so many trials at once in each as the settings say.

    ``nice``: their niceness beyond this process'.
    """

    def __init__(self, count: int, nice: int, run: RunTrial, settings: Settings, tell: Tell) -> None:
        self.count, self.nice, self.run, self.settings, self.tell = count, nice, run, settings, tell
        self.workers: list[Worker] = []
        self.held_since: float | None = None

    @property
    def free(self) -> int:
        """Number of tasks that can be started now."""
        return self.count * self.settings.lanes - sum(len(worker.trials) for worker in self.workers)

    def start(self, task: Task) -> None:
        """Give a task to a worker that can take it, or to a new one."""
        lanes = self.settings.lanes
        worker = next((worker for worker in self.workers if len(worker.trials) < lanes), None) or self._new()
        worker.trials.add(task.trial.id)
        with suppress(OSError):  # it has died meanwhile, as `wait` will find
            worker.pipe.send((task.trial, task.keep, task.leaves))

    def wait(self, seconds: float) -> None:
        """Pass on the messages that have come, or come within so many seconds; tell of workers that died."""
        pipes = {worker.pipe: worker for worker in self.workers}
        if not pipes:
            time.sleep(seconds)
        for pipe in connection.wait(list(pipes), seconds):
            self._read(pipes[pipe])  # type: ignore[index]

    def hold(self, held: bool) -> None:
        """Stop the workers, or let them go on."""
        if held:
            self.held_since = time.perf_counter()
            self._signal(signal.SIGSTOP)
        elif self.held_since is not None:
            for worker in self.workers:
                with suppress(OSError):
                    worker.pipe.send(_Held(time.perf_counter() - self.held_since))  # before it can look at its clock
            self.held_since = None
            self._signal(signal.SIGCONT)

    def close(self) -> None:
        """End all workers: politely, so that they tidy up, then at once."""
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)  # who was stopped hears nothing
        limit = time.monotonic() + GRACE_SECONDS
        for worker in self.workers:
            worker.process.join(max(0.0, limit - time.monotonic()))
        self._signal(signal.SIGKILL)
        for worker in self.workers:
            worker.process.join()
            worker.pipe.close()
        self.workers.clear()

    def _new(self) -> Worker:
        ours, theirs = multiprocessing.Pipe()
        arguments = (theirs, self.run, self.settings, self.nice)
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=serve, args=arguments, daemon=True)
        with _nobodys_main():
            process.start()
        theirs.close()
        self.workers.append(Worker(process, ours))
        return self.workers[-1]

    def _read(self, worker: Worker) -> None:
        messages: list[Message] = []
        try:
            while worker.pipe.poll():
                messages.append(worker.pipe.recv())
        except (EOFError, OSError):
            messages += self._bury(worker, messages)
        worker.trials -= {message.id for message in messages if isinstance(message, Finished)}
        for message in messages:
            self.tell(message)

    def _bury(self, worker: Worker, messages: Sequence[Message]) -> list[Message]:
        """Forget a dead worker; return what is to be said of the trials that it did not finish."""
        worker.process.join()
        worker.pipe.close()
        self.workers.remove(worker)
        finished = {message.id for message in messages if isinstance(message, Finished)}
        return [Died(trial, _how(worker.process.exitcode)) for trial in sorted(worker.trials - finished)]

    def _signal(self, number: int) -> None:
        for worker in self.workers:
            if worker.process.is_alive() and worker.process.pid is not None:
                os.kill(worker.process.pid, number)


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        return f"was killed by {name}{' (out of memory?)' if name == 'SIGKILL' else ''}"
    return f"ended with exit code {code}"


@contextmanager
def _nobodys_main() -> Iterator[None]:
    """Hide the caller's script, which a new process would run from its first line: a worker needs nothing of it."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


# In a worker -------------------------------------------------------------------------------------------------------


class PipeLink:
    """A worker's end of the pipe."""

    def __init__(self, pipe: Connection) -> None:
        self.pipe, self.held = pipe, 0.0

    def tell(self, message: Message) -> None:
        """Send a message; end this process where nobody is left to read it (what it did is saved)."""
        try:
            self.pipe.send(message)
        except OSError:
            os._exit(1)

    def clock(self) -> float:
        """Return the time without that for which this process was stopped."""
        while self.pipe.poll():
            message = self.pipe.recv()
            assert isinstance(message, _Held), "a worker that is busy is given nothing else"
            self.held += message.seconds
        return time.perf_counter() - self.held


class SharedLink(PipeLink):
    """A worker's end of the pipe for trials side by side. ``tasks``: what came and was not begun."""

    def __init__(self, pipe: Connection) -> None:
        super().__init__(pipe)
        self.lock = threading.Lock()
        self.tasks: list[Any] = []

    def tell(self, message: Message) -> None:
        """Send a message."""
        with self.lock:
            super().tell(message)

    def take_in(self) -> None:
        """Read what has come. Raises EOFError where nothing can come any more."""
        with self.lock:
            while self.pipe.poll():
                message = self.pipe.recv()
                if isinstance(message, _Held):
                    self.held += message.seconds
                else:
                    self.tasks.append(message)

    def clock(self) -> float:
        """Return the time without that for which this process was stopped."""
        with suppress(EOFError):  # which ends this process elsewhere
            self.take_in()
        return time.perf_counter() - self.held


def serve(pipe: Connection, run: RunTrial, settings: Settings, nice: int) -> None:
    """Do the trials that come through the pipe, until it is closed."""
    _begin(nice)
    if settings.lanes > 1:
        serve_side_by_side(pipe, run, settings)
    link = PipeLink(pipe)
    with suppress(EOFError):
        while True:
            match pipe.recv():
                case _Held():
                    pass  # it had nothing to do meanwhile
                case trial, keep, leaves:
                    link.tell(run(trial, settings, link, keep=keep, leaves=leaves))


def serve_side_by_side(pipe: Connection, run: RunTrial, settings: Settings) -> NoReturn:
    """Do each trial that comes in a thread of its own; ends this process when the pipe is closed, or it is told to.

    At once, whatever its threads do: what they saved is whole, and they are no place to leave a device's work from.
    """
    os.environ.setdefault("CUDA_DEVICE_MAX_CONNECTIONS", "32")  # queues; with fewer, streams wait for each other
    link = SharedLink(pipe)
    try:
        while True:
            pipe.poll(WAKE_SECONDS)
            link.take_in()
            while link.tasks:
                threading.Thread(target=_lane, args=(link, run, settings, *link.tasks.pop(0)), daemon=True).start()
    except EOFError:
        os._exit(0)
    except SystemExit as told:
        os._exit(int(told.code or 0))


def _lane(
    link: SharedLink, run: RunTrial, settings: Settings, trial: Trial, keep: Record | None, leaves: Sequence[Trial]
) -> None:
    try:
        with environment.own_stream(settings.device):
            link.tell(run(trial, settings, link, keep=keep, leaves=leaves))
    except BaseException:  # a thread that ends without a word would leave its trial running for ever
        traceback.print_exc()
        os._exit(1)


def _begin(nice: int) -> None:
    """Leave Ctrl-C to the process that planned, end when it ends, and step back where that is asked for."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    _end_with_parent()
    if nice:
        os.setsid()  # Linux compares niceness within a session only: it gets one of its own, and that is lowered too
        os.nice(nice)
        with suppress(OSError):
            _AUTOGROUP.write_text(str(os.nice(0)), encoding="ascii")


def _leave(number: int, frame: FrameType | None) -> None:
    """End, by way of all that removes temporary files."""
    sys.exit(128 + number)


def _end_with_parent() -> None:
    """Let this process end at once when the process that planned has, also while it is stopped (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    parent = multiprocessing.parent_process()
    assert parent is not None, "this is a worker"

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
