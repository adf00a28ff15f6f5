"""A search in a space of NAS-Bench-1Shot1 is looked up in the NAS-Bench-101 table, and in no other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.benchmarks.nb101 import Nb101Table, locate_table
from harness.benchmarks.nb101_import import import_official
from harness.runner import integrity
from tests.benchmarks import nb101_official as official
from tests.conftest import SUITE, Project

NB201_SPACE = next(line for line in SUITE.splitlines() if line.startswith("  space: {name: nb201"))
ONESHOT = (
    "  space: {name: oneshot, wiring: 1, channels: 4, cells: 3, ops: [maxpool3x3, conv3x3-bn-relu, conv1x1-bn-relu],"
    " pool_padding: 1, bn_momentum: 0.997, partial_channels: 1}"
)
DIGITS = "dataset: digits, split: test, training_epochs: 1"
LOOKED_UP = "dataset: cifar10, split: test, training_epochs: 108"


def suite(*changes: tuple[str, str]) -> str:
    text = SUITE.replace("benchmark: {name: none}", "benchmark: {name: nb101-table}").replace(NB201_SPACE, ONESHOT)
    for old, new in ((DIGITS, LOOKED_UP), *changes):
        assert old in text, old
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An official file with every cell of the first space."""
    folder = tmp_path_factory.mktemp("s1")
    return official.write(folder / "nasbench_only108.tfrecord", official.contents(official.cells_of("oneshot-1")))


@pytest.fixture
def root(project: Project, source: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data root with that table, and none of NAS-Bench-201."""
    folder = project.folder / "data"
    import_official(source, folder / "nb101" / "nb101.parquet", folder / "nb101" / "nb101_oneshot.parquet")
    monkeypatch.setenv("HARNESS_DATA", str(folder))
    (project.folder / "suites" / "tiny.yaml").write_text(suite(), encoding="utf-8")
    return folder


def test_a_search_is_looked_up_and_judged(project: Project, root: Path) -> None:
    assert project.run("-m", "darts-v1", "--seeds", "0").code == 0
    (record,) = project.records_list()
    table = Nb101Table.load(locate_table(root))
    assert record.benchmark == {"name": "nb101-table"} and record.benchmark_checksum == table.checksum
    assert record.trajectory is not None and set(record.evaluations) == set(record.trajectory.architectures)
    for architecture, values in record.evaluations.items():
        wanted = {name: table.accuracy(architecture, split=name.split("/")[1], epochs=108) for name in values}
        assert values == wanted and set(values) == {"cifar10/valid/108", "cifar10/test/108"}
    assert integrity.problem(record, {"nb101-table": table}) is None
    assert integrity.problem(record, {"nb201-table": table}) is None  # not its own
    again = project.run("-m", "darts-v1", "--seeds", "0")
    assert again.code == 0 and project.records_list() == [record]


def test_an_edited_accuracy_is_seen(project: Project, root: Path) -> None:
    assert project.run("-m", "darts-v1", "--seeds", "0").code == 0
    (path,) = project.paths()
    written = json.loads(path.read_text())
    first = next(iter(written["evaluations"].values()))
    first["cifar10/test/108"] += 0.01
    path.write_text(json.dumps(written))
    answer = project.cli("check", "suites/tiny.yaml")
    assert "in the table" in answer.out + answer.err
    assert project.run("-m", "darts-v1", "--seeds", "0").code == 0  # looked up anew
    assert integrity.problem(project.records_list()[0], {"nb101-table": Nb101Table.load(locate_table(root))}) is None


def test_without_the_table_it_is_blocked(project: Project, root: Path) -> None:
    for path in (root / "nb101").iterdir():
        path.unlink()
    answer = project.run("-m", "darts-v1", "--seeds", "0", "--dry-run")
    assert "the NAS-Bench-101 table not found" in answer.out + answer.err
    assert "NAS-Bench-201" not in answer.out + answer.err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            (("training_epochs: 108", "training_epochs: 200"),),
            "the NAS-Bench-101 table has 4 and 12 and 36 and 108 epochs",
        ),
        ((("dataset: cifar10,", "dataset: cifar100,"),), "unknown dataset of the NAS-Bench-101 table 'cifar100'"),
        (((ONESHOT, NB201_SPACE),), "'nb101-table' has no architectures of space 'nb201'"),
        ((("nb101-table", "nb201-table"), ("108", "200")), "'nb201-table' has no architectures of space 'oneshot'"),
    ],
)
def test_what_the_table_cannot_answer_is_refused(
    changes: tuple[tuple[str, str], ...], message: str, project: Project
) -> None:
    (project.folder / "suites" / "tiny.yaml").write_text(suite(*changes), encoding="utf-8")
    answer = project.cli("validate", "suites/tiny.yaml")
    assert answer.code == 2 and message in answer.err
