"""The command that runs a row's trials, or one of them, again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from harness.analysis.cells import RowVerdict
from harness.analysis.verdicts import SuiteVerdict
from harness.runner.trial import Trial

AGAIN = "again"  # a folder for what is done already: `harness diff results again` compares


def rerun_command(verdict: SuiteVerdict, row: RowVerdict) -> str | None:
    """Return the command line, with the overrides that the trials were planned with; None for a row without trials."""
    trials = [verdict.evidence.trials[trial_id] for trial_id in row.trials]
    return _command(verdict, row.key, trials) if trials else None


def trial_command(verdict: SuiteVerdict, trial: Trial) -> str:
    """Return the command line of one trial, by the first of its rows."""
    return _command(verdict, trial.rows[0], [trial])


def _command(verdict: SuiteVerdict, row: str, trials: Sequence[Trial]) -> str:
    words = ["python", "-m", "harness", "run", verdict.loaded.path.as_posix(), "--profile", verdict.profile_name]
    words += ["-t", row.partition("/")[0], "-m", trials[0].method]
    words += ["--seeds", seed_ranges([trial.seed for trial in trials])]
    for setting in verdict.evidence.plan.overrides.get(row, ()):
        words += ["--set", setting]
    if all(trial.id in verdict.evidence.outcomes for trial in trials):
        words += ["--results", AGAIN]
    return shlex.join(words)


def seed_ranges(seeds: Sequence[int]) -> str:
    """Write seeds as ``0-2,5``."""
    ranges: list[list[int]] = []
    for seed in sorted(set(seeds)):
        if ranges and seed == ranges[-1][1] + 1:
            ranges[-1][1] = seed
        else:
            ranges.append([seed, seed])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)
