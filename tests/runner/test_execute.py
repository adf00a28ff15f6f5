"""Running plans: only what is missing, failures apart, records equal bit for bit."""

import os

import pytest

from harness.errors import HarnessError
from harness.runner import evaluate, survey, timings, worker
from harness.runner.store import Store
from harness.runner.worker import describe
from harness.spaces.nb201 import kernels
from tests.records import science


def test_a_run_leaves_one_complete_record_per_trial(project):
    answer = project.run("-m", "darts-v1")
    assert answer.code == 0, answer.err
    records = project.records()
    assert set(records) == {("darts-v1", seed) for seed in range(3)}
    record = records["darts-v1", 1]
    assert record.status == "done" and record.suite == "tiny" and not record.embedded
    assert len(record.trajectory.architectures) == 3
    assert record.evaluations == {} and record.training is None
    assert record.data_fingerprint.startswith("128+") and record.data_checksum
    provenance = record.provenance
    assert provenance.device == "cpu" and provenance.threads >= 1 and provenance.resumed_from_epoch is None
    assert len(provenance.epoch_seconds) == 2 and provenance.search_seconds == sum(provenance.epoch_seconds) > 0
    assert provenance.kernels == (kernels.library() is not None)
    assert provenance.evaluation_seconds >= 0 and provenance.peak_memory_mb > 0
    assert not list((project.folder / "results" / ".checkpoints").iterdir())
    assert "3 trials: 3 executed" in answer.out and "results/reduced" in answer.out
    lines = [line for line in answer.err.splitlines() if "seed 0: done" in line]
    assert lines and lines[0].startswith("[1/3] darts-v1 digits seed 0: done, ") and lines[0].endswith(" s")


def test_the_same_command_again_does_nothing(project, searches):
    project.run("-m", "darts-v1", "--seeds", "0")
    before = [(p, p.stat().st_mtime_ns) for p in project.paths()]
    again = project.run("-m", "darts-v1", "--seeds", "0")
    assert again.code == 0 and searches.seeds == [0]
    assert "1 trials: 0 executed, 1 done before" in again.out
    assert [(p, p.stat().st_mtime_ns) for p in project.paths()] == before


def test_only_what_is_missing_is_run_and_comes_out_equal(project, searches):
    project.run("-m", "darts-v1")
    first = project.records()
    os.remove(next(p for p in project.paths() if p.name.startswith("s1-")))
    searches.seeds.clear()
    project.run("-m", "darts-v1")
    assert searches.seeds == [1]
    assert science(project.records()["darts-v1", 1]) == science(first["darts-v1", 1])


def test_force_does_all_again(project, searches):
    project.run("-m", "darts-v1", "--seeds", "0")
    assert project.run("-m", "darts-v1", "--seeds", "0", "--force").code == 0
    assert searches.seeds == [0, 0]


def test_force_forgets_an_unfinished_search(project, searches):
    searches.failing[0] = RuntimeError("stop")
    project.run("-m", "darts-v1", "--seeds", "0")
    (path,) = project.paths()
    checkpoint = Store(project.folder / "results").checkpoint(path.stem.partition("-")[2])
    checkpoint.parent.mkdir(exist_ok=True)
    checkpoint.write_text("no checkpoint at all")
    searches.failing.clear()
    answer = project.run("-m", "darts-v1", "--seeds", "0", "--force")
    assert answer.code == 0 and "not a checkpoint" not in answer.err and not list(checkpoint.parent.iterdir())


def test_a_failure_is_recorded_the_others_go_on_and_the_next_run_tries_again(project, searches):
    searches.failing[1] = ZeroDivisionError("cheese")
    answer = project.run("-m", "darts-v1")
    assert answer.code == 1 and searches.seeds == [0, 1, 2]
    assert "failed: ZeroDivisionError: cheese" in answer.err
    assert "3 trials: 2 executed, 1 failed" in answer.out
    failed = project.records()["darts-v1", 1]
    assert failed.status == "failed" and failed.trajectory is None and failed.evaluations == {}
    assert failed.error.startswith("ZeroDivisionError: cheese\n")
    assert "raise log.failing" in failed.error
    searches.failing.clear()
    searches.seeds.clear()
    assert project.run("-m", "darts-v1").code == 0
    assert searches.seeds == [1] and project.records()["darts-v1", 1].status == "done"


def test_ctrl_c_ends_in_good_order_with_the_command_to_go_on(project, searches):
    searches.failing[1] = KeyboardInterrupt()
    answer = project.run("-m", "darts-v1", "--set", "epochs=3")
    assert answer.code == 130 and searches.seeds == [0, 1]
    assert [r.status for r in project.records().values()] == ["done"]
    assert "1 executed, 2 unfinished" in answer.out
    command = (
        "python -m harness run suites/tiny.yaml --profile reduced -m darts-v1 --set epochs=3 --results results"
        " --jobs 0 --device cpu"
    )
    assert answer.err.splitlines()[-1] == f"interrupted; go on with: {command}"


def test_a_search_goes_on_from_its_checkpoint_and_ends_equal(project, monkeypatch):
    project.run("-m", "darts-v1", "--seeds", "0", "--set", "epochs=4")
    whole = project.records()["darts-v1", 0]
    project.paths()[0].unlink()

    real = worker.Pulse.__call__

    def stop_after_two(self, epoch, epochs):
        real(self, epoch, epochs)
        if epoch == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(worker.Pulse, "__call__", stop_after_two)
        assert project.run("-m", "darts-v1", "--seeds", "0", "--set", "epochs=4").code == 130
    assert project.run("-m", "darts-v1", "--seeds", "0", "--set", "epochs=4").code == 0
    resumed = project.records()["darts-v1", 0]
    assert resumed.provenance.resumed_from_epoch == 2 and len(resumed.provenance.epoch_seconds) == 4
    assert science(resumed) == science(whole)


@pytest.fixture
def table(monkeypatch):
    """Stand in for the table: an accuracy from the length of an architecture's name, and a ``checksum``."""

    class Table:
        checksum = "one"

        def accuracies(self, architectures):
            if self.checksum == "broken":
                raise RuntimeError("no memory")
            return {"digits/test/1": [len(name) / 2 for name in architectures]}

    found = Table()
    for module in (evaluate, survey):
        monkeypatch.setattr(module, "load_table", lambda root, name: found)
    monkeypatch.setattr(survey, "table_problem", lambda root, name: None)
    return found


def look_up(project):
    suite = project.folder / "suites" / "tiny.yaml"
    suite.write_text(suite.read_text().replace("benchmark: {name: none}", "benchmark: {name: nb201-table}"))
    suite.write_text(suite.read_text().replace("dataset: digits, split: test, training_epochs: 1", LOOKED_UP))


LOOKED_UP = "dataset: cifar10, split: test, training_epochs: 200"


def test_a_failed_look_up_does_not_cost_the_search(project, searches, table):
    look_up(project)
    table.checksum = "broken"
    assert project.run("-m", "darts-v1", "--seeds", "0").code == 1
    table.checksum = "one"
    assert project.run("-m", "darts-v1", "--seeds", "0").code == 0
    assert project.records()["darts-v1", 0].provenance.resumed_from_epoch == 2


def test_another_benchmark_keeps_the_trajectory(project, searches, table, monkeypatch):
    noted = []
    monkeypatch.setattr(timings, "note", lambda trial, record: noted.append(record))
    project.run("-m", "darts-v1", "--seeds", "0")
    before = project.records()["darts-v1", 0]
    look_up(project)
    assert "re-evaluate" in project.run("-m", "darts-v1", "--seeds", "0", "--dry-run").out
    assert project.run("-m", "darts-v1", "--seeds", "0").code == 0
    after = project.records()["darts-v1", 0]
    assert searches.seeds == [0]
    assert after.trajectory == before.trajectory and after.benchmark == {"name": "nb201-table"}
    assert set(after.evaluations) == set(after.trajectory.architectures)
    assert after.provenance.epoch_seconds == before.provenance.epoch_seconds
    assert noted == [before]  # what was looked up alone says nothing of a search's time


def test_a_failed_re_evaluation_keeps_the_record(project, table):
    project.run("-m", "darts-v1", "--seeds", "0")
    before = project.paths()[0].read_bytes()
    look_up(project)
    table.checksum = "broken"
    assert project.run("-m", "darts-v1", "--seeds", "0").code == 1
    assert project.paths()[0].read_bytes() == before


def test_a_full_disk_is_said_and_stops_nobody(project, monkeypatch):
    def full(self, record):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Store, "write", full)
    answer = project.run("-m", "darts-v1")
    assert answer.code == 1 and "3 trials: 0 executed, 3 failed" in answer.out
    assert answer.err.count("OSError: [Errno 28] No space left on device") == 6  # at its end, and in the summary


def test_equal_searches_of_two_suites_are_one(project, searches):
    text = (project.folder / "suites" / "tiny.yaml").read_text()
    (project.folder / "suites" / "twin.yaml").write_text(text.replace("suite: tiny", "suite: twin"))
    answer = project.cli("run", "suites", "-m", "darts-v1", "--jobs", "0", "--device", "cpu")
    assert answer.code == 0 and searches.seeds == [0, 1, 2]
    assert {record.suite for record in project.records().values()} == {"tiny"}


def test_a_broken_record_is_said_and_made_anew(project):
    project.run("-m", "darts-v1", "--seeds", "0")
    (path,) = project.paths()
    whole = project.records()["darts-v1", 0]
    path.write_text(path.read_text()[:100])
    answer = project.run("-m", "darts-v1", "--seeds", "0")
    assert answer.code == 0 and "warning: " in answer.err and path.name in answer.err
    assert science(project.records()["darts-v1", 0]) == science(whole)


def test_a_traceback_is_cut_to_its_end_and_a_users_mistake_to_its_line():
    def deep(n):
        return deep(n - 1) if n else 1 / 0

    try:
        deep(50)
    except ZeroDivisionError as error:
        lines = describe(error).splitlines()
    assert len(lines) == 1 + worker.TRACEBACK_LINES and lines[0] == lines[-1] == "ZeroDivisionError: division by zero"
    assert describe(HarnessError("file x is missing")) == "file x is missing"
