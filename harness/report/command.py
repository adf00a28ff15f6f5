"""The command that runs a row's trials again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from harness.analysis.cells import RowVerdict
from harness.analysis.verdicts import SuiteVerdict


def rerun_command(verdict: SuiteVerdict, row: RowVerdict) -> str | None:
    """Return the command line, with the overrides that the trials were planned with; None for a row without trials."""
    if not row.trials:
        return None
    trials = [verdict.evidence.trials[trial_id] for trial_id in row.trials]
    table = row.key.partition("/")[0]
    words = ["python", "-m", "harness", "run", verdict.loaded.path.as_posix(), "--profile", verdict.profile_name]
    words += ["-t", table, "-m", trials[0].method, "--seeds", seed_ranges([trial.seed for trial in trials])]
    for setting in verdict.evidence.plan.overrides.get(row.key, ()):
        words += ["--set", setting]
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
