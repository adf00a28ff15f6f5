"""``run``: plan, execute, say how it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import typer

from harness.api.request import to_stderr
from harness.api.running import (
    DEFAULT_PROFILE,
    RunRequest,
    RunSummary,
    all_tasks,
    carry_out,
    make_all_plans,
    rows_not_run,
)
from harness.cli.select import command
from harness.cli.streams import unbreakable
from harness.cli.text import columns
from harness.data.sources import data_root
from harness.runner.plan import Plan
from harness.runner.progress import duration, make_progress
from harness.runner.survey import Task
from harness.text import counted, printable

__all__ = ["DEFAULT_PROFILE", "RunRequest", "dry_run_suites", "run_plans", "run_suites", "show_plans"]


def dry_run_suites(asked: RunRequest) -> int:
    """Print every trial with its status, its estimated cost and the total; touch nothing."""
    root = data_root()
    asked.options(root)  # a mistake in them is one here, too
    return show_plans(asked, make_all_plans(asked, root, to_stderr), root)


def show_plans(asked: RunRequest, plans: Sequence[Plan], root: Path | None) -> int:
    """Print the trials of plans and what they cost."""
    tasks = all_tasks(asked, plans, root)
    typer.echo(columns(("trial", "suite", "method", "dataset", "seed", "status", "cost", "why"), map(_line, tasks)))
    for why, count in Counter(task.reason for task in tasks if task.state == "blocked").items():
        typer.echo(f"blocked: {counted(count, 'trial')}: {why}")
    for row, why in rows_not_run(plans).items():
        typer.echo(f"not run: {row}: {why}")
    total = sum(task.seconds for task in tasks if task.needs_work)
    todo = sum(task.needs_work for task in tasks)
    typer.echo(f"{todo} of {len(tasks)} trials to do, about {duration(total)} on one core; records: {asked.place}")
    return 0


def run_suites(asked: RunRequest) -> int:
    """Execute what is missing; return the exit code. Nobody has to listen to what is printed."""
    with unbreakable():
        root = data_root()
        return run_plans(asked, make_all_plans(asked, root, to_stderr), root)


def run_plans(asked: RunRequest, plans: Sequence[Plan], root: Path | None) -> int:
    """Execute what is missing of plans, and say how it ended; return the exit code."""
    summary = carry_out(asked, plans, root, make_progress(), to_stderr)
    _conclude(asked, summary)
    return summary.exit_code


def _line(task: Task) -> tuple[str, ...]:
    trial = task.trial
    cost = duration(task.seconds) if task.needs_work else "-"
    why = "" if task.state == "blocked" else (task.reason or "").partition("\n")[0]  # those have it together
    subject = f"{trial.subject} training" if trial.trains else trial.subject
    return trial.id, trial.suite, subject, trial.dataset, str(trial.seed), task.state, cost, why


def _conclude(asked: RunRequest, summary: RunSummary) -> None:
    """Print how many trials ended how, where the records are, and what to do about the rest."""
    for name, error in summary.failed.items():
        typer.echo(printable(f"failed: {name}: {error}"), err=True)
    for why, count in Counter(summary.tally.blocked.values()).items():
        typer.echo(f"blocked: {counted(count, 'trial')}: {why}", err=True)
    if not summary.tasks:
        for row, why in summary.not_run.items():
            typer.echo(f"not run: {row}: {why}", err=True)
    typer.echo(str(summary))
    if summary.tally.unfinished:
        how = "time is up" if summary.tally.late else "interrupted"
        typer.echo(f"{how}; go on with: {command(asked.words())}", err=True)
