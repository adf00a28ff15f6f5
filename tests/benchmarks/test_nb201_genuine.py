"""A table that looks like the benchmark's but is not: what is wrong is named before anything is searched."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.benchmarks import nb201_genuine
from harness.benchmarks.nb201 import locate_table, status
from harness.benchmarks.nb201_file import ACCURACIES, PARAMS, SECONDS, read_columns
from harness.benchmarks.spec import DATASETS
from harness.errors import HarnessError
from harness.spaces.nb201 import encoding as nb201
from tests.hostile import repeatable
from tests.spaces.nb201.codes import ALL

STRINGS = [nb201.to_string(ALL[code]) for code in range(nb201.SIZE)]
Columns = dict[str, NDArray[Any]]


def make_columns() -> Columns:
    """Make up a table that passes: larger networks are better, means fall on whole images, anchors are as published."""
    rng = np.random.default_rng(0)
    size = np.array([text.count("3x3~") + text.count("1x1~") / 3 for text in STRINGS])
    columns: Columns = {"trials": np.full(nb201.SIZE, 3, dtype=np.int8), "cifar10_valid_std_200": np.ones(nb201.SIZE)}
    for name in ACCURACIES:
        columns[name] = 30 + 8 * size + rng.normal(size=nb201.SIZE)
        dataset, split, epochs = name.rsplit("_", 2)
        for index, published in nb201_genuine.ANCHORS.items() if epochs == "200" else ():
            value = published[DATASETS.index(dataset)][split == "test"]
            columns[name][index] = columns[name][index] if value is None else value
        columns[name] = on_the_grid(name, columns[name])
    for dataset, classes in zip(DATASETS, (10, 100, 120), strict=True):
        exact = [nb201.parameters(nb201.parse(text), classes=classes) for text in STRINGS]
        columns[f"{dataset}_params"] = np.array(exact)
        columns[f"{dataset}_train_seconds_200"] = columns[f"{dataset}_params"] / 1000 + rng.normal(size=nb201.SIZE)
    return columns


def on_the_grid(name: str, percent: NDArray[Any]) -> NDArray[Any]:
    """Round to means of whole images over three trials."""
    answers = nb201_genuine.ANSWERS[name.rpartition("_")[0]] // 2
    return np.rint(percent / 100 * answers) / answers * 100


@pytest.fixture(scope="module")
def made() -> Columns:
    return make_columns()


def check(columns: Columns) -> None:
    nb201_genuine.check(columns, STRINGS)


def test_a_table_that_agrees_is_taken(made: Columns) -> None:
    check(made)


@pytest.mark.parametrize("name", [*ACCURACIES, *SECONDS, *PARAMS])
def test_a_shuffled_column_is_named(name: str, made: Columns) -> None:
    shuffled = np.random.default_rng(1).permutation(made[name])
    with pytest.raises(HarnessError, match=f"column '{name}'"):
        check(made | {name: shuffled})


@pytest.mark.parametrize("split", ["valid", "test"])
def test_columns_of_two_data_sets_exchanged_are_named(split: str, made: Columns) -> None:
    one, other = f"cifar100_{split}_200", f"imagenet16_120_{split}_200"
    with pytest.raises(HarnessError, match=f"column '{one}', architecture"):
        check(made | {one: made[other], other: made[one]})


def test_an_anchor_may_move_as_much_as_between_versions_and_no_more(made: Columns) -> None:
    name = "cifar100_test_200"
    for difference, fine in ((1.4, True), (-1.4, True), (1.6, False), (-1.6, False)):
        column = made[name].copy()
        column[11472] = 70.89 + difference
        columns = made | {name: on_the_grid(name, column)}
        if fine:
            check(columns)
        else:
            with pytest.raises(HarnessError, match=r"'cifar100_test_200', architecture 11472: .* published is 70\.89"):
                check(columns)


def test_a_value_between_whole_images_is_named(made: Columns) -> None:
    column = made["imagenet16_120_valid_12"].copy()
    column[4321] += 0.002  # a mean of three trials of 3,000 images moves in steps of 0.011
    with pytest.raises(HarnessError, match=r"'imagenet16_120_valid_12', row 4321: .* is no mean over 3,000 images"):
        check(made | {"imagenet16_120_valid_12": column})


def test_a_column_of_one_number_is_named(made: Columns) -> None:
    with pytest.raises(HarnessError, match="column 'cifar10_test_12' has nothing to do with"):
        check(made | {"cifar10_test_12": np.full(nb201.SIZE, 50.0)})


def test_gaps_of_the_old_version_are_passed_over(made: Columns) -> None:
    column = np.full(nb201.SIZE, np.nan)
    column[:3] = made["cifar100_test_12"][:3]
    check(made | {"cifar100_test_12": column})


def test_the_digest_is_of_values_and_not_of_their_last_bits(made: Columns) -> None:
    first = nb201_genuine.digest(made)
    assert nb201_genuine.digest({name: made[name].copy() for name in reversed(made)}) == first
    assert nb201_genuine.digest(made | {"cifar10_test_200": np.nextafter(made["cifar10_test_200"], 100)}) == first
    for name in made:
        changed = made[name].copy()
        changed[77] += 1
        assert nb201_genuine.digest(made | {name: changed}) != first


def test_a_known_digest_is_named(made: Columns, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "not those of a table known here" in nb201_genuine.describe(made)
    found = nb201_genuine.digest(made)
    monkeypatch.setitem(nb201_genuine.KNOWN, found, "made up for tests")
    assert nb201_genuine.describe(made) == f"values {found}: made up for tests"


@repeatable
@given(st.sampled_from(ACCURACIES), st.integers(0, nb201.SIZE - 1), st.integers(0, 63))
def test_a_flipped_bit_is_named_or_changes_the_digest(name: str, row: int, bit: int) -> None:
    flipped = MADE[name].copy()
    flipped.view(np.uint64)[row] ^= np.uint64(1 << bit)
    assume(0 <= flipped[row] <= 100)  # others leave the range, which is checked before
    changed = abs(flipped[row] - MADE[name][row])
    try:
        check(MADE | {name: flipped})
        assert changed < 1e-4 or nb201_genuine.digest(MADE | {name: flipped}) != DIGEST
    except HarnessError as error:
        assert f"column '{name}'" in str(error) or f"with '{name}'" in str(error)


MADE = make_columns()
DIGEST = nb201_genuine.digest(MADE)


@pytest.fixture(scope="module")
def real(real_root: Path) -> tuple[Columns, list[str]]:
    columns, strings, _ = read_columns(locate_table(real_root), partial=False)
    return columns, strings


@pytest.mark.realdata
class TestReal:
    def test_the_table_at_hand_is_known_and_would_pass_unknown(
        self, real: tuple[Columns, list[str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert "NATS-Bench 1.0" in nb201_genuine.describe(real[0])
        monkeypatch.setattr(nb201_genuine, "KNOWN", {})
        nb201_genuine.check(*real)

    @pytest.mark.parametrize("name", [*ACCURACIES, *SECONDS, *PARAMS])
    def test_a_shuffled_column_is_named(self, name: str, real: tuple[Columns, list[str]]) -> None:
        columns, strings = copy.copy(real[0]), real[1]
        columns[name] = np.random.default_rng(1).permutation(columns[name])
        with pytest.raises(HarnessError, match=f"column '{name}'"):
            nb201_genuine.check(columns, strings)

    def test_fractions_are_refused_before_the_search(self, real_root: Path, project: Any, monkeypatch: Any) -> None:
        table = pq.read_table(locate_table(real_root))
        for name in (*ACCURACIES, "cifar10_valid_std_200"):
            column = pa.array(table[name].to_numpy() / 100)
            table = table.set_column(table.column_names.index(name), name, column)
        wrong = project.folder / "data" / "nb201.parquet"
        wrong.parent.mkdir()
        pq.write_table(table, wrong)
        monkeypatch.setenv("HARNESS_DATA", str(wrong.parent))
        said = "nb201.parquet: accuracies look like fractions, not percent: the best cifar10_test_200 is 0.94"
        assert said in status(wrong.parent).note and status(wrong.parent).state == "unusable"
        assert said in project.cli("data", "status").out
        suite = project.folder / "suites" / "tiny.yaml"
        text = suite.read_text().replace("benchmark: {name: none}", "benchmark: {name: nb201-table}")
        told = "dataset: digits, split: test, training_epochs: 1"
        suite.write_text(text.replace(told, "dataset: cifar10, split: test, training_epochs: 200"))
        answer = project.run("-m", "darts-v1")
        assert answer.code == 3 and said in answer.err and "3 trials: 0 executed, 3 blocked" in answer.out
        assert not project.paths()
