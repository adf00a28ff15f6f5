"""Damaged files, failures and other runs on the same store: nothing is lost, nothing is done twice."""

import pytest
import torch

from harness.engine import checkpoint
from harness.runner.claims import Claims
from harness.runner.pool import Here, Lost
from harness.runner.store import Store
from tests.records import science


def cut(file):
    file.write_bytes(file.read_bytes()[:-1000])


def empty(file):
    file.write_bytes(b"")


def other(file):
    torch.save({"device": "cpu", "epoch": 1}, file)


def misfit(file):
    state = torch.load(file, weights_only=True)
    state["alpha"]["cell"] = state["alpha"]["cell"][:-1]
    torch.save(state, file)


@pytest.mark.parametrize("damage", [cut, empty, other, misfit])
def test_a_damaged_checkpoint_is_set_aside_with_one_line_and_the_search_starts_anew(project, stopped, damage):
    damage(stopped.file)
    damaged = stopped.file.read_bytes()
    answer = project.run("-m", "darts-v1", "--seeds", "0")
    (line,) = [line for line in answer.err.splitlines() if ".pt" in line]
    assert (
        line.startswith("darts-v1 digits seed 0: results/.checkpoints/") and "not a checkpoint of this search" in line
    )
    assert line.endswith(f"it is now {stopped.file.name}.damaged, and the search starts anew")
    record = project.records()["darts-v1", 0]
    assert (
        answer.code == 0 and record.provenance.resumed_from_epoch is None and science(record) == science(stopped.whole)
    )
    assert stopped.file.with_name(f"{stopped.file.name}.damaged").read_bytes() == damaged


def test_a_checkpoint_that_vanishes_means_to_start_anew(project, stopped, monkeypatch):
    """It is seen, and gone when it is read."""
    real = checkpoint.load

    def vanish(file, device):
        file.unlink(missing_ok=True)
        return real(file, device)

    monkeypatch.setattr(checkpoint, "load", vanish)
    assert project.run("-m", "darts-v1", "--seeds", "0").code == 0
    assert science(project.records()["darts-v1", 0]) == science(stopped.whole)


def test_the_checkpoint_of_a_run_that_was_killed_with_its_record_written_is_swept(project, searches):
    project.run("-m", "darts-v1", "--seeds", "0")
    (path,) = project.paths()
    checkpoint = Store(project.folder / "results").checkpoint(path.stem.partition("-")[2])
    checkpoint.touch()
    theirs = Claims(project.folder / "results")
    theirs.take(checkpoint.stem)
    project.run("-m", "darts-v1", "--seeds", "0")
    assert checkpoint.exists()  # of a run that does the trial anew
    theirs.release_all()
    project.run("-m", "darts-v1", "--seeds", "0")
    assert not checkpoint.exists() and searches.seeds == [0]


def test_a_failure_under_force_leaves_the_record(project, searches):
    project.run("-m", "darts-v1", "--seeds", "0")
    before = project.paths()[0].read_bytes()
    searches.failing[0] = RuntimeError("no memory")
    answer = project.run("-m", "darts-v1", "--seeds", "0", "--force")
    assert answer.code == 1 and "RuntimeError: no memory" in answer.err and project.paths()[0].read_bytes() == before


def test_a_record_of_a_later_version_is_left_alone(project, searches):
    project.run("-m", "darts-v1", "--seeds", "0")
    (path,) = project.paths()
    path.write_text(path.read_text().replace('"schema_version": 1', '"schema_version": 2'))
    before = path.read_bytes()
    for force in ((), ("--force",)):
        answer = project.run("-m", "darts-v1", "--seeds", "0", *force)
        assert answer.code == 3
        assert f"blocked: 1 trial: {path.relative_to(project.folder)}: written by a later version" in answer.err
    assert searches.seeds == [0] and path.read_bytes() == before


@pytest.fixture
def while_it_waits(monkeypatch):
    """Return what lets something happen once, when a run has nothing left but to wait for others."""
    left = []
    monkeypatch.setattr(Here, "wait", lambda self, seconds: left.pop()() if left else None)
    return left.append


def test_two_runs_on_one_store_share_the_work(project, searches, while_it_waits):
    """Another run has the second trial, and ends it when this one has nothing else to do."""
    store = Store(project.folder / "results")
    project.run("-m", "darts-v1", "--seeds", "1")
    (path,) = project.paths()
    done = path.read_bytes()
    path.unlink()
    theirs = Claims(store.root)
    assert theirs.take(path.stem.partition("-")[2])
    searches.seeds.clear()

    def they_end():
        path.write_bytes(done)
        theirs.release_all()

    searches.failing[2] = ZeroDivisionError("cheese")
    while_it_waits(they_end)
    answer = project.run("-m", "darts-v1")
    assert searches.seeds == [0, 2] and path.read_bytes() == done
    assert "1 executed, 1 done by another run, 1 failed" in answer.out
    assert "waits for trials of another run" in answer.err and "seed 1: done, " in answer.err


def test_what_another_run_takes_over_is_waited_for(project, searches, while_it_waits, monkeypatch):
    """A run that was stopped for long comes back, and somebody else has its trial."""
    project.run("-m", "darts-v1", "--seeds", "0")
    (path,) = project.paths()
    done = path.read_bytes()
    path.unlink()
    claim = project.folder / "results" / ".claims" / path.stem.partition("-")[2]
    started = []

    def start(pool, task):
        started.append(task.trial.id)
        claim.unlink()
        claim.write_text('{"run": "another", "host": "far", "boot": "b", "pid": 7}')
        pool.tell(Lost(task.trial.id))

    def they_end():
        assert claim.exists()
        path.write_bytes(done)
        claim.unlink()

    monkeypatch.setattr(Here, "start", start)
    while_it_waits(they_end)
    while_it_waits(lambda: None)
    answer = project.run("-m", "darts-v1", "--seeds", "0")
    assert answer.code == 0 and "0 executed, 1 done by another run" in answer.out, answer.err
    assert "waits for trials of another run (far, process 7)" in answer.err and started == [claim.name]


def test_what_is_lost_goes_on_when_it_is_begun_once_more(project, searches, monkeypatch):
    """Also where the run was asked to forget what there was before."""
    project.run("-m", "darts-v1", "--seeds", "0")
    real, checkpoints = Here.start, []

    def start(pool, task):
        checkpoint = Store(pool.settings.results).checkpoint(task.trial.id)
        checkpoints.append(checkpoint.exists())
        if len(checkpoints) == 1:
            checkpoint.parent.mkdir(exist_ok=True)
            checkpoint.touch()
            pool.tell(Lost(task.trial.id))
        else:
            checkpoint.unlink()
            real(pool, task)

    monkeypatch.setattr(Here, "start", start)
    assert project.run("-m", "darts-v1", "--seeds", "0", "--force").code == 0
    assert checkpoints == [False, True] and searches.seeds == [0, 0]


def test_a_trial_that_a_dead_run_left_is_taken_over(project, searches, while_it_waits):
    store = Store(project.folder / "results")
    project.run("-m", "darts-v1", "--seeds", "0")
    (path,) = project.paths()
    path.unlink()
    theirs = Claims(store.root)
    theirs.take(path.stem.partition("-")[2])
    while_it_waits(theirs.release_all)
    assert project.run("-m", "darts-v1", "--seeds", "0").code == 0
    assert searches.seeds == [0, 0] and path.exists()


def test_what_another_run_failed_is_not_run_again_at_once(project, searches, make_record, while_it_waits):
    project.run("-m", "darts-v1", "--seeds", "0")
    (path,) = project.paths()
    id = path.stem.partition("-")[2]
    path.unlink()
    theirs = Claims(project.folder / "results")
    theirs.take(id)

    def they_fail():
        record = make_record(id=id, status="failed", error="no memory\nat all", trajectory=None, evaluations={})
        Store(project.folder / "results").write(record)
        theirs.release_all()

    while_it_waits(they_fail)
    answer = project.run("-m", "darts-v1", "--seeds", "0")
    assert answer.code == 1 and searches.seeds == [0] and f"({id}): no memory" in answer.err
