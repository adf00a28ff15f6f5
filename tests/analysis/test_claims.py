"""Claims, seed by seed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.analysis.claims import ClaimVerdict
from harness.analysis.verdicts import judge
from harness.runner.plan import Filters, Plan
from harness.runner.record import Record
from harness.suite.loaded import LoadedSuite
from tests.analysis import synthetic


@pytest.fixture
def loaded(tmp_path: Path) -> LoadedSuite:
    return synthetic.load(tmp_path)


@pytest.fixture
def planned(loaded: LoadedSuite) -> Plan:
    return synthetic.plan(loaded, "reduced")


def claim(key: str, loaded: LoadedSuite, planned: Plan, records: Sequence[Record]) -> ClaimVerdict:
    verdict = judge(loaded, "reduced", planned, records)
    return next(item for item in verdict.claims if item.key == key)


def better(loaded: LoadedSuite, planned: Plan, left: Sequence[float], right: Sequence[float]) -> ClaimVerdict:
    return claim("better", loaded, planned, synthetic.records_of(planned, {"t1/exchanged": left, "t1/darts": right}))


def grows(loaded: LoadedSuite, planned: Plan, finals: Sequence[float]) -> ClaimVerdict:
    trials = {trial.id: trial for trial in planned.trials}
    records = [
        synthetic.record(trials[trial_id], weights=synthetic.weights_towards(1, final, epochs=4))
        for trial_id, final in zip(planned.rows["t1/darts"], finals, strict=False)
    ]
    return claim("grows", loaded, planned, records)


def test_margins_pair_the_seeds(loaded: LoadedSuite, planned: Plan) -> None:
    found = better(loaded, planned, [90.0, 80.0, 70.0], [50.0, 60.0, 69.0])
    assert [(m.seed, m.left, m.right, m.margin) for m in found.seeds] == [
        (0, 90.0, 50.0, 40.0),
        (1, 80.0, 60.0, 20.0),
        (2, 70.0, 69.0, 1.0),
    ]
    assert found.mean_margin == pytest.approx(61 / 3)
    assert found.verdict == "PASS"


def test_holding_in_the_mean_alone_is_drift(loaded: LoadedSuite, planned: Plan) -> None:
    found = better(loaded, planned, [90.0, 90.0, 50.0], [60.0, 60.0, 60.0])
    assert (found.verdict, [m.holds for m in found.seeds]) == ("DRIFT", [True, True, False])
    assert "2 of 3" in found.reason


def test_not_even_in_the_mean_is_fail(loaded: LoadedSuite, planned: Plan) -> None:
    assert better(loaded, planned, [61.0, 61.0, 10.0], [60.0, 60.0, 60.0]).verdict == "FAIL"


def test_equality_is_not_more(loaded: LoadedSuite, planned: Plan) -> None:
    assert better(loaded, planned, [60.0] * 3, [60.0] * 3).verdict == "FAIL"


@pytest.mark.parametrize(("relation", "left", "right"), [(">=", "exchanged", "darts"), ("<=", "darts", "exchanged")])
def test_no_worse_allows_equality(relation: str, left: str, right: str, tmp_path: Path) -> None:
    sides = [f"{{row: t1/{row}, of: accuracy, dataset: cifar10, split: test, training_epochs: 200}}" for row in
             ("exchanged", "darts", left, right)]  # fmt: skip
    old = '">"\n    left: {}\n    right: {}\n'.format(*sides[:2])
    loaded = synthetic.load(tmp_path, (old, '"{}"\n    left: {}\n    right: {}\n'.format(relation, *sides[2:])))
    planned = synthetic.plan(loaded, "reduced")
    assert better(loaded, planned, [60.0] * 3, [60.0] * 3).verdict == "PASS"
    assert better(loaded, planned, [60.0] * 3, [60.0, 60.0, 60.5]).verdict == "FAIL"
    assert better(loaded, planned, [60.0, 60.0, 60.5], [60.0, 60.5, 60.0]).verdict == "DRIFT"


def test_a_stop_rule_decides_which_architecture_is_compared(tmp_path: Path) -> None:
    """One skip connection holds from epoch 1 on, whose architecture has 80 percent; the last one has 40."""
    loaded = synthetic.load(
        tmp_path, ("method: ex-darts\n", "method: ex-darts\n        stop: {name: skip-count, skips: 1}\n")
    )
    planned = synthetic.plan(loaded, "reduced")
    trials = {trial.id: trial for trial in planned.trials}
    left = [synthetic.record(trials[i], 40.0, before=80.0) for i in planned.rows["t1/exchanged"]]
    right = [synthetic.record(trials[i], 60.0, before=90.0) for i in planned.rows["t1/darts"]]
    found = claim("better", loaded, planned, [*left, *right])
    assert [(m.left, m.right) for m in found.seeds] == [(80.0, 60.0)] * 3


@pytest.mark.parametrize("right", [[50.0, 50.0], []])
def test_a_missing_seed_leaves_a_claim_open(loaded: LoadedSuite, planned: Plan, right: list[float]) -> None:
    found = better(loaded, planned, [90.0] * 3, right)
    assert found.verdict == ("INCOMPLETE" if right else "NOT RUN")
    assert found.planned == (0, 1, 2)
    assert "seed 2" in found.reason or not right


def test_a_failed_seed_leaves_a_claim_open(loaded: LoadedSuite, planned: Plan) -> None:
    records = synthetic.records_of(planned, {"t1/exchanged": [90.0] * 3, "t1/darts": [50.0] * 2})
    third = next(trial for trial in planned.trials if trial.id == planned.rows["t1/darts"][2])
    assert claim("better", loaded, planned, [*records, synthetic.failed(third)]).verdict == "INCOMPLETE"


def test_magnitudes_of_first_and_last_epoch(loaded: LoadedSuite, planned: Plan) -> None:
    """From 1/5 to 0.6, 0.5, 0.4: margins 0.4, 0.3, 0.2, all above 0.1."""
    found = grows(loaded, planned, [0.6, 0.5, 0.4])
    assert [m.margin for m in found.seeds] == pytest.approx([0.4, 0.3, 0.2])
    assert found.verdict == "PASS"


def test_the_margin_must_be_exceeded(loaded: LoadedSuite, planned: Plan) -> None:
    """Growth by 0.05 is growth, but less than the claim's 0.1."""
    assert grows(loaded, planned, [0.25, 0.25, 0.25]).verdict == "FAIL"
    assert grows(loaded, planned, [0.9, 0.25, 0.25]).verdict == "DRIFT"


def test_below_a_number_with_a_margin(loaded: LoadedSuite, planned: Plan) -> None:
    found = claim("below", loaded, planned, synthetic.records_of(planned, {"t1/darts": [54.0, 58.0, 58.9]}))
    assert [m.margin for m in found.seeds] == pytest.approx([6.0, 2.0, 1.1])
    assert found.verdict == "PASS"
    found = claim("below", loaded, planned, synthetic.records_of(planned, {"t1/darts": [54.0, 58.0, 59.5]}))
    assert found.verdict == "DRIFT"


def test_different_numbers_of_seeds_pair_what_both_have(loaded: LoadedSuite) -> None:
    planned = synthetic.plan(loaded)  # five seeds of the one, three of the other
    records = synthetic.records_of(planned, {"t1/exchanged": [90.0] * 5, "t1/darts": [50.0] * 3})
    verdict = judge(loaded, "paper", planned, records)
    found = next(item for item in verdict.claims if item.key == "better")
    assert (found.planned, found.verdict) == ((0, 1, 2), "PASS")


def test_digits_support_no_claim(loaded: LoadedSuite) -> None:
    planned = synthetic.plan(loaded, "reduced", data=synthetic.NO_DATA)
    records = [synthetic.record(trial, {"digits/test/5": 90.0}) for trial in planned.trials]
    verdict = judge(loaded, "reduced", planned, records)
    assert {item.verdict for item in verdict.claims} == {"NOT JUDGED"}
    assert "no claim" in verdict.claims[0].reason


def test_a_claim_on_a_row_that_cannot_run_is_not_run(tmp_path: Path) -> None:
    loaded = synthetic.load(
        tmp_path,
        ("left: {row: t1/exchanged, of: accuracy", "left: {row: t1/unrun, of: accuracy"),
    )
    planned = synthetic.plan(loaded, "reduced")
    found = claim("better", loaded, planned, synthetic.records_of(planned, {"t1/darts": [1.0] * 3}))
    assert found.verdict == "NOT RUN"
    assert "no code computes it yet" in found.reason


def test_a_claim_on_a_row_that_was_not_selected_is_not_run(loaded: LoadedSuite) -> None:
    planned = synthetic.plan(loaded, "reduced", selection=Filters(tables=("t2",)))
    found = claim("below", loaded, planned, [])
    assert (found.verdict, found.reason) == ("NOT RUN", "t1/darts: not selected")
