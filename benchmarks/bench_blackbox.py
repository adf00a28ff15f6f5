"""Black-box searchers: many runs at once against naive one-at-a-time searchers, timed in the same sitting.

The limits are ratios, so that they hold on any machine; the naive searchers are those of the tests.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from harness.methods.blackbox.problem import Problem
from harness.methods.blackbox.search import search
from tests.methods.blackbox import naive
from tests.methods.blackbox.conftest import MakeSpec, make_spec, problem

__all__ = ["make_spec", "problem"]  # fixtures

# By method: the naive search, how often it is timed, how many runs at once, how many times as fast at least.
CASES = {
    "random-search": (lambda table, rng, spec: naive.random_search(table, rng), 50, 500, 4.0),
    "rea": (lambda table, rng, spec: naive.evolution(table, rng, 10, 3), 50, 500, 5.0),
    "reinforce": (naive.reinforce, 3, 500, 50.0),
    "bohb": (naive.bohb, 3, 20, 0.3),  # nearly all of it is statsmodels: slower than plain loops over few points
}


def seconds_of_a_naive_run(run: Callable[..., Any], spec: Any, problem: Problem, runs: int) -> float:
    """Return the mean seconds of one naive search."""

    def timed() -> Iterator[float]:
        for seed in range(runs):
            table = naive.Table(problem.signal, problem.cost, spec.budget_seconds)
            start = time.perf_counter()
            run(table, np.random.default_rng(seed), spec)
            yield time.perf_counter() - start

    return sum(timed()) / runs


@pytest.mark.parametrize("method", CASES)
def test_many_runs_at_once(method: str, benchmark: Any, make_spec: MakeSpec, problem: Problem) -> None:
    run, naive_runs, runs, least = CASES[method]
    spec = make_spec(method)
    one = seconds_of_a_naive_run(run, spec, problem, naive_runs)
    benchmark.pedantic(search, (spec, problem, range(runs)), rounds=3, warmup_rounds=1)
    ratio = one * runs / benchmark.stats.stats.median
    benchmark.extra_info["times as fast as the naive search"] = round(ratio, 1)
    assert ratio > least
