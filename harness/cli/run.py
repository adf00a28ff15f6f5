"""``run``: plan, execute, say how it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import typer

from harness.api.request import to_stderr
from harness.api.running import (
    RunRequest,
    RunSummary,
    all_tasks,
    carry_out,
    make_all_plans,
    rows_not_run,
)
from harness.cli.layout import Rows, Value, emit, emit_json, only_text_or_json
from harness.cli.streams import unbreakable
from harness.cli.text import command
from harness.data.sources import data_root
from harness.runner.plan import Plan
from harness.runner.progress import duration, make_progress
from harness.runner.survey import Task
from harness.runner.timings import Timings
from harness.text import counted, printable

TRIAL = ("trial", "suite", "method", "dataset", "seed", "status", "cost", "why")


def dry_run_suites(asked: RunRequest, layout: str) -> int:
    """Print every trial with its status, its estimated cost and the total; touch nothing."""
    root = data_root()
    asked.options(root)  # a mistake in them is one here, too
    return show_plans(asked, make_all_plans(asked, root, to_stderr), root, layout)


def show_plans(asked: RunRequest, plans: Sequence[Plan], root: Path | None, layout: str) -> int:
    """Print the trials of plans and what they cost."""
    tasks = all_tasks(asked, plans, root)
    trials = Rows(TRIAL, [_row(task) for task in tasks], {"cost": lambda cost: duration(cost) if cost else "-"})
    total = sum(task.seconds for task in tasks if task.needs_work)
    todo, not_run = sum(task.needs_work for task in tasks), rows_not_run(plans)
    blocked = Counter(task.reason or "" for task in tasks if task.state == "blocked")
    if layout == "csv":
        emit(trials, layout)
    elif layout == "json":
        counts = {"to_do": todo, "seconds": total, "records": str(asked.place)}
        emit_json({"trials": trials.keyed(), "blocked": blocked, "not_run": not_run, **counts})
    else:
        typer.echo(trials.text())
        for why, count in blocked.items():
            typer.echo(f"blocked: {counted(count, 'trial')}: {why}")
        for row, why in not_run.items():
            typer.echo(f"not run: {row}: {why}")
        basis = Timings.read(asked.estimated_on).basis
        cost = f", about {duration(total)} on one core ({basis})" if todo else ""
        typer.echo(f"{todo} of {len(tasks)} trials to do{cost}; records: {asked.place}")
    return 0


def run_suites(asked: RunRequest, layout: str) -> int:
    """Execute what is missing; return the exit code. Nobody has to listen to what is printed."""
    only_text_or_json(layout, "how a run ends is no table")
    with unbreakable():
        root = data_root()
        summary = run_plans(asked, make_all_plans(asked, root, to_stderr), root, said=layout == "text")
        if layout == "json":
            emit_json(_as_json(asked, summary))
        return summary.exit_code


def run_plans(asked: RunRequest, plans: Sequence[Plan], root: Path | None, *, said: bool) -> RunSummary:
    """Execute what is missing of plans; ``said``: how it ended is said on stdout, else what went wrong alone."""
    summary = carry_out(asked, plans, root, make_progress(), to_stderr)
    _conclude(asked, summary, said)
    return summary


def _as_json(asked: RunRequest, summary: RunSummary) -> dict[str, object]:
    return {
        "trials": len(summary.tasks),
        **{how.replace(" ", "_"): count for how, count in summary.counts.items()},
        "failures": summary.failed,
        "reasons": Counter(summary.tally.blocked.values()),
        "not_run": summary.not_run,
        "seconds": summary.seconds,
        "records": str(summary.place),
        "go_on_with": command(asked.words()) if summary.tally.unfinished else None,
    }


def _row(task: Task) -> tuple[Value, ...]:
    trial = task.trial
    why = "" if task.state == "blocked" else (task.reason or "").partition("\n")[0]  # those have it together
    subject = f"{trial.subject} training" if trial.trains else trial.subject
    cost = task.seconds if task.needs_work else None
    return trial.id, trial.suite, subject, trial.dataset, trial.seed, task.state, cost, why


def _conclude(asked: RunRequest, summary: RunSummary, said: bool) -> None:
    """Print how many trials ended how, where the records are, and what to do about the rest."""
    for name, error in summary.failed.items():
        typer.echo(printable(f"failed: {name}: {error}"), err=True)
    for why, count in Counter(summary.tally.blocked.values()).items():
        typer.echo(f"blocked: {counted(count, 'trial')}: {why}", err=True)
    if not summary.tasks:
        for row, why in summary.not_run.items():
            typer.echo(f"not run: {row}: {why}", err=True)
    typer.echo(str(summary), err=not said)
    if summary.tally.unfinished:
        how = "time is up" if summary.tally.late else "interrupted"
        then = "begin all of it once more with" if asked.force else "go on with"
        typer.echo(f"{how}; {then}: {command(asked.words())}", err=True)
