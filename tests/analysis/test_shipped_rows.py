"""The shipped suites against the real table: which architecture a row means, which tolerance the rule sets."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from harness.analysis.architectures import claims_one_architecture, matching, on_benchmark
from harness.benchmarks.nb201 import Nb201Table
from harness.data.sources import data_root
from harness.methods.catalogue import load_catalogue
from harness.runner.availability import DataAvailability
from harness.runner.evaluate import load_table
from harness.runner.plan import Filters, make_plan
from harness.suite.load import load_suite
from harness.suite.loaded import LoadedSuite
from harness.suite.published import PublishedCell, published_cells

ROOT = Path(__file__).parents[2]
JPEG = DataAvailability({"cifar10": "44b5b8f30f78b268"}, {})


def shipped(name: str) -> LoadedSuite:
    """Load a shipped suite."""
    return load_suite(ROOT / "suites" / f"{name}.yaml", load_catalogue())


def row(loaded: LoadedSuite, table: str, name: str) -> list[PublishedCell]:
    """Return a row's printed numbers on the benchmark."""
    return on_benchmark([c for c in published_cells(loaded.suite) if (c.table, c.row) == (table, name)])


@pytest.fixture(scope="module")
def table() -> Nb201Table:
    """The real table."""
    return load_table(data_root())


def scripts(name: str) -> ModuleType:
    """Import a script."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def architectures_of(cells: Sequence[PublishedCell], table: Nb201Table) -> list[str]:
    """Return the architectures of a table that a row without scatter can mean; none contradicts the print."""
    columns = []
    for cell in cells:
        column = cell.column
        epochs = int(column.training_epochs or 0)
        accuracy = table.accuracy(table.indices, dataset=str(column.dataset), split=str(column.split), epochs=epochs)
        columns.append(100.0 - accuracy if column.metric == "error" else accuracy)
    return [table.strings[row] for row in np.flatnonzero(matching(cells, np.array(columns).T))]


@pytest.mark.realdata
def test_rows_without_scatter_mean_these_architectures(table: Nb201Table) -> None:
    loaded = shipped("nb201")
    collapse = architectures_of(row(loaded, "single-darts-t1", "darts"), table)
    assert [table.index(text) for text in collapse] == [1835]
    best = architectures_of(row(loaded, "single-darts-t1", "single-darts"), table)
    assert 9930 in [table.index(text) for text in best]


@pytest.mark.realdata
def test_no_architecture_contradicts_a_row(table: Nb201Table) -> None:
    cells = row(shipped("ablations"), "single-darts-t5", "single-darts-sigmoid-star")
    assert claims_one_architecture(cells)
    assert architectures_of(cells, table) == []


@pytest.mark.realdata
def test_tolerances_are_what_the_rule_gives(table: Nb201Table) -> None:
    bands = shipped("nb201").suite.bands
    assert bands["cifar10/200"]["accuracy"].tolerance == round(2 * scripts("tolerances").recorded(table), 2)
    for of_metric in bands.values():
        for band in of_metric.values():
            assert (band.tolerance, band.drift) == (0.3, pytest.approx(0.9))


def test_tolerances_without_a_table_are_twice_the_median_of_printed_stds() -> None:
    bands = shipped("darts_space").suite.bands
    printed = scripts("tolerances").printed()
    for place, metric in (("cifar10/600", "error"), ("cifar100/600", "error")):
        dataset, epochs = place.split("/")
        stds = sorted(printed[dataset, int(epochs), metric])
        middle = (stds[(len(stds) - 1) // 2] + stds[len(stds) // 2]) / 2
        assert bands[place][metric].tolerance == pytest.approx(2 * middle)  # type: ignore[index]


@pytest.mark.parametrize(("method", "trial"), [("darts-v1", "a2b14b1808fe416b"), ("single-darts", "e5a6f13bd365f558")])
def test_the_papers_searches_run_in_bfloat16(method: str, trial: str) -> None:
    selection = Filters(tables=("single-darts-t1",), methods=(method,), seeds=(0,))
    planned = make_plan(shipped("nb201"), "paper", selection, (), data=JPEG)
    assert [found.id for found in planned.trials] == [trial]
