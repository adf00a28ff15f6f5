"""Which architectures are evaluated, and how often."""

from harness.benchmarks.spec import NoBenchmark, TableBenchmark
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
from tests.records import a_record

TABLE = TableBenchmark(name="nb201-table")
NOTHING = NoBenchmark(name="none")
test_accuracy.__test__ = False  # a function of the harness and no test


class Table:
    """Two accuracies of each architecture, from the length of its name."""

    checksum = "sum"

    def accuracies(self, archs: list[str]) -> dict[str, list[float]]:
        return {"cifar10/test/200": [len(a) + 0.2 for a in archs], "cifar100/test/12": [len(a) + 0.012 for a in archs]}


def test_a_look_up_covers_each_architecture_of_the_trajectory_once(make_record, monkeypatch):
    monkeypatch.setattr(module, "load_table", lambda root, name: Table())
    found = evaluate(make_record().trajectory, TABLE, None)
    assert found.checksum == "sum"
    assert found.accuracies == {
        "first": {"cifar10/test/200": 5.2, "cifar100/test/12": 5.012},
        "second": {"cifar10/test/200": 6.2, "cifar100/test/12": 6.012},
    }


def test_a_record_is_evaluated_when_it_has_all_that_its_benchmark_says(make_record):
    record = make_record()
    assert wanted(record.trajectory, TABLE) == ["first", "second"]
    assert is_evaluated(record, TABLE)
    assert is_evaluated(record, NOTHING)  # which asks for nothing
    assert not is_evaluated(make_record(evaluations={"second": {"digits/test/200": 1.0}}), TABLE)
    assert not is_evaluated(make_record(trajectory=None), TABLE)


def test_the_found_accuracy_is_the_final_architectures_on_test_after_the_longest_training(make_record):
    assert found_accuracy(make_record()) == 22.0
    assert test_accuracy(make_record(), "first") == 11.0
    assert found_accuracy(make_record(dataset="cifar10")) is None
    assert found_accuracy(make_record(trajectory=None)) is None


def test_a_missing_table_and_a_wrong_one_are_named(tmp_path, monkeypatch):
    assert "nb201/nb201.parquet" in (table_problem(tmp_path) or "")
    (tmp_path / "nb201.parquet").write_text("")
    assert "nb201.parquet: not a readable parquet file" in (table_problem(tmp_path) or "")
    monkeypatch.setattr(module, "load_table", lambda root, name: None)
    assert table_problem(tmp_path) is None


def test_nothing_is_evaluated_where_nothing_is_asked_for():
    record = a_record(benchmark={"name": "none"}, evaluations={}, benchmark_checksum=None)
    assert wanted(record.trajectory, NOTHING) == []
    assert evaluate(record.trajectory, NOTHING, None) == Evaluated({}, None)
    assert is_evaluated(record, NOTHING) and not is_evaluated(record, TABLE)
    assert found_accuracy(record) is None
