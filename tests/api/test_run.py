"""`harness.run`: the same plan, the same records, the same words as the command."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import harness
from tests.conftest import Project
from tests.records import science

ROOT = Path(__file__).parents[2]


def test_it_does_what_is_missing_and_says_how_it_ended(project: Project) -> None:
    project.run("-m", "darts-v1")
    by_command = {key: science(record) for key, record in project.records().items()}
    about = {"method": "darts-v1", "jobs": 0, "device": "cpu", "quiet": True}
    summary = harness.run("suites/tiny.yaml", results="other", **about)  # type: ignore[arg-type]
    assert summary.exit_code == 0 and summary.counts["executed"] == 3 and summary.failed == {}
    assert summary.not_run == {} and str(summary).startswith("3 trials: 3 executed; ")
    again = harness.run("suites/tiny.yaml", results="other", **about)  # type: ignore[arg-type]
    assert again.counts == {**summary.counts, "executed": 0, "done before": 3}
    os.rename("other", "results/../moved")
    assert {k: science(r) for k, r in Project(project.folder).records().items()} == by_command
    moved = harness.records("moved")
    assert sorted(moved["seed"]) == [0, 1, 2] and set(moved["method"]) == {"darts-v1"}


def test_a_failed_trial_is_in_the_summary(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    import harness.engine.search

    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("cheese")

    monkeypatch.setattr(harness.engine.search, "run_search", fails)
    summary = harness.run("suites/tiny.yaml", method="darts-v1", seeds="0", jobs=0, device="cpu", quiet=True)
    assert summary.exit_code == 1
    ((name, error),) = summary.failed.items()
    assert name.startswith("darts-v1 digits seed 0 (") and error == "RuntimeError: cheese"


@pytest.mark.parametrize(
    ("about", "says"),
    [
        ({"method": "darts-v2"}, "no row has the method 'darts-v2'; did you mean 'darts-v1'"),
        ({"seeds": "a"}, "--seeds 'a'"),
        ({"settings": {"epoch": 3}}, "did you mean 'epochs'"),
        ({"shard": "5/4"}, "--shard '5/4'"),
        ({"budget": "1 h"}, "--budget '1 h'"),
    ],
)
def test_mistakes_are_those_of_the_command(project: Project, about: dict[str, object], says: str) -> None:
    with pytest.raises(harness.HarnessError) as mistake:
        harness.run("suites/tiny.yaml", quiet=True, jobs=0, device="cpu", **about)  # type: ignore[arg-type]
    assert says in str(mistake.value) and not (project.folder / "results").exists()


def test_a_script_without_a_guard_may_use_worker_processes(project: Project) -> None:
    """New processes would begin with the script that started them, were it not hidden from them."""
    script = project.folder / "script.py"
    script.write_text(
        "import harness\nprint('begun', flush=True)\n"
        "print(harness.run('suites/tiny.yaml', method='darts-v1', seeds='0-1', jobs=2, device='cpu', quiet=True))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(script)], cwd=project.folder, env=environment, capture_output=True, text=True, check=False
    )
    first, second = done.stdout.splitlines()
    assert first == "begun" and second.startswith("2 trials: 2 executed; "), done.stderr


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"jobs": -1}, "jobs=-1: a whole number from 0 on"),
        ({"seeds": 0}, "seeds=0: a text such as '0-2'"),
        ({"device": "gpu"}, "device='gpu'"),
        ({"log": "wandb"}, "log='wandb'"),
    ],
)
def test_what_no_option_takes_is_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(harness.HarnessError, match=re.escape(says)):
        harness.run("nb201", **wrong)
