"""A run on a Dask cluster: workers that die, work that is held or given up, and the same records in the end."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.errors import HarnessError
from harness.runner import claims, cluster
from harness.runner.claims import Claims, is_held
from harness.runner.cluster import Cluster, EventLink, connect, do_trial
from harness.runner.pool import Died, Lost, Message
from harness.runner.survey import Task
from harness.runner.worker import Beat, Finished, OutOfTime, Settings
from tests.conftest import Project
from tests.records import science

distributed = pytest.importorskip("distributed")
WAIT = 120.0
LONG = (
    *("run", "suites/tiny.yaml", "-m", "darts-v1", "--seeds", "0-1", "--device", "cpu", "--threads", "1"),
    *("--set", "epochs=40"),
)


@pytest.fixture(scope="module")
def two_workers() -> Iterator[Any]:
    """Two worker processes that share this machine's files."""
    os.environ["OMP_NUM_THREADS"] = "1"
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as local:
        yield local


def until(true: Callable[[], object]) -> None:
    limit = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.005)


class Killer(threading.Thread):
    """Kills the first worker that is seen at a trial once two trials have saved an epoch."""

    def __init__(self, project: Project, local: Any) -> None:
        super().__init__(daemon=True)
        self.results, self.client = project.folder / "results", local.get_client()
        self.killed: int | None = None

    def run(self) -> None:
        until(lambda: len(list(self.results.glob(".checkpoints/*.pt"))) >= 2)
        busy = [worker for worker, tasks in self.client.processing().items() if tasks]
        (self.killed,) = self.client.run(os.getpid, workers=busy[:1]).values()
        os.kill(self.killed, signal.SIGKILL)


@pytest.mark.timeout(400)
@pytest.mark.long
def test_a_worker_that_is_killed_costs_nothing(project: Project, two_workers: Any) -> None:
    plain = project.cli(*LONG, "--jobs", "0", "--results", "plain")
    assert plain.code == 0, plain.err
    killer = Killer(project, two_workers)
    killer.start()
    answer = project.cli(*LONG, "--cluster", two_workers.scheduler_address)
    assert answer.code == 0 and "2 trials: 2 executed" in answer.out, answer.err
    killer.join()
    assert killer.killed is not None and sum("done" in line for line in answer.err.splitlines()) == 2
    records = project.records()
    os.rename("results", "moved")
    os.rename("plain", "results")
    assert {key: science(record) for key, record in project.records().items()} == {
        key: science(record) for key, record in records.items()
    }
    assert any(record.provenance.resumed_from_epoch for record in records.values())
    assert not list(Path("moved", ".checkpoints").iterdir()) and not list(Path("moved", ".claims").iterdir())


def test_a_training_waits_for_its_search(project: Project, two_workers: Any) -> None:
    project.train()
    answer = project.cli(
        "run", "suites/tiny.yaml", "-m", "darts-uniform", "--device", "cpu", "--cluster", two_workers.scheduler_address
    )
    assert answer.code == 0 and "6 trials: 6 executed" in answer.out, answer.err


# Stand-ins for `run_trial` on a worker ------------------------------------------------------------------------------


def task(seed: int = 0) -> Task:
    trial: Any = SimpleNamespace(id=f"{seed}a", seed=seed)
    return Task(trial, "to run", None, None, False, 1.0)


def works(trial: Any, settings: Settings, link: Any, **_: Any) -> Finished:
    """Do epochs until it is told to stop, or a file says that it is enough."""
    for epoch in range(1, 2000):
        (settings.results / "epoch").write_text(str(epoch))
        try:
            link.tell(Beat(trial.id, epoch, 2000))
        except OutOfTime:
            (settings.results / "stopped").touch()
            return Finished(trial.id, None, None, 0.0, stopped=True)
        if (settings.results / "end").exists():
            break
        time.sleep(0.01)
    return Finished(trial.id, 50.0, None, 0.0)


def dies(trial: Any, settings: Settings, link: Any, **_: Any) -> Finished:
    os._exit(9)


def fails(trial: Any, settings: Settings, link: Any, **_: Any) -> Finished:
    raise RuntimeError("no such space\nand more")


def fails_late(trial: Any, settings: Settings, link: Any, **_: Any) -> Finished:
    (settings.results / "begun").touch()
    until((settings.results / "end").exists)
    raise RuntimeError("no such space")


class Run:
    """What plans: a pool on the cluster, its claim of a trial, and what it was told."""

    def __init__(self, local: Any, folder: Path, what: Any) -> None:
        self.told: list[Message] = []
        self.claims = Claims(folder)
        settings = Settings(folder, None, "cpu", 1, None)
        self.pool = Cluster(local.scheduler_address, 0, what, settings, self.claims.run, self.told.append)
        assert self.claims.take("0a")

    def until_told(self, kind: type[Message]) -> Message:
        until(lambda: self.pool.wait(0.05) or any(isinstance(message, kind) for message in self.told))
        return next(message for message in self.told if isinstance(message, kind))


@pytest.fixture
def run(two_workers: Any, tmp_path: Path) -> Iterator[Callable[[Any], Run]]:
    runs: list[Run] = []

    def begin(what: Any) -> Run:
        runs.append(Run(two_workers, tmp_path, what))
        runs[-1].pool.start(task())
        return runs[-1]

    yield begin
    for one in runs:
        one.pool.close()
        one.claims.release_all()


@pytest.mark.parametrize(
    ("known", "free"),
    [
        (None, 2 * 2 - 1),
        ({"workers": {"a": {"nthreads": 1}}, "total_threads": 7}, 2 * 7 - 1),
        ({"workers": {"a": {"nthreads": 1}, "b": {"nthreads": 3}}}, 2 * 4 - 1),
        ({"workers": {}}, 2 - 1),
    ],
)
def test_what_the_workers_cannot_do_soon_is_left_to_other_runs(
    run: Any, monkeypatch: pytest.MonkeyPatch, known: Any, free: int
) -> None:
    begun = run(works)
    if known is not None:
        monkeypatch.setattr(begun.pool.client, "scheduler_info", lambda: known)
    assert begun.pool.free == free
    begun.pool.count = 1
    assert begun.pool.free == 0


@pytest.mark.long
def test_work_is_held_between_epochs(run: Any, tmp_path: Path) -> None:
    begun = run(works)
    begun.until_told(Beat)
    (tmp_path / "pause").touch()
    time.sleep(0.8)
    before = (tmp_path / "epoch").read_text()
    time.sleep(0.5)
    assert (tmp_path / "epoch").read_text() == before
    (tmp_path / "end").touch()
    (tmp_path / "pause").unlink()
    assert begun.until_told(Finished) == Finished("0a", 50.0, None, 0.0)


def test_who_is_not_asked_for_any_more_stops_after_an_epoch(run: Any, tmp_path: Path) -> None:
    begun = run(works)
    begun.until_told(Beat)
    begun.pool.close()
    begun.claims.release_all()
    until((tmp_path / "stopped").exists)


def test_a_trial_that_lost_its_run_is_taken_up_when_that_is_back(run: Any, tmp_path: Path) -> None:
    begun = run(works)
    begun.until_told(Beat)
    old = time.time() - claims.STALE_SECONDS - 1
    os.utime(tmp_path / ".claims" / "0a", (old, old))  # the run was stopped for long
    assert begun.until_told(Lost) == Lost("0a")
    begun.claims.release("0a")
    assert begun.claims.take("0a")
    begun.pool.start(task())
    (tmp_path / "end").touch()
    assert begun.until_told(Finished) == Finished("0a", 50.0, None, 0.0)


def test_a_failure_of_what_another_run_has_taken_is_none(run: Any, tmp_path: Path) -> None:
    begun = run(fails_late)
    until((tmp_path / "begun").exists)
    claim = tmp_path / ".claims" / "0a"
    claim.write_text(claim.read_text().replace(begun.claims.run, "another"))
    (tmp_path / "end").touch()
    assert begun.until_told(Lost) == Lost("0a") and not begun.pool.tasks
    begun.claims.release_all()
    assert claim.exists()


def test_what_kills_every_worker_is_said(run: Any) -> None:
    died = run(dies).until_told(Died)
    assert isinstance(died, Died) and died.often and "4 times" in died.how


def test_a_worker_that_cannot_work_is_said_in_a_line(run: Any) -> None:
    assert run(fails).until_told(Finished) == Finished("0a", None, "no such space", 0.0)


def test_a_scheduler_that_is_gone_ends_the_run(run: Any) -> None:
    begun = run(works)
    begun.until_told(Beat)
    begun.pool.futures["0a"].cancel(force=True)  # which is what its loss does to all futures
    with pytest.raises(HarnessError, match="its scheduler is gone; with another one the same command goes on"):
        begun.until_told(Finished)


def test_a_folder_that_is_not_shared_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "SEEN_SECONDS", 0.0)
    settings = Settings(tmp_path, None, "cpu", 1, None)
    with pytest.raises(HarnessError, match=rf"does not see the records' folder {tmp_path}: share it"):
        do_trial(task().trial, settings, "run", "topic", works, None, ())


def test_a_claim_is_of_one_run_that_lives(tmp_path: Path) -> None:
    ours = Claims(tmp_path)
    assert not is_held(tmp_path, "a", ours.run)
    ours.take("a")
    assert is_held(tmp_path, "a", ours.run) and not is_held(tmp_path, "a", "another")
    old = time.time() - claims.STALE_SECONDS - 1
    os.utime(tmp_path / ".claims" / "a", (old, old))
    assert not is_held(tmp_path, "a", ours.run)
    ours.release("a")
    assert not is_held(tmp_path, "a", ours.run)


def test_held_time_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = EventLink("a", Settings(tmp_path, None, "cpu", 1, None), "run", "topic")
    times = iter([100.0, 107.0, 110.0])
    monkeypatch.setattr(cluster.time, "perf_counter", lambda: next(times))
    link._wait_while_held()
    assert link.clock() == 103.0


def test_who_is_held_does_not_wait_for_a_run_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, slept = Claims(tmp_path), []

    def sleep(seconds: float) -> None:
        assert not slept, "it waits for a run that has given its claim up"
        slept.append(seconds)
        ours.release("a")

    ours.take("a")
    (tmp_path / "pause").touch()
    monkeypatch.setattr(cluster.time, "sleep", sleep)
    EventLink("a", Settings(tmp_path, None, "cpu", 1, None), ours.run, "topic")._wait_while_held()
    assert len(slept) == 1


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("nowhere.json", "no scheduler file, and no address such as tcp://host:8786"),
        ("host:8786", "no scheduler file, and no address"),
        ("tcp://127.0.0.1:9", "no scheduler answers there"),
        ("cheese://host:1", "no scheduler answers there (ValueError)"),
        ("suites", "not a file that a Dask scheduler wrote"),
        ("suites/tiny.yaml", "not a file that a Dask scheduler wrote"),
    ],
)
def test_a_cluster_that_is_not_there_is_said(
    project: Project, monkeypatch: pytest.MonkeyPatch, where: str, says: str
) -> None:
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    answer = project.cli("run", "suites/tiny.yaml", "-m", "darts-v1", "--seeds", "0", "--cluster", where)
    assert answer.code == 2 and answer.err.splitlines()[-1].startswith(f"error: --cluster {where}: {says}")
    assert not project.paths()


def test_options_that_do_not_go_with_it_are_said(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in (["--nice", "3"], ["--jobs", "0"]):
        answer = project.cli("run", "suites/tiny.yaml", "--cluster", "tcp://host:1", *words)
        assert answer.code == 2 and "its workers are not of this run, leave out --nice and --jobs 0" in answer.err
    monkeypatch.setattr(cluster, "DISTRIBUTED", "no_such_package")
    with pytest.raises(HarnessError, match="the package distributed is missing; pip install distributed"):
        connect("tcp://host:1")
