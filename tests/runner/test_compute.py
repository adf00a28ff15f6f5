"""Computed trials: from a row to a record, against the table read directly and against hand-made numbers."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from harness.benchmarks.nb201 import Nb201Table, locate_table
from harness.errors import HarnessError
from harness.methods.catalogue import load_catalogue, override_layers, resolve
from harness.methods.computed import ComputedSpec
from harness.runner.compute import compute

REAL = pytest.mark.skipif(not os.environ.get("HARNESS_DATA"), reason="HARNESS_DATA is not set")


def spec(method: str, *settings: str, runs: int = 1) -> ComputedSpec:
    layers = override_layers([f"runs={runs}", *settings])
    made = resolve(load_catalogue(), method, layers)
    assert isinstance(made, ComputedSpec)
    return made


@pytest.fixture(scope="module")
def table() -> Nb201Table:
    return Nb201Table.load(locate_table(Path(os.environ["HARNESS_DATA"])))


def test_a_theory_check_gives_its_numbers_and_needs_no_table() -> None:
    wanted = spec("theory", "computation.check=delve-recovery")
    assert not wanted.needs_table and wanted.deterministic
    computed = compute(wanted, None)
    assert computed.values["t2-lr-0.001"] == [34.0] and computed.values["t2-lr-0.01"] == [44.0]
    assert computed.found == [] and computed.checksum is None


def test_an_unknown_check_is_one_clear_error() -> None:
    with pytest.raises(HarnessError, match="unknown theory check 'delve-recovry'; did you mean 'delve-recovery'"):
        compute(spec("theory", "computation.check=delve-recovry"), None)


def test_an_unreadable_architecture_is_refused_when_the_row_is_read() -> None:
    with pytest.raises(HarnessError, match="unknown operation 'nor_conv_9x9'"):
        spec("architecture", "computation.architecture='|nor_conv_9x9~0|+|none~0|none~1|+|none~0|none~1|none~2|'")


@REAL
@pytest.mark.realdata
def test_the_optimum_is_the_maximum_of_every_column(table: Nb201Table) -> None:
    values = compute(spec("optimum"), table).values
    every = np.arange(15_625)
    for dataset in ("cifar10", "cifar100", "imagenet16_120"):
        for split in ("valid", "test"):
            best = max(table.accuracy(every, dataset=dataset, split=split, epochs=200))
            assert values[f"{dataset}/{split}/200"] == [best]
    assert round(values["cifar10/test/200"][0], 2) == 94.37


@REAL
@pytest.mark.realdata
def test_the_resnet_cell_is_index_11472(table: Nb201Table) -> None:
    computed = compute(spec("resnet"), table)
    assert table.index(computed.found[0]) == 11_472
    assert computed.values["cifar10/test/200"] == [table.accuracy(11_472, dataset="cifar10", split="test", epochs=200)]


@REAL
@pytest.mark.realdata
@pytest.mark.parametrize("method", ["random-search", "rea", "reinforce"])
def test_searchers_report_what_they_found_per_run(table: Nb201Table, method: str) -> None:
    few, many = compute(spec(method, runs=3), table), compute(spec(method, runs=8), table)
    assert many.found[:3] == few.found and len(many.found) == 8
    for architecture, accuracy, seconds in zip(
        many.found, many.values["cifar10/test/200"], many.values["simulated_seconds"], strict=True
    ):
        assert accuracy == table.accuracy(architecture, dataset="cifar10", split="test", epochs=200)
        assert 0 < seconds <= 12_000
    poorer = compute(spec(method, "computation.budget_seconds=1000", runs=8), table)
    assert np.mean(poorer.values["evaluations"]) < np.mean(many.values["evaluations"])
