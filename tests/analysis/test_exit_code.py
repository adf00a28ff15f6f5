"""The exit code that a set of verdicts stands for."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.analysis.verdicts import SuiteVerdict, exit_code, judge
from harness.runner.plan import Plan, plan_further
from harness.suite.loaded import LoadedSuite
from tests.analysis import synthetic

GOOD = {
    "t1/darts": [54.3] * 3,
    "t1/exchanged": [92.9] * 5,
    "t2/faster": [60.0] * 2,
    "own/uniform": [70.0] * 5,
}


@pytest.fixture
def loaded(tmp_path: Path) -> LoadedSuite:
    return synthetic.load(tmp_path)


@pytest.fixture
def planned(loaded: LoadedSuite) -> Plan:
    return synthetic.plan(loaded)


def judged(loaded: LoadedSuite, planned: Plan, changes: dict[str, list[float]]) -> SuiteVerdict:
    records = synthetic.records_of(planned, GOOD | changes)
    return judge(loaded, "paper", planned, records)


def test_all_in_band_although_a_row_cannot_run(loaded: LoadedSuite, planned: Plan) -> None:
    verdict = judged(loaded, planned, {})
    assert verdict.counts()["cells"]["NOT RUN"] > 0
    assert exit_code([verdict]) == 0


def test_drift_is_a_warning(tmp_path: Path) -> None:
    """Seconds are 12.5, printed 10.0 ± 0.5."""
    loaded = synthetic.load(tmp_path, ("tolerance: 5, drift: 10", "tolerance: 2, drift: 10"))
    verdict = judged(loaded, synthetic.plan(loaded), {})
    assert verdict.counts()["cells"]["DRIFT"] == 1
    assert exit_code([verdict]) == 0


def test_a_cell_out_of_band(loaded: LoadedSuite, planned: Plan) -> None:
    assert exit_code([judged(loaded, planned, {"t2/faster": [90.0] * 2})]) == 1


def test_a_claim_that_fails(tmp_path: Path) -> None:
    loaded = synthetic.load(tmp_path, ("right: 60.0", "right: 10.0"))
    planned = synthetic.plan(loaded)
    further = plan_further(loaded, planned, "paper", {"t1/darts": 10}, (), data=synthetic.DATA)
    records = synthetic.records_of(further, {"t1/darts": [54.3] * 10})
    verdict = judge(loaded, "paper", planned, records, further=further)
    assert verdict.counts()["claims"]["FAIL"] == 1
    assert exit_code([verdict]) == 1


def test_a_missing_trial_is_incomplete(loaded: LoadedSuite, planned: Plan) -> None:
    assert exit_code([judged(loaded, planned, {"t2/faster": [60.0]})]) == 3


def test_a_missing_trial_of_our_own_table_is_incomplete(loaded: LoadedSuite, planned: Plan) -> None:
    assert exit_code([judged(loaded, planned, {"own/uniform": []})]) == 3


def test_no_record_at_all_is_incomplete(loaded: LoadedSuite, planned: Plan) -> None:
    assert exit_code([judge(loaded, "paper", planned, [])]) == 3


def test_out_of_band_comes_before_incomplete(loaded: LoadedSuite, planned: Plan) -> None:
    assert exit_code([judged(loaded, planned, {"t2/faster": [90.0] * 2, "own/uniform": []})]) == 1


def test_a_failed_trial_counts_like_fail(loaded: LoadedSuite, planned: Plan) -> None:
    last = next(trial for trial in planned.trials if trial.id == planned.rows["own/uniform"][0])
    records = [r for r in synthetic.records_of(planned, GOOD) if r.id != last.id]
    verdict = judge(loaded, "paper", planned, [*records, synthetic.failed(last)])
    assert [outcome.id for outcome in verdict.failed] == [last.id]
    assert exit_code([verdict]) == 1


def test_the_worst_of_several_suites_counts(loaded: LoadedSuite, planned: Plan) -> None:
    good, open_, bad = (judged(loaded, planned, c) for c in ({}, {"own/uniform": []}, {"t2/faster": [90.0] * 2}))
    assert exit_code([good, open_]) == 3
    assert exit_code([open_, bad]) == 1
    assert exit_code([bad, open_]) == 1
    assert exit_code([]) == 0
