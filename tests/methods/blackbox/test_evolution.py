from __future__ import annotations

import random

import numpy as np
import pytest
from scipy import stats

from harness.methods.blackbox import evolution
from harness.methods.blackbox.problem import Problem
from harness.seeds import derive_seed
from harness.spaces.nb201 import encoding as nb201
from speed import searchers as naive
from tests.methods.blackbox.conftest import EVEN, MakeSpec, operations


@pytest.mark.parametrize(("population", "sample"), [(10, 3), (1, 1), (7, 5)])
def test_equals_the_naive_search_run_by_run(
    population: int, sample: int, make_spec: MakeSpec, problem: Problem
) -> None:
    spec = make_spec("rea", population=population, sample=sample)
    found = evolution.run(spec, problem, range(20))
    for seed in range(20):
        rng = np.random.default_rng(derive_seed(seed, "regularised-evolution"))
        table = naive.Table(problem.signal, problem.cost, spec.budget_seconds)
        result = (found.codes[seed], found.evaluations[seed], found.simulated_seconds[seed])
        assert result == naive.evolution(table, rng, population, sample, idle=sample + 2)


def test_equals_the_naive_search_in_distribution(make_spec: MakeSpec, problem: Problem) -> None:
    spec = make_spec("rea", budget_seconds=6000)
    found = evolution.run(spec, problem, range(2000))
    rng = random.Random(1)
    table = naive.Table(problem.signal, problem.cost, 6000)
    results = []
    for _ in range(2000):
        table.spent, table.history = 0.0, []
        results.append(naive.evolution(table, rng, 10, 3))
    code, evaluations, _ = map(np.array, zip(*results, strict=True))
    for ours, theirs in ((problem.signal[found.codes], problem.signal[code]), (found.evaluations, evaluations)):
        error = np.sqrt((ours.var() + theirs.var()) / 2000)
        assert abs(ours.mean() - theirs.mean()) < 4 * error


def test_a_budget_that_ends_among_the_first_is_kept(make_spec: MakeSpec, problem: Problem) -> None:
    equal = Problem(problem.signal, np.full(15625, 100.0), problem.group)
    found = evolution.run(make_spec("rea", budget_seconds=450), equal, range(30))
    assert found.evaluations.tolist() == [4] * 30


def test_mutations_change_one_edge_with_the_published_probabilities() -> None:
    rng = np.random.default_rng(3)
    parents = rng.integers(nb201.SIZE, size=36_000)
    children = evolution.mutate(EVEN, parents, rng.random((36_000, 3)))
    before, after = operations(parents), operations(children)
    assert ((before != after).sum(axis=1) == 1).all()
    edge = (before != after).argmax(axis=1)
    expected = np.array([1 / 3, 1 / 6, 1 / 6, 1 / 9, 1 / 9, 1 / 9]) * 36_000
    assert stats.chisquare(np.bincount(edge, minlength=6), expected).pvalue > 1e-3
    rows = np.arange(36_000)
    pairs = np.bincount(5 * before[rows, edge] + after[rows, edge], minlength=25).reshape(5, 5)
    assert (np.diag(pairs) == 0).all()
    assert stats.chisquare(pairs[~np.eye(5, dtype=bool)]).pvalue > 1e-3


def test_the_extremes_of_the_random_numbers_stay_in_range() -> None:
    codes = np.arange(nb201.SIZE)
    for number in (0.0, np.nextafter(1.0, 0)):
        children = evolution.mutate(EVEN, codes, np.full((nb201.SIZE, 3), number))
        assert ((children >= 0) & (children < nb201.SIZE) & (children != codes)).all()
