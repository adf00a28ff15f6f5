"""``run``: plan, execute, say how it ended."""

from __future__ import annotations

import math
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import typer
from rich.console import Console

from harness.cli.select import Request, command
from harness.cli.streams import unbreakable
from harness.cli.text import columns
from harness.data.sources import data_root
from harness.errors import HarnessError
from harness.runner import environment
from harness.runner.availability import find_data, latest_records, with_recorded
from harness.runner.environment import Device
from harness.runner.execute import Options, Tally, execute
from harness.runner.plan import Plan, data_needed
from harness.runner.progress import duration, make_progress
from harness.runner.survey import Task, survey
from harness.runner.trial import ProfileName, Trial
from harness.suite.first import first_trials
from harness.suite.loaded import LoadedSuite
from harness.text import counted, one_line, printable

DEFAULT_PROFILE: ProfileName = "reduced"


@dataclass(frozen=True)
class RunRequest:
    """What to run and how. ``jobs`` and ``threads``: None chooses. ``budget``: how long, as given.

    ``decide``: seeds a side to decide claims with. ``since``: when it was asked for, of `time.monotonic`.
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
    since: float = field(default_factory=lambda: time.monotonic())

    def command(self) -> str:
        """Write the command that goes on with this run."""
        words = ["run", *self.request.options()]
        words += [] if self.jobs is None else ["--jobs", str(self.jobs)]
        words += [] if self.threads is None else ["--threads", str(self.threads)]
        words += [] if self.device == "auto" else ["--device", self.device]
        words += ["--first"] if self.first else []
        words += ["--nice", str(self.nice)] if self.nice else []
        words += [] if self.budget is None else ["--budget", self.budget]
        words += [] if self.decide is None else ["--until-decided", "--max-seeds", str(self.decide)]
        return command([*words, "--force"] if self.force else words)

    def options(self, root: Path | None) -> Options:
        """Say how to execute; ``root``: of the data."""
        device = environment.resolve_device(self.device)
        jobs = environment.default_jobs(device) if self.jobs is None else self.jobs
        budget = math.inf if self.budget is None else parse_budget(self.budget) + self.since - time.monotonic()
        return Options(root, device, jobs, self.threads, self.nice, budget)


def parse_budget(text: str) -> float:
    """Read ``2h45m``, ``90m`` or ``1h30s`` as seconds; raise `HarnessError`."""
    found = re.fullmatch(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?", text, re.ASCII)
    hours, minutes, seconds = (int(number or 0) for number in found.groups()) if found else (0, 0, 0)
    if total := 3600 * hours + 60 * minutes + seconds:
        return float(total)
    raise HarnessError(f"--budget {text!r}: expected hours, minutes and seconds such as 2h45m or 90m")


def dry_run_suites(asked: RunRequest) -> int:
    """Print every trial with its status, its estimated cost and the total; touch nothing."""
    root = data_root()
    asked.options(root)  # a mistake in them is one here, too
    return show_plans(asked, _plans(asked, root), root)


def show_plans(asked: RunRequest, plans: Sequence[Plan], root: Path | None) -> int:
    """Print the trials of plans and what they cost."""
    tasks = _tasks(asked, plans, root)
    typer.echo(columns(("trial", "suite", "method", "dataset", "seed", "status", "cost", "why"), map(_line, tasks)))
    for why, count in Counter(task.reason for task in tasks if task.state == "blocked").items():
        typer.echo(f"blocked: {counted(count, 'trial')}: {why}")
    for row, why in _not_run(plans).items():
        typer.echo(f"not run: {row}: {why}")
    total = sum(task.seconds for task in tasks if task.needs_work)
    todo = sum(task.needs_work for task in tasks)
    typer.echo(f"{todo} of {len(tasks)} trials to do, about {duration(total)} on one core; {_place(asked)}")
    return 0


def run_suites(asked: RunRequest) -> int:
    """Execute what is missing; return the exit code. Nobody has to listen to what is printed."""
    with unbreakable():
        root = data_root()
        return run_plans(asked, _plans(asked, root), root)


def run_plans(asked: RunRequest, plans: Sequence[Plan], root: Path | None) -> int:
    """Execute what is missing of plans, and say how it ended; return the exit code."""
    start, tasks = time.monotonic(), _tasks(asked, plans, root)
    options = asked.options(root)
    _warn_of_broken(tasks)
    tally = execute(tasks, asked.request.store, options, make_progress(Console(stderr=True)))
    _conclude(asked, plans, tasks, tally, time.monotonic() - start)
    return tally.exit_code if tasks else 3


def _plans(asked: RunRequest, root: Path | None) -> list[Plan]:
    request, profile = asked.request, asked.request.profile or DEFAULT_PROFILE
    suites = request.loaded()
    names = dict.fromkeys(name for loaded in suites for name in data_needed(loaded, profile))
    data = find_data(names, root)
    if data.missing:  # what is done already is known all the same
        data = with_recorded(data, latest_records(request.results / profile))
    plans = request.plans(suites, profile, data)
    for loaded, plan in zip(suites, plans, strict=True):
        for note in plan.notes:
            typer.echo(one_line(f"note: {loaded.path}: {note}"), err=True)
    return [_first(loaded, plan, profile) for loaded, plan in zip(suites, plans, strict=True)] if asked.first else plans


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


def _tasks(asked: RunRequest, plans: Sequence[Plan], root: Path | None) -> list[Task]:
    trials: dict[str, Trial] = {}
    for plan in plans:
        for trial in plan.trials:
            trials.setdefault(trial.id, trial)  # equal searches of two suites are one
    device = environment.resolve_device(asked.device)
    return survey(list(trials.values()), asked.request.store, root, device=device, force=asked.force)


def _line(task: Task) -> tuple[str, ...]:
    trial = task.trial
    cost = duration(task.seconds) if task.needs_work else "-"
    why = "" if task.state == "blocked" else (task.reason or "").partition("\n")[0]  # those have it together
    subject = f"{trial.subject} training" if trial.trains else trial.subject
    return trial.id, trial.suite, subject, trial.dataset, str(trial.seed), task.state, cost, why


def _not_run(plans: Sequence[Plan]) -> dict[str, str]:
    return {row: why for plan in plans for row, why in plan.not_run.items()}


def _warn_of_broken(tasks: Sequence[Task]) -> None:
    for task in tasks:
        if task.broken:
            typer.echo(f"warning: {task.reason}; the trial is run again", err=True)


def _place(asked: RunRequest) -> str:
    profile = asked.request.profile or DEFAULT_PROFILE
    return f"records: {asked.request.results / profile}"


def _conclude(asked: RunRequest, plans: Sequence[Plan], tasks: Sequence[Task], tally: Tally, seconds: float) -> None:
    """Print how many trials ended how, where the records are, and what to do about the rest."""
    names = {t.trial.id: f"{t.trial.subject} {t.trial.dataset} seed {t.trial.seed}" for t in tasks}
    for trial_id, error in tally.failed.items():
        typer.echo(printable(f"failed: {names[trial_id]} ({trial_id}): {error}"), err=True)
    for why in dict.fromkeys(tally.blocked.values()):
        count = sum(reason == why for reason in tally.blocked.values())
        typer.echo(f"blocked: {counted(count, 'trial')}: {why}", err=True)
    not_run = _not_run(plans)
    if not tasks:
        for row, why in not_run.items():
            typer.echo(f"not run: {row}: {why}", err=True)
    counts = {
        "executed": len(tally.executed),
        "done before": len(tally.kept),
        "done by another run": len(tally.elsewhere),
        "failed": len(tally.failed),
        "blocked": len(tally.blocked),
        "unfinished": len(tally.unfinished),
    }
    said = [f"{number} {word}" for word, number in counts.items() if number or word == "executed"]
    rows = f"; {len(not_run)} rows have nothing to run" if not_run else ""
    typer.echo(f"{len(tasks)} trials: {', '.join(said)}{rows}; {duration(seconds)}; {_place(asked)}")
    if tally.unfinished:
        typer.echo(f"{'time is up' if tally.late else 'interrupted'}; go on with: {asked.command()}", err=True)
