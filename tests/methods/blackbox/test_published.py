"""The searchers on the real table, against AutoDL's own code and against published rows."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

from harness.benchmarks.nb201 import Nb201Table
from harness.methods.blackbox.problem import Problem
from harness.methods.blackbox.search import search
from tests.groups import CELL
from tests.methods.blackbox.conftest import SHARED, MakeSpec, operations

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not os.environ.get("HARNESS_DATA"), reason="HARNESS_DATA is not set"),
]

COLUMNS = [(d, s) for d in ("cifar10", "cifar100", "imagenet16_120") for s in ("valid", "test")]


def problem_of(spec: Any, table: Nb201Table) -> Problem:
    indices = table.index_of_ops(operations(np.arange(15625)))
    query = spec.query
    signal = table.accuracy(indices, dataset=query.dataset, split="valid", epochs=query.epochs)
    return Problem(signal, query.seconds(table.train_seconds(indices, query.dataset)), CELL)


def outcomes(spec: Any, table: Nb201Table, runs: int) -> np.ndarray:
    """Return accuracies after 200 epochs of what is found, [columns, runs]."""
    codes = search(spec, problem_of(spec, table), range(runs)).codes
    indices = table.index_of_ops(operations(codes))
    return np.array([table.accuracy(indices, dataset=d, split=s, epochs=200) for d, s in COLUMNS])


@pytest.mark.parametrize(("method", "mean", "error"), [("rea", 93.935, 0.013), ("random-search", 93.754, 0.010)])
def test_distribution_equals_that_of_the_official_code(
    method: str, mean: float, error: float, make_spec: MakeSpec, real_table: Nb201Table
) -> None:
    """CIFAR-10 test of 1,000 runs of AutoDL's functions on the same table and costs (no validation seconds)."""
    query = {**SHARED["query"], "cost": {**SHARED["query"]["cost"], "validation_pass": 0.0}}
    found = outcomes(make_spec(method, query=query), real_table, 4000)[1]
    assert abs(found.mean() - mean) < 4 * np.hypot(error, found.std() / np.sqrt(4000))


@pytest.mark.parametrize(
    ("method", "runs", "published"),
    [
        # Delve, Table 1 (copied there from NAS-Bench-201): means of 500 runs, in the order of `COLUMNS`.
        ("random-search", 500, (90.93, 93.70, 70.93, 71.04, 44.45, 44.57)),
        ("rea", 500, (91.19, 93.92, 71.81, 71.84, 45.15, 45.54)),
        ("reinforce", 500, (91.09, 93.85, 71.61, 71.71, 45.05, 45.24)),
        ("bohb", 100, (90.82, 93.61, 70.74, 70.85, 44.26, 44.42)),
    ],
)
def test_means_are_near_the_published_rows(
    method: str, runs: int, published: tuple[float, ...], make_spec: MakeSpec, real_table: Nb201Table
) -> None:
    """Within a third of a standard deviation: costs are estimates, and the table is of a later version."""
    found = outcomes(make_spec(method), real_table, runs)
    assert (abs(found.mean(axis=1) - published) < found.std(axis=1) / 3).all()


def test_long_queries_buy_too_few_architectures_for_the_published_bohb(
    make_spec: MakeSpec, real_table: Nb201Table
) -> None:
    """Why BOHB asks for 12 epochs here: 12,000 s pay for some six trainings of 200 epochs, a point below the row."""
    spec = make_spec("bohb", query={**SHARED["query"], "epochs": 200})
    assert outcomes(spec, real_table, 200)[1].mean() < 93.0
