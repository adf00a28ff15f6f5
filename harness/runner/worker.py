"""One trial from start to record, in whatever process it is run."""

from __future__ import annotations

import math
import platform
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from harness.engine.trajectory import TrainingCurve, Trajectory
from harness.errors import HarnessError
from harness.methods.computed import ComputedSpec
from harness.methods.spec import SearchSpec
from harness.methods.training import TrainingSpec
from harness.runner import environment, scalars, timings
from harness.runner.compute import Computed, compute
from harness.runner.evaluate import Evaluated, evaluate, found_accuracy, load_table
from harness.runner.record import Provenance, Record, Sitting
from harness.runner.store import Store
from harness.runner.subjects import subject
from harness.runner.supernets import states
from harness.runner.trial import Trial

if TYPE_CHECKING:
    from harness.data.images import Dataset
    from harness.engine.search import SearchResult
    from harness.engine.training import TrainingResult

Result = TypeVar("Result")
_LOADING = threading.Lock()
TRACEBACK_LINES = 12  # of the end of a traceback, kept in the record


@dataclass(frozen=True)
class Settings:
    """What all trials of a run share. ``deadline``: of `time.monotonic`, by which epochs are to end.

    ``lanes``: trials at once in one process. ``recorded``: other records that count, see `Store`. ``log``: whether
    event files are written beside the records.
    """

    results: Path
    data_root: Path | None
    device: str
    threads: int
    revision: str | None
    deadline: float = math.inf
    lanes: int = 1
    recorded: Path | None = None
    log: bool = False

    @property
    def store(self) -> Store:
        """Return the records' store."""
        return Store(self.results, self.recorded)


@dataclass(frozen=True)
class Beat:
    """How far a trial is; a computation has no epochs. ``seconds``: that its longest epoch of this run took so far."""

    id: str
    epoch: int
    epochs: int
    seconds: float = 0.0


@dataclass(frozen=True)
class Note:
    """A line on a trial that the user should read."""

    id: str
    text: str


@dataclass(frozen=True)
class Finished:
    """How a trial ended. ``accuracy``: of the found architecture, percent; ``error``: its first line, if it failed.

    ``stopped``: it did not end, for want of time; its last epoch is saved.
    """

    id: str
    accuracy: float | None
    error: str | None
    seconds: float
    stopped: bool = False


class Link(Protocol):
    """What connects a trial with the run that it belongs to."""

    def tell(self, message: Beat | Note) -> None:
        """Pass a message on."""

    def clock(self) -> float:
        """Return seconds of an unknown start, without those for which the run was held."""


class OutOfTime(Exception):
    """No other epoch would end before the deadline."""


@dataclass
class Clock:
    """Where the time of a trial went."""

    started: str
    cpu_start: float = field(default_factory=time.process_time)
    epoch_seconds: list[float] = field(default_factory=list)  # of the search, also before it was resumed
    evaluation_seconds: float = 0.0
    resumed_from_epoch: int | None = None
    supernet: str | None = None  # id of the search whose supernet was taken over
    sittings: list[Sitting] = field(default_factory=list)


def run_trial(
    trial: Trial, settings: Settings, link: Link, *, keep: Record | None = None, leaves: Sequence[Trial] = ()
) -> Finished:
    """Search and evaluate, train, or compute, and store what came out.

    ``keep``: a record whose trajectory is only evaluated anew. ``leaves``: the trials for which it leaves its supernet.
    A failure is an outcome and not an exception: it is stored, unless there is a record that is done.
    """
    prepare(settings.threads)
    start, clock = link.clock(), Clock(environment.now())
    store = settings.store
    try:
        if isinstance(trial.spec, ComputedSpec):
            record = _computed(trial, trial.spec, settings, link, clock)
        elif isinstance(trial.spec, TrainingSpec):
            record = _trained(trial, trial.spec, settings, link, clock)
        elif keep:
            record = _reevaluated(trial, trial.spec, keep, settings, link, clock)
        else:
            record = _searched(trial, trial.spec, settings, link, clock, leaves)
        store.write(record)
    except OutOfTime:
        return Finished(trial.id, None, None, link.clock() - start, stopped=True)
    except Exception as error:  # whatever it is belongs to this trial and must not end the others
        with suppress(OSError):  # a full disk may be why it failed: what is returned still says so
            store.write(failure(trial, settings, describe(error), clock))
        return Finished(trial.id, None, _line(error), link.clock() - start)
    store.checkpoint(trial.id).unlink(missing_ok=True)
    if keep is None:
        timings.note(trial, record)
    return Finished(trial.id, found_accuracy(record), None, link.clock() - start)


def prepare(threads: int) -> None:
    """Set up this process for searches."""
    import torch

    environment.keep_memory_mapped()
    torch.set_num_threads(threads)
    torch.backends.cudnn.benchmark = True  # choose a GPU's kernels by trying them; CPUs have no part in it
    torch.backends.cudnn.benchmark_limit = 4  # of those it thinks best: each thread tries them for itself
    torch.backends.cudnn.allow_tf32 = False  # single precision is meant where it is said


def describe(error: BaseException) -> str:
    """Word a failure: a line that says what; where it is no mistake of the user's, also the traceback's end."""
    if isinstance(error, HarnessError):
        return str(error)
    text = "".join(traceback.format_exception(error)).rstrip().splitlines()
    return "\n".join([_line(error), *text[-TRACEBACK_LINES:]])


def _line(error: BaseException) -> str:
    text = next(iter(str(error).splitlines()), "")
    return text if isinstance(error, HarnessError) else f"{type(error).__name__}: {text}"


def failure(trial: Trial, settings: Settings, error: str, clock: Clock) -> Record:
    """Make the record of a trial that failed."""
    return _record(trial, settings, clock, error=error)


def _record(
    trial: Trial,
    settings: Settings,
    clock: Clock,
    *,
    trajectory: Trajectory | None = None,
    training: TrainingCurve | None = None,
    evaluated: Evaluated | None = None,
    computed: Computed | None = None,
    data: str | None = None,
    error: str | None = None,
) -> Record:
    return Record(
        id=trial.id,
        status="done" if error is None else "failed",
        suite=trial.suite,
        profile=trial.profile,
        method=trial.method,
        dataset=trial.dataset,
        seed=trial.seed,
        embedded=trial.embedded,
        spec=trial.spec.model_dump(mode="json"),
        benchmark=trial.benchmark.model_dump(mode="json"),
        part_versions=trial.part_versions,
        data_fingerprint=data,
        data_checksum=trial.data_checksum,
        test_checksum=trial.test_checksum,
        benchmark_checksum=source.checksum if (source := evaluated or computed) else None,
        trajectory=trajectory,
        training=training,
        evaluations=evaluated.accuracies if evaluated else {},
        values=computed.values if computed else {},
        found=computed.found if computed else [],
        error=error,
        overrides=list(trial.overrides),
        provenance=_provenance(
            trial, settings, clock, whole=error is None and clock.resumed_from_epoch is None and settings.lanes == 1
        ),
    )


def _provenance(trial: Trial, settings: Settings, clock: Clock, *, whole: bool) -> Provenance:
    """``whole``: this process did all of the trial, so that its processor time is the trial's."""
    import torch

    device = "cpu" if isinstance(trial.spec, ComputedSpec) else settings.device  # computations know no other
    return Provenance(
        harness=environment.version(),
        git=settings.revision,
        python=platform.python_version(),
        torch=torch.__version__,
        platform=environment.machine(device),
        device=device,
        threads=settings.threads,
        started=clock.started,
        search_seconds=sum(clock.epoch_seconds),
        evaluation_seconds=clock.evaluation_seconds,
        epoch_seconds=clock.epoch_seconds,
        peak_memory_mb=environment.peak_memory_mb(device),
        resumed_from_epoch=clock.resumed_from_epoch,
        kernels=_kernels(trial.spec, settings) if isinstance(trial.spec, SearchSpec) and clock.epoch_seconds else None,
        supernet=clock.supernet,
        sittings=clock.sittings,
        cpu_seconds=time.process_time() - clock.cpu_start if whole else None,
    )


def _kernels(spec: SearchSpec, settings: Settings) -> bool:
    return spec.space.compiled(settings.device)


def _computed(trial: Trial, spec: ComputedSpec, settings: Settings, link: Link, clock: Clock) -> Record:
    start = time.perf_counter()
    link.tell(Beat(trial.id, 0, 1))
    images = _load_for_all(trial.dataset, settings.data_root, None, test=True) if spec.trains else None
    computed = compute(spec, load_table(settings.data_root) if spec.needs_table else None, images, trial.seed)
    clock.evaluation_seconds = time.perf_counter() - start
    return _record(trial, settings, clock, computed=computed, data=images.fingerprint if images else None)


def _searched(
    trial: Trial, spec: SearchSpec, settings: Settings, link: Link, clock: Clock, leaves: Sequence[Trial]
) -> Record:
    link.tell(Beat(trial.id, 0, spec.all_epochs))
    dataset = _images(trial, spec, settings)
    result = _search(trial, spec, dataset, settings, link, clock, leaves)
    if result.from_supernet:
        clock.supernet = trial.supernet_id
    _keep_time(trial, result, link, clock)
    evaluated = _evaluated(trial, result.trajectory, settings, clock)
    return _record(trial, settings, clock, trajectory=result.trajectory, evaluated=evaluated, data=dataset.fingerprint)


def _keep_time(trial: Trial, result: SearchResult | TrainingResult, link: Link, clock: Clock) -> None:
    clock.epoch_seconds, clock.resumed_from_epoch = result.epoch_seconds, result.resumed_from_epoch
    clock.sittings = [Sitting.model_validate(sitting) for sitting in result.sittings]
    if any(sitting.new_streams for sitting in clock.sittings):
        link.tell(Note(trial.id, "it changed the kind of device: no other run repeats it bit for bit"))


def _trained(trial: Trial, spec: TrainingSpec, settings: Settings, link: Link, clock: Clock) -> Record:
    from harness.engine.training import run_training

    link.tell(Beat(trial.id, 0, spec.epochs))
    architecture = subject(spec, settings.store.index())
    dataset = _load_for_all(trial.dataset, settings.data_root, spec.data.limit, test=spec.data.split == "test")

    def train() -> TrainingResult:
        checkpoint, pulse = settings.store.checkpoint(trial.id), Pulse(trial, settings, link)
        return run_training(
            spec, architecture, dataset, trial.seed, settings.device, checkpoint, pulse,
            sitting=_sitting(settings, clock), clock=link.clock,
        )  # fmt: skip

    result = _whole(trial, link, train)
    _keep_time(trial, result, link, clock)
    last = {f"{trial.dataset}/{spec.data.split}/{spec.epochs}": result.curve.evaluated[-1]}
    evaluated = Evaluated({architecture: last}, None)
    return _record(trial, settings, clock, training=result.curve, evaluated=evaluated, data=dataset.fingerprint)


def _search(
    trial: Trial,
    spec: SearchSpec,
    dataset: Dataset,
    settings: Settings,
    link: Link,
    clock: Clock,
    leaves: Sequence[Trial],
) -> SearchResult:
    from harness.engine.search import run_search

    store = settings.store

    def search() -> SearchResult:
        return run_search(
            spec, dataset, trial.seed, settings.device, store.checkpoint(trial.id), Pulse(trial, settings, link),
            supernet=next(iter(states([trial], store).values()), None), keep=states(leaves, store),
            sitting=_sitting(settings, clock), clock=link.clock,
        )  # fmt: skip

    return _whole(trial, link, search)


def _whole(trial: Trial, link: Link, run: Callable[[], Result]) -> Result:
    """Run from the last checkpoint that is whole: a damaged one is set aside and said."""
    from harness.engine import checkpoint

    while True:
        try:
            return run()
        except checkpoint.DamagedCheckpoint as error:
            aside = checkpoint.set_aside(error.file)
            what = "training" if trial.trains else "search"
            link.tell(Note(trial.id, f"{error}; it is now {aside.name}, and the {what} starts anew"))


class Pulse:
    """Tells after every epoch how far a trial is, and ends it where no other epoch would end in time."""

    MARGIN = 1.05  # epochs vary by percents

    def __init__(self, trial: Trial, settings: Settings, link: Link) -> None:
        self.id, self.deadline, self.link = trial.id, settings.deadline, link
        self.log = scalars.EventFile(trial, settings.store) if settings.log else None
        self.last = link.clock()
        self.spent: list[float] = []

    def __call__(self, epoch: int, epochs: int) -> None:
        """Take in the end of an epoch, whose state is saved by now."""
        now = self.link.clock()
        self.spent.append(now - self.last)
        self.last = now
        if self.log is not None:
            self.log.write(last=epoch == epochs)
        self.link.tell(Beat(self.id, epoch, epochs, max(self.spent)))
        another = max(self.spent[1:] or self.spent)  # the first one of a run also loads, compiles and records
        if epoch < epochs and time.monotonic() + another * self.MARGIN > self.deadline:
            raise OutOfTime


def _sitting(settings: Settings, clock: Clock) -> dict[str, str | int | None]:
    """Say what may differ between the parts of a search that was stopped."""
    import torch

    return {
        "started": clock.started,
        "git": settings.revision,
        "torch": str(torch.__version__),  # which is an object of its own
        "platform": environment.machine(settings.device),
        "threads": settings.threads,
        "lanes": settings.lanes,
    }


def _reevaluated(trial: Trial, spec: SearchSpec, keep: Record, settings: Settings, link: Link, clock: Clock) -> Record:
    """Keep the trajectory and how it came to be; replace what the benchmark says."""
    assert keep.trajectory is not None
    link.tell(Beat(trial.id, spec.all_epochs, spec.all_epochs))
    evaluated = _evaluated(trial, keep.trajectory, settings, clock)
    provenance = keep.provenance.model_copy(update={"evaluation_seconds": clock.evaluation_seconds})
    return keep.model_copy(
        update={
            "benchmark": trial.benchmark.model_dump(mode="json"),
            "benchmark_checksum": evaluated.checksum,
            "evaluations": evaluated.accuracies,
            "provenance": provenance,
        }
    )


def _evaluated(trial: Trial, trajectory: Trajectory, settings: Settings, clock: Clock) -> Evaluated:
    start = time.perf_counter()
    evaluated = evaluate(trajectory, trial.benchmark, settings.data_root)
    clock.evaluation_seconds = time.perf_counter() - start
    return evaluated


def _images(trial: Trial, spec: SearchSpec, settings: Settings) -> Dataset:
    return _load_for_all(trial.dataset, settings.data_root, spec.data.limit, test=spec.data.split == "test")


def _load_for_all(name: str, root: Path | None, limit: int | None, *, test: bool) -> Dataset:
    with _LOADING:  # one of several threads loads for all
        return _load(name, root, limit, test)


@lru_cache(maxsize=1)
def _load(name: str, root: Path | None, limit: int | None, test: bool) -> Dataset:
    """Load a data set once for all trials that this process runs one after the other."""
    from harness.data.load import load_dataset

    return load_dataset(name, root, limit=limit, test=test)
