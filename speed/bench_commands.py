"""What is not the search: starting, planning and reporting, against limits."""

from __future__ import annotations

import gzip
import os
import resource
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import pytest

from harness.runner.store import Store, render
from speed.conftest import Against
from speed.trials import plan_of, record_of, suite_of

ROOT = Path(__file__).parents[1]


# A command in a process of its own, without data; it says its peak memory last.
WITHIN = """
import sys
from harness.cli.app import main
from harness.runner.environment import peak_memory_mb
try:
    main()
finally:
    print(peak_memory_mb("cpu"), file=sys.stderr)
"""


def run(*arguments: str) -> tuple[float, float, float]:
    """Run a command of the harness; return its user CPU seconds, its seconds and its peak memory in MB."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", WITHIN, *arguments],
        cwd=ROOT, env={k: v for k, v in os.environ.items() if k != "HARNESS_DATA"},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    seconds, after = perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime, seconds, float(done.stderr.split()[-1])


@pytest.mark.parametrize("command", ["list", "validate"])
def test_start(command: str, against: Against) -> None:
    times: list[float] = []
    against.benchmark.pedantic(lambda: times.append(run(command)[0]), rounds=7, warmup_rounds=1)
    against.keep(f"harness {command}: processor seconds, against 0.5", times[1:], [0.5] * 7, goal=1.0, held=False)


def test_plan_of_ten_thousand_trials(tmp_path: Path, against: Against) -> None:
    loaded = suite_of(tmp_path, rows=20, seeds=500)
    assert len(plan_of(loaded).trials) == 10_000
    against.limit("a plan of 10,000 trials, against 2 s", lambda: plan_of(loaded), rounds=5, seconds=2.0)


def test_report_of_ten_thousand_records(tmp_path: Path, against: Against) -> None:
    loaded = suite_of(tmp_path, rows=20, seeds=500)
    store = Store(tmp_path / "results")
    for trial in plan_of(loaded).trials:
        path = store.path(trial.profile, trial.method, trial.dataset, trial.seed, trial.id)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render(record_of(trial).model_dump(mode="json")), encoding="utf-8")  # without waiting for disks
    found: list[tuple[float, float, float]] = []
    arguments = ["report", str(loaded.path), "--profile", "paper", "--results", str(store.root), "--out", str(tmp_path)]
    against.benchmark.pedantic(lambda: found.append(run(*arguments)), rounds=5)
    with gzip.open(tmp_path / "results.csv.gz", "rt", encoding="utf-8") as lines:
        assert sum(1 for _ in lines) > 10_000  # all have been read
    against.keep(
        "a report of 10,000 records, against 30 s",
        [seconds for _, seconds, _ in found],
        [30.0] * 5,
        goal=1.0,
        held=False,
    )
    against.keep("its peak memory, against 1 GB", [peak for *_, peak in found], [1024.0] * 5, "MB", goal=1.0)
