"""Which architectures are evaluated, and how often."""

from pathlib import Path

import pytest

import harness.benchmarks.scratch
from harness.benchmarks.spec import NoBenchmark, ScratchBenchmark, TableBenchmark
from harness.runner import evaluate as module
from harness.runner.evaluate import (
    Evaluated,
    evaluate,
    found_accuracy,
    is_evaluated,
    table_problem,
    test_accuracy,
    wanted,
)
from harness.spaces.registry import published
from tests.records import a_record

TABLE = TableBenchmark(name="nb201-table")
SCRATCH = ScratchBenchmark(
    name="scratch", channels=4, cells=1, epochs=3, batch_size=32, lr=0.1, momentum=0.9, weight_decay=0.0,
    crop_padding=0, flip=False,
)  # fmt: skip
test_accuracy.__test__ = False  # a function of the harness and no test


class Data:
    fingerprint = "f1"


class Table:
    """Two accuracies of each architecture, from the length of its name."""

    checksum = "sum"

    def accuracies(self, archs: list[str]) -> dict[str, list[float]]:
        return {"cifar10/test/200": [len(a) + 0.2 for a in archs], "cifar100/test/12": [len(a) + 0.012 for a in archs]}


def ask(trajectory, benchmark, cache=Path("unused"), seed=0):
    return evaluate(
        trajectory,
        benchmark,
        space=published("nb201"),
        images=Data,
        seed=seed,
        device="cpu",
        data_root=None,
        cache=cache,
    )


def test_a_look_up_covers_each_architecture_of_the_trajectory_once(make_record, monkeypatch):
    monkeypatch.setattr(module, "load_table", lambda root: Table())
    found = ask(make_record().trajectory, TABLE)
    assert found.checksum == "sum"
    assert found.accuracies == {
        "first": {"cifar10/test/200": 5.2, "cifar100/test/12": 5.012},
        "second": {"cifar10/test/200": 6.2, "cifar100/test/12": 6.012},
    }


@pytest.fixture
def trainings(monkeypatch):
    """Count trainings from scratch instead of doing them."""
    asked = []

    def train(space, architecture, dataset, benchmark, seed, device):
        asked.append((architecture, dataset.fingerprint, benchmark.epochs, seed))
        return {f"digits/test/{benchmark.epochs}": 10.0 * len(asked)}

    monkeypatch.setattr(harness.benchmarks.scratch, "train_from_scratch", train)
    return asked


def test_only_the_final_architecture_is_trained_and_equal_trainings_are_done_once(make_record, tmp_path, trainings):
    trajectory = make_record().trajectory
    first = ask(trajectory, SCRATCH, tmp_path)
    assert first.accuracies == {"second": {"digits/test/3": 10.0}} and first.checksum is None
    assert ask(trajectory, SCRATCH, tmp_path) == first
    assert trainings == [("second", "f1", 3, 0)]


def test_another_seed_architecture_data_or_setting_is_another_training(make_record, tmp_path, trainings, monkeypatch):
    trajectory = make_record().trajectory
    ask(trajectory, SCRATCH, tmp_path)
    ask(trajectory, SCRATCH, tmp_path, seed=1)
    ask(trajectory, SCRATCH.model_copy(update={"epochs": 4}), tmp_path)
    ask(trajectory.model_copy(update={"architectures": ["first"]}), SCRATCH, tmp_path)
    monkeypatch.setattr(Data, "fingerprint", "f2")
    ask(trajectory, SCRATCH, tmp_path)
    assert len(set(trainings)) == len(trainings) == 5


@pytest.mark.parametrize("content", ["", "{", "[]", '{"question": {}, "accuracies": {"digits/test/3": 1.0}}'])
def test_a_broken_cache_is_no_answer(make_record, tmp_path, trainings, content):
    ask(make_record().trajectory, SCRATCH, tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_text(content)
    assert ask(make_record().trajectory, SCRATCH, tmp_path).accuracies["second"] == {"digits/test/3": 20.0}


def test_a_record_is_evaluated_when_it_has_all_that_its_benchmark_says(make_record):
    record = make_record()
    assert wanted(record.trajectory, TABLE) == ["first", "second"]
    assert is_evaluated(record, TABLE)
    assert not is_evaluated(record, SCRATCH)
    assert not is_evaluated(make_record(evaluations={"second": {"digits/test/200": 1.0}}), TABLE)
    assert not is_evaluated(make_record(trajectory=None), TABLE)
    trained = make_record(benchmark=SCRATCH.model_dump(), evaluations={"second": {"digits/test/3": 1.0}})
    assert is_evaluated(trained, SCRATCH)
    assert not is_evaluated(trained, SCRATCH.model_copy(update={"epochs": 4}))


def test_the_found_accuracy_is_the_final_architectures_on_test_after_the_longest_training(make_record):
    assert found_accuracy(make_record()) == 22.0
    assert test_accuracy(make_record(), "first") == 11.0
    assert found_accuracy(make_record(dataset="cifar10")) is None
    assert found_accuracy(make_record(trajectory=None)) is None


def test_a_missing_table_and_a_wrong_one_are_named(tmp_path, monkeypatch):
    assert "nb201/nb201.parquet" in (table_problem(tmp_path) or "")
    (tmp_path / "nb201.parquet").write_text("")
    assert "nb201.parquet: not a readable parquet file" in (table_problem(tmp_path) or "")
    monkeypatch.setattr(module, "load_table", lambda root: None)
    assert table_problem(tmp_path) is None


def test_nothing_is_evaluated_where_nothing_is_asked_for():
    record = a_record(benchmark={"name": "none"}, evaluations={}, benchmark_checksum=None)
    nothing = NoBenchmark(name="none")
    assert wanted(record.trajectory, nothing) == [] and ask(record.trajectory, nothing) == Evaluated({}, None)
    assert is_evaluated(record, nothing) and not is_evaluated(record, SCRATCH)
    assert found_accuracy(record) is None
