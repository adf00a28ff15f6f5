"""The command that runs a row's trials again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from harness.analysis.cells import RowVerdict
from harness.analysis.verdicts import SuiteVerdict
from harness.methods.computed import ComputedSpec
from harness.methods.spec import SearchSpec
from harness.runner.plan import Trial


def rerun_command(verdict: SuiteVerdict, row: RowVerdict) -> str | None:
    """Return the command line, with the overrides that the trials were planned with; None for a row without trials."""
    if not row.trials or row.row.method is None:
        return None
    trials = [verdict.evidence.trials[trial_id] for trial_id in row.trials]
    table, _, name = row.key.partition("/")
    words = ["python", "-m", "harness", "run", verdict.loaded.path.as_posix(), "--profile", verdict.profile_name]
    words += ["-t", table, "-m", row.row.method, "--seeds", seed_ranges([trial.seed for trial in trials])]
    usual = _usual(verdict, table, name, trials[0])
    for setting in _changes(usual.model_dump(mode="json"), trials[0].spec.model_dump(mode="json")):
        words += ["--set", setting]
    return shlex.join(words)


def _usual(verdict: SuiteVerdict, table: str, row: str, trial: Trial) -> SearchSpec | ComputedSpec:
    """Return the specification without overrides."""
    if isinstance(trial.spec, ComputedSpec):
        return verdict.loaded.resolve_computation(table, row, runs=trial.spec.runs)
    return verdict.loaded.resolve(table, row, verdict.profile_name, embedded=trial.embedded)


def seed_ranges(seeds: Sequence[int]) -> str:
    """Write seeds as ``0-2,5``."""
    ranges: list[list[int]] = []
    for seed in sorted(seeds):
        if ranges and seed == ranges[-1][1] + 1:
            ranges[-1][1] = seed
        else:
            ranges.append([seed, seed])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def _changes(usual: Mapping[str, Any], actual: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield ``key.path=value`` for every leaf of ``actual`` that differs; a block of another name comes whole."""
    for key, value in actual.items():
        before = usual.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            replaced = value.get("name") != before.get("name")
            yield from _changes({} if replaced else before, value, f"{prefix}{key}.")
        elif key not in usual or value != before:
            text = yaml.safe_dump([value], default_flow_style=True, width=10_000).strip()[1:-1]
            yield f"{prefix}{key}={text}"
