"""Several trials in one process: what they find does not depend on what runs beside them."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.runner import execute
from harness.runner.pool import Died, Message, Workers
from harness.runner.worker import Beat, Finished, Link, Settings
from tests.records import science
from tests.runner.test_pool import task, until


@pytest.fixture
def lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs as on a GPU: all jobs in one process."""
    settings = execute._settings
    monkeypatch.setattr(
        execute, "_settings", lambda store, options: replace(settings(store, options), lanes=options.jobs)
    )


def test_trials_side_by_side_find_what_they_find_alone(project: Any, lanes: None) -> None:
    methods = ("-m", "darts-v1")
    assert project.run(*methods, "--jobs", "3", "--threads", "1").code == 0
    beside = project.records()
    assert len({record.provenance.sittings[0].lanes for record in beside.values()} | {3}) == 1
    assert all(record.provenance.cpu_seconds is None for record in beside.values())
    assert project.run(*methods, "--jobs", "1", "--threads", "1", "--force").code == 0
    alone = project.records()
    assert len(alone) == 3 and {key: science(record) for key, record in beside.items()} == {
        key: science(record) for key, record in alone.items()
    }


def meets(trial: Any, settings: Settings, link: Link, *, keep: Any = None, leaves: Any = ()) -> Finished:
    """Does not end before another trial is begun."""
    (settings.results / f"here-{trial.seed}").touch()
    link.tell(Beat(trial.id, 0, 1))
    start = link.clock()
    while len(list(settings.results.glob("here-*"))) < 2 or (settings.results / "wait").exists():
        time.sleep(0.01)
    return Finished(trial.id, 10.0, None, link.clock() - start)


def side_by_side(folder: Path, told: list[Message]) -> Workers:
    return Workers(1, 0, meets, Settings(folder, None, "cpu", 1, None, lanes=2), told.append)


def test_one_worker_does_several_trials_at_once(tmp_path: Path) -> None:
    told: list[Message] = []
    workers = side_by_side(tmp_path, told)
    assert workers.free == 2
    for seed in (0, 1):
        workers.start(task(seed))
    assert workers.free == 0 and len(workers.workers) == 1
    while sum(isinstance(message, Finished) for message in told) < 2:
        workers.wait(0.1)
    assert workers.free == 2 and len(workers.workers) == 1
    workers.close()


def test_a_dead_worker_is_told_of_each_of_its_trials(tmp_path: Path) -> None:
    (tmp_path / "wait").touch()
    told: list[Message] = []
    workers = side_by_side(tmp_path, told)
    for seed in (0, 1):
        workers.start(task(seed))
    until(lambda: len(list(tmp_path.glob("here-*"))) == 2)
    os.kill(workers.workers[0].process.pid, signal.SIGKILL)  # type: ignore[arg-type]
    while not any(isinstance(message, Died) for message in told):
        workers.wait(0.1)
    died = [message for message in told if isinstance(message, Died)]
    assert died == [Died(f"{seed}a", "was killed by SIGKILL (out of memory?)") for seed in (0, 1)]
    assert workers.workers == [] and workers.free == 2


def test_a_lane_that_cannot_begin_ends_its_worker_and_leaves_no_trial_waiting(tmp_path: Path) -> None:
    told: list[Message] = []
    workers = Workers(1, 0, meets, Settings(tmp_path, None, "cuda", 1, None, lanes=2), told.append)
    if torch.cuda.is_available():
        pytest.skip("wants a machine without CUDA")
    workers.start(task(0))
    until(lambda: workers.wait(0.1) or told)
    assert told == [Died("0a", "ended with exit code 1")]


def test_a_worker_ends_at_once_when_it_is_told_to(tmp_path: Path) -> None:
    (tmp_path / "wait").touch()
    workers = side_by_side(tmp_path, [])
    workers.start(task(0))
    until(lambda: (tmp_path / "here-0").exists())
    (worker,) = workers.workers
    workers.close()
    assert worker.process.exitcode == 128 + signal.SIGTERM


def test_time_that_a_worker_was_held_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "wait").touch()
    told: list[Message] = []
    workers, start = side_by_side(tmp_path, told), time.perf_counter()
    for seed in (0, 1):
        workers.start(task(seed))
    until(lambda: len(list(tmp_path.glob("here-*"))) == 2)
    workers.hold(True)
    held = time.perf_counter()
    time.sleep(1)
    held = time.perf_counter() - held
    (tmp_path / "wait").unlink()
    workers.hold(False)
    while sum(isinstance(message, Finished) for message in told) < 2:
        workers.wait(0.1)
    limit = time.perf_counter() - start - held
    assert all(0 < message.seconds <= limit for message in told if isinstance(message, Finished))
    workers.close()
