from __future__ import annotations

import math

import numpy as np
import pytest

from harness.methods.blackbox import bohb, density
from harness.methods.blackbox.problem import Problem
from harness.seeds import derive_seed
from speed import searchers as naive
from tests.methods.blackbox.conftest import EVEN, MakeSpec, operations


@pytest.mark.parametrize(
    ("settings", "brackets"),
    [
        # By hand, from Li et al. 2018 as HpBandSter has it: size = ceil(floor(rungs / (s + 1)) * eta^s).
        (
            {"eta": 3, "min_budget": 12, "max_budget": 200},
            [
                [(9, 200 / 9), (3, 200 / 3), (1, 200)],
                [(3, 200 / 3), (1, 200)],
                [(3, 200)],
                [(9, 200 / 9), (3, 200 / 3), (1, 200)],
            ],
        ),
        (
            {"eta": 3, "min_budget": 1, "max_budget": 81},
            [
                [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
                [(27, 3), (9, 9), (3, 27), (1, 81)],
                [(9, 9), (3, 27), (1, 81)],
                [(6, 27), (2, 81)],
                [(5, 81)],
            ],
        ),
        ({"eta": 4, "min_budget": 1, "max_budget": 16}, [[(16, 1), (4, 4), (1, 16)], [(4, 4), (1, 16)], [(3, 16)]]),
        ({"eta": 3, "min_budget": 1, "max_budget": 12}, [[(9, 4 / 3), (3, 4), (1, 12)]]),
        # An exact power whose logarithms divide to a little less than 3.
        ({"eta": 10, "min_budget": 1, "max_budget": 1000}, [[(1000, 1), (100, 10), (10, 100), (1, 1000)]]),
        ({"eta": 3, "min_budget": 5, "max_budget": 5}, [[(1, 5)], [(1, 5)]]),
    ],
)
def test_brackets(settings: dict, brackets: list, make_spec: MakeSpec) -> None:
    spec = make_spec("bohb", **settings)
    for iteration, expected in enumerate(brackets):
        rungs = bohb.bracket(spec, iteration)
        assert [size for size, _ in rungs] == [size for size, _ in expected]
        assert [budget for _, budget in rungs] == pytest.approx([budget for _, budget in expected])
        assert naive.hyperband(spec.eta, spec.min_budget, spec.max_budget, iteration) == rungs


def test_promotion_keeps_the_best_in_their_order() -> None:
    codes = np.array([[10, 11, 12, 13], [20, 21, 22, 23]])
    signals = np.array([[1.0, 9.0, 3.0, 7.0], [5.0, 5.0, 5.0, 6.0]])
    assert bohb.promoted(codes, signals, 2).tolist() == [[11, 13], [20, 23]]


@pytest.mark.parametrize("random_fraction", [0.0, 0.3])
def test_equals_the_naive_search_run_by_run(random_fraction: float, make_spec: MakeSpec, problem: Problem) -> None:
    spec = make_spec("bohb", random_fraction=random_fraction)
    found = bohb.run(spec, problem, range(12))
    for seed in range(12):
        rng = np.random.default_rng(derive_seed(seed, "bohb"))
        table = naive.Table(problem.signal, problem.cost, spec.budget_seconds)
        code, evaluations, seconds = naive.bohb(table, rng, spec)
        assert (found.codes[seed], found.evaluations[seed]) == (code, evaluations)
        assert found.simulated_seconds[seed] == pytest.approx(seconds)


def test_the_brackets_may_end_before_the_budget(make_spec: MakeSpec, problem: Problem) -> None:
    found = bohb.run(make_spec("bohb", n_iters=2), problem, range(4))
    assert found.evaluations.tolist() == [13 + 4] * 4
    assert (found.simulated_seconds < 12_000 - problem.cost.max()).all()


def test_proposals_equal_the_naive_ones_also_where_an_operation_never_varies(make_spec: MakeSpec) -> None:
    rng = np.random.default_rng(0)
    for case in range(60):
        spec = make_spec("bohb", num_samples=int(rng.integers(1, 9)))
        good, bad = rng.integers(5, size=(7 + case % 4, 6)), rng.integers(5, size=(7 + case % 30, 6))
        good[:, : case % 5] = good[0, : case % 5]
        bad[:, 5 - case % 3 :] = bad[0, 5 - case % 3 :]
        model = naive.BohbModel(15, spec.num_samples, 0.0, spec.min_bandwidth)
        model.models[1.0] = good.tolist(), bad.tolist()
        theirs, ours = np.random.default_rng(case), np.random.default_rng(case)
        ours.random()  # the naive one draws whether to take a random architecture; here that is the caller's
        assert density.propose(spec, EVEN, good, bad, ours) == naive.number([model.suggest(theirs)])


@pytest.mark.parametrize(
    ("goods", "bads", "chosen"),
    [
        ([0.1, 0.4, 0.2], [0.3, 0.3, 0.3], 1),
        ([0.1, 0.1], [0.2, 0.2], 0),
        ([0.1, math.inf], [0.2, 0.2], 1),  # the good density has no such operation: ratio 0
        ([0.1, 0.1, 0.9], [0.2, math.inf, 0.2], 1),  # the bad density has none: taken at once
        ([math.nan, 0.1], [0.2, 0.2], 1),
        ([math.nan, math.nan], [0.2, 0.2], None),
        ([-0.5, 0.1], [0.2, 0.2], 1),  # negative densities count as none
        ([0.1, 0.2], [math.nan, 0.2], 0),  # a bad density that is not a number counts as none
        ([math.inf], [math.inf], None),
    ],
)
def test_choice_among_candidates(goods: list[float], bads: list[float], chosen: int | None) -> None:
    assert density.choose(goods, bads) == chosen


def test_the_model_starts_with_fourteen_points_and_prefers_larger_budgets(make_spec: MakeSpec) -> None:
    rng = np.random.default_rng(0)
    observations = density.Observations(make_spec("bohb"), EVEN)
    signals = rng.random((2, 70))
    codes = rng.integers(15625, size=(2, 70))
    for i in range(70):
        observations.add(20.0, codes[:, i], signals[:, i])
        split = observations.split()
        if i < 13:
            assert split is None
            continue
        n = i + 1
        good, bad = max(7, 15 * n // 100), max(7, 85 * n // 100)
        assert split is not None
        for run in range(2):
            ranked = codes[run, :n][np.argsort(-signals[run, :n])]
            assert split[0][run].tolist() == operations(ranked[:good]).tolist()
            assert split[1][run].tolist() == operations(ranked[good : good + bad]).tolist()
    for i in range(14):
        observations.add(60.0, codes[:, i], signals[:, i])
        split = observations.split()
        assert split is not None
        assert split[0].shape == ((2, 7, 6) if i == 13 else (2, 10, 6))
    observations.add(20.0, codes[:, 0], signals[:, 0] + 9)  # below the model's budget: no use
    after = observations.split()
    assert after is not None and np.array_equal(after[0], split[0])
