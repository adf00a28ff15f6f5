"""What holds for every searcher."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.methods.blackbox.problem import Ledger, Problem
from harness.methods.blackbox.search import search
from harness.spaces.nb201 import encoding as nb201
from tests.groups import CELL
from tests.methods.blackbox.conftest import METHODS, MakeSpec, operations
from tests.spaces.nb201.codes import ALL

every_method = pytest.mark.parametrize("method", METHODS)


def columns(found: Any) -> list[Any]:
    return [getattr(found, field.name) for field in dataclasses.fields(found)]


@every_method
def test_a_run_depends_on_its_seed_alone(method: str, make_spec: MakeSpec, problem: Problem) -> None:
    spec = make_spec(method, budget_seconds=5000)
    seeds = [11, 2, 7, 7, 0, 2**62, 5, 123]
    together = columns(search(spec, problem, seeds))
    for order in (range(8), reversed(range(8)), [3], [5, 1]):
        chosen = list(order)
        for all_runs, some_runs in zip(
            together, columns(search(spec, problem, [seeds[i] for i in chosen])), strict=True
        ):
            assert np.array_equal(all_runs[chosen], some_runs)
    assert together[0][2] == together[0][3]
    assert len(set(together[0])) > 4


@every_method
@pytest.mark.parametrize("budget", [260.0, 1000.0, 4321.0])
def test_the_budget_is_never_exceeded_and_nearly_spent(
    method: str, budget: float, make_spec: MakeSpec, problem: Problem
) -> None:
    found = search(make_spec(method, budget_seconds=budget), problem, range(60))
    assert (found.simulated_seconds <= budget).all()
    assert (found.simulated_seconds > budget - problem.cost.max()).all()
    assert (found.evaluations >= budget // problem.cost.max()).all()
    assert (found.evaluations <= budget // problem.cost.min()).all()
    assert (found.simulated_seconds >= found.evaluations * problem.cost.min()).all()


@every_method
def test_a_query_that_just_fits_is_paid(method: str, make_spec: MakeSpec, problem: Problem) -> None:
    equal = Problem(problem.signal, np.full(15625, 125.0), problem.group)
    found = search(make_spec(method, budget_seconds=1000), equal, range(5))
    assert found.evaluations.tolist() == [8] * 5
    assert found.simulated_seconds.tolist() == [1000.0] * 5
    with pytest.raises(HarnessError, match="a budget of 124 simulated seconds does not pay for one query"):
        search(make_spec(method, budget_seconds=124), equal, range(5))


@every_method
def test_the_type_of_the_outcome(method: str, make_spec: MakeSpec, problem: Problem) -> None:
    found = search(make_spec(method, budget_seconds=2000), problem, range(3))
    assert [(c.shape, c.dtype.kind) for c in columns(found)] == [((3,), "i"), ((3,), "i"), ((3,), "f")]
    assert ((found.codes >= 0) & (found.codes < nb201.SIZE)).all()


@every_method
def test_searching_beats_one_draw(method: str, make_spec: MakeSpec, problem: Problem) -> None:
    found = search(make_spec(method), problem, range(40))
    assert problem.signal[found.codes].mean() > np.quantile(problem.signal, 0.98)


@every_method
def test_no_seed_is_an_error(method: str, make_spec: MakeSpec, problem: Problem) -> None:
    with pytest.raises(HarnessError, match="at least one seed"):
        search(make_spec(method), problem, [])


def test_searchers_do_not_share_random_numbers(make_spec: MakeSpec, problem: Problem) -> None:
    first = [search(make_spec(method, budget_seconds=260), problem, range(30)).codes for method in METHODS]
    for i, codes in enumerate(first):
        for other in first[:i]:
            assert (codes == other).mean() < 0.2


def test_the_ledger_keeps_the_first_of_equals_and_ends_runs_one_by_one() -> None:
    signal, cost = np.zeros(15625), np.ones(15625)
    signal[[5, 6]], signal[7], cost[6], cost[9] = 3.0, 9.0, 4.0, 50.0
    ledger = Ledger(Problem(signal, cost, CELL), 10, 2)
    assert ledger.query(np.array([5, 9])).tolist() == [3.0, 0.0]
    assert ledger.active.tolist() == [True, False]
    ledger.query(np.array([6, 7]))
    with pytest.raises(HarnessError):
        ledger.found()
    ledger = Ledger(Problem(signal, cost, CELL), 10, 2)
    for codes in ([5, 1], [6, 9], [6, 7], [0, 7], [7, 7]):
        ledger.query(np.array(codes))
    found = ledger.found()
    assert found.codes.tolist() == [5, 1]
    assert found.evaluations.tolist() == [4, 1]
    assert found.simulated_seconds.tolist() == [10.0, 1.0]


@pytest.mark.parametrize("field", ["signal", "cost"])
def test_a_problem_needs_a_number_for_every_architecture(field: str) -> None:
    arrays = {"signal": np.ones(15625), "cost": np.ones(15625)}
    for wrong in (np.ones(6466), np.where(np.arange(15625) == 3, np.nan, 1.0)):
        with pytest.raises(HarnessError, match=f"the search's {field} must be 15625 finite numbers"):
            Problem(**{**arrays, field: wrong}, group=CELL)
    with pytest.raises(HarnessError, match="above 0"):
        Problem(arrays["signal"], arrays["cost"] - 1, CELL)


def test_operations_follow_the_order_of_the_space() -> None:
    architectures = list(ALL)
    assert [tuple(row) for row in operations(np.arange(nb201.SIZE)).tolist()] == architectures
