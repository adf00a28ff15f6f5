"""What is to be done about a planned trial."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.benchmarks.nb201 import locate_table
from harness.benchmarks.spec import TableBenchmark
from harness.methods.catalogue import Layer, load_catalogue, resolve
from harness.methods.spec import SearchSpec
from harness.runner import evaluate
from harness.runner.store import Store
from harness.runner.survey import survey
from harness.runner.timings import Timings
from tests.records import ID

TABLE = TableBenchmark(name="nb201-table")
UNKNOWN = Timings("cpu", {})
SPACE = {
    "name": "nb201", "channels": 4, "cells": 1, "ops": ["none"], "conv_bias": False, "bn_statistics": "batch",
    "partial_channels": 1,
}  # fmt: skip
DATA = {
    "split": "halves", "weight_images": 64, "architecture_images": 64, "architecture_draw": "pass",
    "image_size": 8, "crop_padding": 0, "flip": False,
}  # fmt: skip


def spec() -> SearchSpec:
    def error(path, message):
        raise AssertionError(message)

    return resolve(load_catalogue(), "darts-v1", [Layer({"space": SPACE, "data": DATA}, error)])


@dataclass(frozen=True)
class FakeTrial:
    id: str = ID
    supernet_id: str = ID
    profile: str = "reduced"
    method: str = "darts-v1"
    dataset: str = "digits"
    seed: int = 0
    spec: SearchSpec = field(default_factory=spec)
    benchmark: TableBenchmark = TABLE
    blocked: str | None = None
    after: tuple[str, ...] = ()
    searches: bool = True


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """A data root with a table, which passes for the benchmark's here."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "nb201.parquet").write_text("")
    monkeypatch.setattr(evaluate, "load_table", lambda root, name: locate_table(root))
    return tmp_path / "data"


def state(tmp_path, root, trial=None, force=False):
    (task,) = survey([trial or FakeTrial()], Store(tmp_path / "r"), root, timings=UNKNOWN, force=force)
    return task


def test_without_a_record_a_trial_is_to_run(tmp_path, root):
    task = state(tmp_path, root)
    assert (task.state, task.needs_work, task.anew) == ("to run", True, False) and task.seconds > 0


def test_a_done_record_needs_nothing_even_where_the_data_is_gone(tmp_path, make_record):
    Store(tmp_path / "r").write(make_record())
    task = state(tmp_path, None, FakeTrial(blocked="images missing"))
    assert (task.state, task.needs_work, task.seconds) == ("done", False, 0.0)


def test_a_record_is_found_under_another_name(tmp_path, root, make_record):
    Store(tmp_path / "r").write(make_record(method="darts-twin", profile="paper"))
    assert state(tmp_path, root).state == "done"


def test_force_runs_anew_what_is_done(tmp_path, root, make_record):
    Store(tmp_path / "r").write(make_record())
    task = state(tmp_path, root, force=True)
    assert (task.state, task.anew, task.keep) == ("to run", True, None)


def test_a_failed_record_is_retried_and_says_why_it_failed(tmp_path, root, make_record):
    Store(tmp_path / "r").write(make_record(status="failed", error="out of cheese", trajectory=None, evaluations={}))
    task = state(tmp_path, root)
    assert (task.state, task.reason, task.broken, task.anew) == ("failed", "out of cheese", False, False)


def test_a_broken_record_is_retried_and_named(tmp_path, root, make_record):
    path = Store(tmp_path / "r").write(make_record())
    path.write_text("{")
    task = state(tmp_path, root)
    assert (task.state, task.broken) == ("failed", True) and str(path) in task.reason


def test_a_record_that_cannot_be_read_is_left_alone(tmp_path, root, make_record, monkeypatch):
    """What a later version wrote, or another user, is not to be run again and overwritten; force changes nothing."""
    path = Store(tmp_path / "r").write(make_record())
    path.write_text(path.read_text().replace('"schema_version": 1', '"schema_version": 2'))
    for force in (False, True):
        task = state(tmp_path, root, force=force)
        assert task.state == "blocked" and "schema_version" in task.reason and task.reason.endswith("left alone")

    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("harness.runner.store.read_json", refuse)
    task = state(tmp_path, root)
    assert task.state == "blocked" and task.reason == f"{path}: Permission denied; it is left alone"


def test_missing_evaluations_are_made_up_for_without_a_search(tmp_path, root, make_record):
    record = make_record(evaluations={"second": {"cifar10/test/200": 1.0}})
    Store(tmp_path / "r").write(record)
    task = state(tmp_path, root, FakeTrial(blocked="images missing"))
    assert (task.state, task.keep) == ("re-evaluate", record)


def test_without_the_table_trials_are_blocked_and_the_file_is_named(tmp_path, make_record):
    task = state(tmp_path, None)
    assert task.state == "blocked" and not task.needs_work and "nb201/nb201.parquet" in task.reason
    Store(tmp_path / "r").write(make_record(evaluations={}))
    assert state(tmp_path, None).state == "blocked"


def test_without_images_trials_are_blocked_also_when_forced(tmp_path, root):
    task = state(tmp_path, root, FakeTrial(blocked="images missing"), force=True)
    assert (task.state, task.reason) == ("blocked", "images missing")


class FakeTable:
    """A table that has 11 percent for whatever is asked."""

    checksum = "b"

    def accuracies(self, architectures):
        return {"digits/test/200": [11.0] * len(architectures)}


def test_what_cannot_be_built_from_its_images_is_blocked_and_keeps_no_other_from_running(tmp_path, root):
    small = spec().model_copy(update={"data": spec().data.model_copy(update={"weight_images": 10**6})})
    tasks = survey(
        [FakeTrial("0" * 16, spec=small), FakeTrial()], Store(tmp_path / "r"), root, timings=UNKNOWN, force=False
    )
    assert [task.state for task in tasks] == ["blocked", "to run"]
    assert tasks[0].reason == "the search needs 1000064 training images, the dataset has 1442"


def with_table(monkeypatch, table):
    monkeypatch.setattr("harness.runner.survey.load_table", lambda root, name: table)


def test_a_changed_table_evaluates_a_search_anew(tmp_path, root, make_record, monkeypatch):
    both = {"first": {"digits/test/200": 11.0}, "second": {"digits/test/200": 11.0}}
    record = make_record(evaluations=both)
    Store(tmp_path / "r").write(record)
    table = FakeTable()
    with_table(monkeypatch, table)
    assert state(tmp_path, root).state == "done"
    table.checksum = "another"
    task = state(tmp_path, root)
    assert (task.state, task.keep) == ("re-evaluate", record)


@pytest.mark.parametrize("accuracy", [12345.0, 11.5])
def test_an_edited_accuracy_is_evaluated_anew(tmp_path, root, make_record, monkeypatch, accuracy):
    edited = {"first": {"digits/test/200": 11.0}, "second": {"digits/test/200": accuracy}}
    Store(tmp_path / "r").write(make_record(evaluations=edited))
    with_table(monkeypatch, FakeTable())
    assert state(tmp_path, root).state == "re-evaluate"


def test_each_trial_asks_the_table_of_its_own_benchmark(tmp_path, root, make_record, monkeypatch):
    """One table is missing, and blocks only those that ask it; the record is compared with its own."""
    both = {"first": {"digits/test/200": 11.0}, "second": {"digits/test/200": 11.0}}
    Store(tmp_path / "r").write(make_record(evaluations=both))
    other = FakeTrial(id="0" * 16, benchmark=TableBenchmark(name="nb101-table"))
    asked = []
    monkeypatch.setattr("harness.runner.survey.load_table", lambda root, name: asked.append(name) or FakeTable())
    monkeypatch.setattr(
        "harness.runner.survey.table_problem", lambda root, name: "no table" if name == "nb101-table" else None
    )
    done, blocked = survey([FakeTrial(), other], Store(tmp_path / "r"), root, timings=UNKNOWN, force=False)
    assert (done.state, blocked.state, blocked.reason) == ("done", "blocked", "no table")
    assert asked == ["nb201-table"]


def test_a_record_of_another_specification_is_run_again_and_named(tmp_path, root, make_record):
    path = Store(tmp_path / "r").write(make_record(spec={"epochs": 3}))
    task = state(tmp_path, root)
    assert (task.state, task.broken) == ("failed", True)
    assert str(path) in task.reason and "it was edited" in task.reason
