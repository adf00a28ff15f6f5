"""Worker processes that die, are held, or outlive their run: what becomes of their trials."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from harness.runner import execute as module
from harness.runner.execute import Options, Tally, execute
from harness.runner.pool import Died, Message, Workers
from harness.runner.progress import PlainProgress
from harness.runner.store import Store
from harness.runner.survey import Task
from harness.runner.worker import Beat, Finished, Link, Settings
from tests.records import a_record

ABOUT = {
    "suite": "s", "profile": "reduced", "method": "darts-v1", "subject": "darts-v1", "dataset": "digits",
    "rows": ("t/r",), "spec": None,
}  # fmt: skip


def task(seed: int, **about: Any) -> Task:
    trial: Any = SimpleNamespace(id=f"{seed}a", seed=seed, after=(), trains=False, **ABOUT)
    return Task(trial, about.pop("state", "to run"), None, about.pop("keep", None), False, 1.0, **about)


# Stand-ins for `run_trial` in a worker process ----------------------------------------------------------------------


def does(trial: Any, settings: Settings, link: Link, *, keep: Any = None, leaves: Any = ()) -> Finished:
    link.tell(Beat(trial.id, 0, 2))
    Store(settings.results).write(a_record(id=trial.id, seed=trial.seed))
    return Finished(trial.id, 22.0, None, 0.1)


def dies_before_it_begins(trial: Any, settings: Settings, link: Link, **other: Any) -> Finished:
    if trial.seed == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return does(trial, settings, link, **other)


def dies_once(trial: Any, settings: Settings, link: Link, **other: Any) -> Finished:
    link.tell(Beat(trial.id, 1, 2))
    mark = settings.results / "died"
    if trial.seed == 1 and not mark.exists():
        mark.touch()
        os._exit(9)
    return does(trial, settings, link, **other)


def dies_with_its_record_written(trial: Any, settings: Settings, link: Link, **other: Any) -> Finished:
    does(trial, settings, link, **other)
    checkpoint = Store(settings.results).checkpoint(trial.id)
    checkpoint.parent.mkdir(exist_ok=True)
    checkpoint.touch()
    os._exit(9)


def works_alone(trial: Any, settings: Settings, link: Link, **other: Any) -> Finished:
    """Fail where another trial is done at the same time as one whose worker died."""
    here = settings.results / f"at-{trial.seed}"
    here.touch()
    if trial.seed == 1 and not (settings.results / "died").exists():
        (settings.results / "died").touch()
        here.unlink()
        os._exit(9)
    time.sleep(0.5)
    beside = [path.name for path in settings.results.glob("at-*") if path != here] if trial.seed == 1 else []
    here.unlink()
    done = does(trial, settings, link, **other)
    return Finished(trial.id, None, f"beside {beside}", 0.1) if beside else done


def counts(trial: Any, settings: Settings, link: Link, **other: Any) -> Finished:
    """Count in a file, for ever; say how long the clock says that took when a file says so."""
    start, number = link.clock(), 0
    while not (settings.results / "end").exists():
        number += 1
        (settings.results / f"count-{trial.seed}").write_text(str(number))
        time.sleep(0.01)
    return Finished(trial.id, None, None, link.clock() - start)


# Tests --------------------------------------------------------------------------------------------------------------


def run(folder: Path, tasks: list[Task], monkeypatch: pytest.MonkeyPatch, run_trial: Any) -> tuple[Tally, str]:
    """Execute tasks with two workers; return the tally and what was said."""
    said = StringIO()
    monkeypatch.setattr(module, "run_trial", run_trial)
    progress = PlainProgress(Console(file=said, width=200))
    tally = execute(tasks, Store(folder), Options(None, "cpu", 2, threads=1), progress)
    assert not list((folder / ".claims").iterdir())
    return tally, said.getvalue()


@pytest.fixture
def failed_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the trials of these tests, which have no specification, leave a record of their failure."""

    def failure(trial: Any, settings: Settings, error: str, clock: Any) -> Any:
        return a_record(id=trial.id, seed=trial.seed, status="failed", error=error, trajectory=None, evaluations={})

    monkeypatch.setattr(module, "failure", failure)


def test_a_dead_worker_fails_its_trial_the_second_time_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failed_record: None
) -> None:
    tally, said = run(tmp_path, [task(seed) for seed in range(4)], monkeypatch, dies_before_it_begins)
    assert sorted(tally.executed) == ["0a", "2a", "3a"] and tally.exit_code == 1 and tally.unfinished == []
    assert "SIGKILL (out of memory?), twice" in tally.failed["1a"]
    assert "darts-v1 digits seed 1: the worker process was killed by SIGKILL (out of memory?); once more, alone" in said
    assert {r.id: r.status for r in Store(tmp_path).read_all()} == {  # type: ignore[union-attr]
        "0a": "done", "1a": "failed", "2a": "done", "3a": "done"
    }  # fmt: skip


def test_a_worker_that_dies_once_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tally, said = run(tmp_path, [task(seed) for seed in range(3)], monkeypatch, dies_once)
    assert sorted(tally.executed) == ["0a", "1a", "2a"] and tally.exit_code == 0
    assert said.count("once more, alone") == 1 and "exit code 9" in said


def test_the_second_time_nothing_runs_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tally, _ = run(tmp_path, [task(seed) for seed in (1, 0, 2, 3)], monkeypatch, works_alone)
    assert tally.failed == {} and tally.executed[-1] == "1a"


def test_a_record_written_before_death_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tally, said = run(tmp_path, [task(0), task(1)], monkeypatch, dies_with_its_record_written)
    assert sorted(tally.executed) == ["0a", "1a"] and "once more" not in said
    assert not list((tmp_path / ".checkpoints").iterdir())


def test_death_in_a_re_evaluation_or_under_force_leaves_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failed_record: None
) -> None:
    record = a_record(id="1a", seed=1)
    path = Store(tmp_path).write(record)
    found = module.stamp(path)
    tasks = [task(1, state="re-evaluate", keep=record, stamp=found), task(0)]
    tally, _ = run(tmp_path, tasks, monkeypatch, dies_before_it_begins)
    assert list(tally.failed) == ["1a"] and module.read_record(path) == record
    tally, _ = run(tmp_path, [task(1, stamp=found)], monkeypatch, dies_before_it_begins)
    assert list(tally.failed) == ["1a"] and module.read_record(path) == record


@pytest.fixture
def counting(tmp_path: Path) -> Any:
    """One worker that counts, and the messages it sent."""
    told: list[Message] = []
    workers, start = Workers(1, 0, counts, Settings(tmp_path, None, "cpu", 1, None), told.append), time.perf_counter()
    workers.start(task(0))
    until(lambda: (tmp_path / "count-0").exists())
    yield workers, told, start
    workers.close()


def until(true: Callable[[], object]) -> None:
    """Wait."""
    limit = time.monotonic() + 60
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.01)


def count(folder: Path) -> str:
    return (folder / "count-0").read_text()


def test_held_workers_stand_still_and_the_time_does_not_count(counting: Any, tmp_path: Path) -> None:
    workers, told, start = counting
    workers.hold(True)
    time.sleep(0.2)
    before, held = count(tmp_path), time.perf_counter()
    time.sleep(1)
    assert count(tmp_path) == before
    held = time.perf_counter() - held
    workers.hold(False)
    until(lambda: count(tmp_path) != before)
    (tmp_path / "end").touch()
    while not told:
        workers.wait(0.1)
    (done,) = told
    assert isinstance(done, Finished) and workers.free == 1
    assert 0 < done.seconds <= time.perf_counter() - start - held


def test_a_worker_ends_when_it_is_told_to_and_tidies_up(counting: Any, tmp_path: Path) -> None:
    workers, _, _ = counting
    (worker,) = workers.workers
    workers.hold(True)
    workers.close()
    assert worker.process.exitcode == 128 + signal.SIGTERM


def test_a_dead_worker_is_told_with_how_it_ended(counting: Any) -> None:
    workers, told, _ = counting
    os.kill(workers.workers[0].process.pid, signal.SIGSEGV)
    while not told:
        workers.wait(0.1)
    assert told == [Died("0a", "was killed by SIGSEGV")] and workers.workers == [] and workers.free == 1


def test_niceness_is_lowered_with_a_session_of_its_own(tmp_path: Path) -> None:
    told: list[Message] = []
    workers = Workers(1, 7, counts, Settings(tmp_path, None, "cpu", 1, None), told.append)
    workers.start(task(0))
    until(lambda: (tmp_path / "count-0").exists())
    pid = workers.workers[0].process.pid
    assert pid is not None
    assert os.getpriority(os.PRIO_PROCESS, pid) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 7)
    assert os.getsid(pid) == pid != os.getsid(0)
    group, enabled = Path(f"/proc/{pid}/autogroup"), Path("/proc/sys/kernel/sched_autogroup_enabled")
    if enabled.exists() and enabled.read_text().strip() == "1":
        assert group.read_text().strip().endswith(f"nice {os.getpriority(os.PRIO_PROCESS, pid)}")
    workers.close()
