from __future__ import annotations

import random

import numpy as np

from harness.methods.blackbox import random_search
from harness.methods.blackbox.problem import Problem
from harness.seeds import derive_seed
from speed import searchers as naive
from tests.methods.blackbox.conftest import MakeSpec


def test_equals_the_naive_search_run_by_run(make_spec: MakeSpec, problem: Problem) -> None:
    spec = make_spec("random-search")
    found = random_search.run(spec, problem, range(20))
    for seed in range(20):
        rng = np.random.default_rng(derive_seed(seed, "random-search"))
        table = naive.Table(problem.signal, problem.cost, spec.budget_seconds)
        result = (found.codes[seed], found.evaluations[seed], found.simulated_seconds[seed])
        assert result == naive.random_search(table, rng)


def test_equals_the_naive_search_in_distribution(make_spec: MakeSpec, problem: Problem) -> None:
    spec = make_spec("random-search", budget_seconds=3000)
    found = random_search.run(spec, problem, range(2000))
    rng = random.Random(1)
    table = naive.Table(problem.signal, problem.cost, 3000)
    results = []
    for _ in range(2000):
        table.spent, table.history = 0.0, []
        results.append(naive.random_search(table, rng))
    code, evaluations, _ = map(np.array, zip(*results, strict=True))
    for ours, theirs in ((problem.signal[found.codes], problem.signal[code]), (found.evaluations, evaluations)):
        error = np.sqrt((ours.var() + theirs.var()) / 2000)
        assert abs(ours.mean() - theirs.mean()) < 4 * error


def test_the_best_of_n_has_the_law_of_the_maximum(make_spec: MakeSpec, problem: Problem) -> None:
    """Of n uniform draws, P(rank of the best <= r) = (r / 15625)^n; that value is itself uniform."""
    equal = Problem(problem.signal, np.full(15625, 100.0), problem.group)
    found = random_search.run(make_spec("random-search", budget_seconds=1000), equal, range(3000))
    rank = np.argsort(np.argsort(problem.signal))[found.codes] + 0.5
    level = (rank / 15625) ** 10
    assert abs(level.mean() - 0.5) < 4 * np.sqrt(1 / 12 / 3000)
    assert abs((level**2).mean() - 1 / 3) < 4 * np.sqrt(4 / 45 / 3000)
