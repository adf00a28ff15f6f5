"""`harness.run`: plan, do what is missing, say how it ended. The command line goes the same way."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.api.request import Request, Say, as_settings, check_arguments, one_or_many, to_stderr
from harness.api.traces import as_it_was
from harness.data.sources import data_root
from harness.errors import HarnessError
from harness.runner import environment, scalars
from harness.runner.availability import find_data, latest_records, with_recorded
from harness.runner.environment import Device
from harness.runner.execute import Options, Tally, execute
from harness.runner.plan import Plan, data_needed
from harness.runner.progress import Progress, duration, make_progress, name
from harness.runner.shard import parse_shard, share
from harness.runner.store import RESULTS
from harness.runner.survey import Task, survey
from harness.runner.timings import Timings
from harness.runner.trial import ProfileName, Trial
from harness.suite.first import first_trials
from harness.suite.loaded import LoadedSuite
from harness.text import one_line

DEFAULT_PROFILE: ProfileName = "reduced"


@dataclass(frozen=True)
class RunRequest:
    """What to run and how. ``jobs`` and ``threads``: None chooses. ``budget``: how long, as given.

    ``decide``: seeds a side to decide claims with. ``shard``: which part, such as 1/4. ``cluster``: where a Dask
    scheduler is. ``log``: what is written beside records while they are made. ``since``: when it was asked for, of
    `time.monotonic`.
    """

    request: Request
    jobs: int | None
    device: Device
    force: bool
    first: bool = False
    threads: int | None = None
    nice: int = 0
    budget: str | None = None
    decide: int | None = None
    shard: str | None = None
    cluster: str | None = None
    log: str | None = None
    since: float = field(default_factory=lambda: time.monotonic())

    @property
    def profile(self) -> ProfileName:
        """Return the profile to run."""
        return self.request.profile or DEFAULT_PROFILE

    @property
    def place(self) -> Path:
        """Return the folder of the records that it makes."""
        return self.request.results / self.profile

    def words(self) -> list[str]:
        """Write the words of the command that goes on with this run."""
        words = ["run", *self.request.options()]
        words += [] if self.jobs is None else ["--jobs", str(self.jobs)]
        words += [] if self.threads is None else ["--threads", str(self.threads)]
        words += [] if self.device == "auto" else ["--device", self.device]
        words += ["--first"] if self.first else []
        words += ["--nice", str(self.nice)] if self.nice else []
        words += [] if self.budget is None else ["--budget", self.budget]
        words += [] if self.decide is None else ["--until-decided", "--max-seeds", str(self.decide)]
        for option in ("shard", "cluster", "log"):
            words += [] if (value := getattr(self, option)) is None else [f"--{option}", value]
        return [*words, "--force"] if self.force else words

    def options(self, root: Path | None) -> Options:
        """Say how to execute; ``root``: of the data. Raises `HarnessError` for what is not to be had, or together."""
        if self.shard is not None:
            parse_shard(self.shard)
        if self.log is not None:
            scalars.check()
        budget = math.inf if self.budget is None else parse_budget(self.budget) + self.since - time.monotonic()
        options = Options(root, self.device, 0, self.threads, self.nice, budget, self.cluster, log=self.log is not None)
        if self.cluster is not None:
            return self._on_cluster(options)
        device = environment.resolve_device(self.device)
        jobs = environment.default_jobs(device) if self.jobs is None else self.jobs
        return replace(options, device=device, jobs=jobs)

    def _on_cluster(self, options: Options) -> Options:
        """Leave the device to each worker, where a trial has one thread unless something else is said."""
        if self.nice or self.jobs == 0:
            raise HarnessError(
                f"--cluster {self.cluster}: its workers are not of this run, leave out --nice and --jobs 0"
            )
        threads = self.threads or environment.threads_per_worker(environment.cores())
        return replace(options, jobs=self.jobs or 0, threads=threads)

    @property
    def estimated_on(self) -> str:
        """Return the device that costs are estimated for."""
        if self.cluster is not None:
            return "cuda" if self.device == "cuda" else "cpu"
        return environment.resolve_device(self.device)


@dataclass(frozen=True)
class RunSummary:
    """How a run ended: its tasks, what became of them, the rows without any, and the seconds that it took.

    ``part``: of a plan, which may have nothing for it. ``str()`` of it is one line.
    """

    tasks: Sequence[Task] = field(repr=False)
    tally: Tally
    not_run: Mapping[str, str]
    seconds: float
    place: Path
    part: bool = False

    @property
    def exit_code(self) -> int:
        """0: all done; 1: a trial failed; 3: incomplete; 130: interrupted."""
        return self.tally.exit_code if self.tasks or self.part else 3

    @property
    def counts(self) -> dict[str, int]:
        """Return how many trials ended how."""
        tally = self.tally
        return {
            "executed": len(tally.executed),
            "done before": len(tally.kept),
            "done by another run": len(tally.elsewhere),
            "failed": len(tally.failed),
            "blocked": len(tally.blocked),
            "unfinished": len(tally.unfinished),
        }

    @property
    def failed(self) -> dict[str, str]:
        """Return why trials failed, by what a reader calls them."""
        names = {task.trial.id: name(task.trial) for task in self.tasks}
        return {f"{names[trial]} ({trial})": error for trial, error in self.tally.failed.items()}

    def __str__(self) -> str:
        said = [f"{number} {word}" for word, number in self.counts.items() if number or word == "executed"]
        rows = f"; {len(self.not_run)} rows have nothing to run" if self.not_run else ""
        return f"{len(self.tasks)} trials: {', '.join(said)}{rows}; {duration(self.seconds)}; records: {self.place}"


def run(
    *suites: str | Path,
    profile: ProfileName = DEFAULT_PROFILE,
    method: str | Sequence[str] = (),
    table: str | Sequence[str] = (),
    dataset: str | Sequence[str] = (),
    seeds: str | None = None,
    settings: Mapping[str, object] | None = None,
    results: str | Path = RESULTS,
    jobs: int | None = None,
    threads: int | None = None,
    device: Device = "auto",
    force: bool = False,
    budget: str | None = None,
    shard: str | None = None,
    cluster: str | None = None,
    log: str | None = None,
    quiet: bool = False,
) -> RunSummary:
    """Do the trials of suites that are missing, as ``harness run`` does; the same call again goes on where it stopped.

    ``suites``: names of shipped suites, files, folders or globs. ``method``, ``table``, ``dataset``: one name or
    several; ``seeds``: such as ``"0-2"``. ``settings``: overrides by key path, ``{"epochs": 3}``. ``jobs``: trials at
    once, each in a process of its own; 0: in this process. ``budget``: such as ``"2h45m"``. ``shard``: ``"1/4"`` is
    the first of four parts. ``cluster``: address or file of a Dask scheduler. ``log="tensorboard"``: event files beside
    the records. ``quiet``: show no progress. Raises `HarnessError` for a mistake; a trial that fails is in the summary.
    Ctrl-C ends the work in good order, then it is raised.
    """
    check_arguments(profile=profile, device=device, jobs=jobs, threads=threads, seeds=seeds, log=log)
    methods, tables, datasets = map(one_or_many, (method, table, dataset))
    names = [str(suite) for suite in suites]
    request = Request.read(
        names, profile, methods, tables, datasets, seeds, as_settings(settings), Path(results)
    )  # fmt: skip
    asked = RunRequest(
        request, jobs, device, force,
        threads=threads, budget=budget, shard=shard, cluster=cluster, log=log,
    )  # fmt: skip
    root = data_root()
    say: Say = (lambda line: None) if quiet else to_stderr
    plans, progress = make_all_plans(asked, root, say), Progress() if quiet else make_progress()
    with as_it_was() if jobs == 0 else nullcontext():
        summary = carry_out(asked, plans, root, progress, say, deaf=False)
    if summary.tally.interrupted:
        raise KeyboardInterrupt  # the caller's program is to end as well; the same call goes on
    return summary


def carry_out(
    asked: RunRequest, plans: Sequence[Plan], root: Path | None, progress: Progress, say: Say, *, deaf: bool = True
) -> RunSummary:
    """Execute what is missing of plans; ``deaf``: to further signals, once the end was asked for."""
    start, tasks = time.monotonic(), all_tasks(asked, plans, root)
    options = replace(asked.options(root), deaf=deaf)
    for task in tasks:
        if task.broken:
            say(f"warning: {task.reason}; the trial is run again")
    tally = execute(tasks, asked.request.store, options, progress)
    return RunSummary(
        tasks, tally, rows_not_run(plans), time.monotonic() - start, asked.place, part=asked.shard is not None
    )


def make_all_plans(asked: RunRequest, root: Path | None, say: Say) -> list[Plan]:
    """Plan the suites of a request; ``say``: where what the reader must know of them goes."""
    request, profile = asked.request, asked.profile
    suites = request.loaded()
    names = dict.fromkeys(name for loaded in suites for name in data_needed(loaded, profile))
    data = find_data(names, root)
    plans = request.plans(suites, profile, data)
    if data.missing:  # what is done of a suite is known all the same; records of others say nothing of it
        known, index = with_recorded(data, latest_records(request.store, profile)), request.store.index()
        again = request.plans(suites, profile, known)
        plans = [other if other.is_in(index) else plan for plan, other in zip(plans, again, strict=True)]
    for loaded, plan in zip(suites, plans, strict=True):
        for note in plan.notes:
            say(one_line(f"note: {loaded.path}: {note}"))
    return [_first(loaded, plan, profile) for loaded, plan in zip(suites, plans, strict=True)] if asked.first else plans


def all_tasks(asked: RunRequest, plans: Sequence[Plan], root: Path | None) -> list[Task]:
    """Return what is to be done about the trials of plans, or about this run's share of them."""
    trials: dict[str, Trial] = {}
    for plan in plans:
        for trial in plan.trials:
            trials.setdefault(trial.id, trial)  # equal searches of two suites are one
    ours = list(trials.values())
    if asked.shard is not None:
        ours = share(ours, parse_shard(asked.shard))
    return survey(ours, asked.request.store, root, timings=Timings.read(asked.estimated_on), force=asked.force)


def rows_not_run(plans: Sequence[Plan]) -> dict[str, str]:
    """Return why rows have no trials."""
    return {row: why for plan in plans for row, why in plan.not_run.items()}


def parse_budget(text: str) -> float:
    """Read ``2h45m``, ``90m`` or ``1h30s`` as seconds; raise `HarnessError`."""
    found = re.fullmatch(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?", text, re.ASCII)
    hours, minutes, seconds = (int(number or 0) for number in found.groups()) if found else (0, 0, 0)
    if total := 3600 * hours + 60 * minutes + seconds:
        return float(total)
    raise HarnessError(f"--budget {text!r}: expected hours, minutes and seconds such as 2h45m or 90m")


def _first(loaded: LoadedSuite, plan: Plan, profile: ProfileName) -> Plan:
    """Keep what the suite says comes first, in that order."""
    settings = loaded.suite.profiles.get(profile)
    if settings is None or not settings.first:
        raise HarnessError(f"{loaded.path}: profile {profile} says of no trial that it comes first")
    known = {trial.id: trial for trial in plan.trials}
    trials: dict[tuple[str, int], list[Trial]] = {}
    for trial in plan.trials:
        for row in trial.rows:
            trials.setdefault((row, trial.seed), []).extend(_with_those_before(trial, known))
    rows = [f"{table}/{row}" for table, entry in loaded.suite.tables.items() for row in entry.rows]
    named = [name for text in settings.first for name in first_trials(text, rows)]
    chosen = {trial.id: trial for name in named for trial in trials.get(name, ())}
    return replace(plan, trials=tuple(chosen.values()), not_run={})


def _with_those_before(trial: Trial, known: Mapping[str, Trial]) -> list[Trial]:
    """Return the trials that a trial follows, from the first on, and itself."""
    return [*(each for before in trial.after for each in _with_those_before(known[before], known)), trial]
