"""Black-box searchers: many runs at once against plain searchers, one run at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

import numpy as np
import pytest

from harness.methods.blackbox.problem import Problem
from harness.methods.blackbox.search import search
from harness.methods.catalogue import load_catalogue
from harness.spaces.nb201 import encoding as nb201
from harness.spaces.registry import published
from harness.suite.load import load_suite
from speed import searchers
from speed.conftest import Against
from speed.searches import SUITE

TABLE = "delve-t1"
# By method: the plain search, how often it is timed, how many runs at once, and the limit of their seconds.
CASES: dict[str, tuple[Callable[..., Any], int, int, float | None]] = {
    "random-search": (lambda table, rng, spec: searchers.random_search(table, rng), 50, 500, 0.1),
    "rea": (lambda table, rng, spec: searchers.evolution(table, rng, 10, 3), 50, 500, 1.0),
    "reinforce": (searchers.reinforce, 3, 500, None),
    "bohb": (searchers.bohb, 3, 20, None),  # nearly all of it is statsmodels
}


@pytest.fixture(scope="module")
def problem() -> Problem:
    """Random signals and costs."""
    rng = np.random.default_rng(0)
    return Problem(70 + rng.normal(size=nb201.SIZE), 40 + 60 * rng.random(nb201.SIZE), published("nb201").groups[0])


@pytest.mark.parametrize("method", [pytest.param(m, marks=pytest.mark.short if CASES[m][3] else ()) for m in CASES])
def test_many_runs_at_once(method: str, against: Against, problem: Problem) -> None:
    run, plain_runs, runs, limit = CASES[method]
    loaded = load_suite(SUITE, load_catalogue())
    row = next(name for name, row in loaded.suite.tables[TABLE].rows.items() if row.method == method)
    spec: Any = loaded.resolve_computation(TABLE, row, runs=runs).computation
    seeds = iter(range(1000))

    def plainly() -> Iterator[float]:
        for _ in range(plain_runs):
            table = searchers.Table(problem.signal, problem.cost, spec.budget_seconds)
            start = perf_counter()
            run(table, np.random.default_rng(next(seeds)), spec)
            yield perf_counter() - start

    plain: list[float] = []
    found: list[float] = []

    def together() -> None:
        start = perf_counter()
        search(spec, problem, range(runs))
        found.append(perf_counter() - start)

    against.benchmark.pedantic(together, setup=lambda: plain.append(sum(plainly()) / plain_runs), rounds=5)
    against.keep(f"{runs} runs of {method} at once against one by one", found, [runs * one for one in plain])
    if limit is not None:
        against.keep(f"{runs} runs of {method}, against {limit} s", found, [limit] * len(found), goal=1.0, held=False)
