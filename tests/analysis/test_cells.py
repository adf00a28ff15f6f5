"""Verdicts on published cells, with records whose numbers are known."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from harness.analysis.cells import CellVerdict
from harness.analysis.verdicts import SuiteVerdict, judge
from harness.runner.plan import Plan, Selection
from harness.runner.record import Record
from harness.suite.load import LoadedSuite
from tests.analysis import synthetic

ALL = ["t1/darts", "t1/exchanged", "t2/faster", "own/uniform"]
SEEDS = [0.0] * 5


@pytest.fixture
def loaded(tmp_path: Path) -> LoadedSuite:
    return synthetic.load(tmp_path)


@pytest.fixture
def planned(loaded: LoadedSuite) -> Plan:
    return synthetic.plan(loaded)


def cell(verdict: SuiteVerdict, row: str, column: str) -> CellVerdict:
    found = [
        cell
        for table in verdict.tables
        for entry in table.rows
        for cell in entry.cells
        if entry.key == row and cell is not None and cell.column == column
    ]
    assert len(found) == 1
    return found[0]


def judged(loaded: LoadedSuite, planned: Plan, records: Iterable[Record]) -> SuiteVerdict:
    return judge(loaded, "paper", planned, records)


def test_normal_band_with_the_numbers_of_the_row(loaded: LoadedSuite, planned: Plan) -> None:
    values = [92.0, 92.5, 93.0, 93.5, 94.0]  # mean 93.0, squares sum to 2.5: sample variance 0.625
    found = cell(
        judged(loaded, planned, synthetic.records_of(planned, {"t1/exchanged": values})), "t1/exchanged", "c10"
    )
    assert found.verdict == "PASS"
    assert found.ours is not None and found.judgement is not None
    assert (found.ours.n, found.ours.planned, found.ours.mean) == (5, 5, 93.0)
    assert found.judgement.delta == pytest.approx(0.03)
    assert found.judgement.width == pytest.approx(2 * (0.82**2 / 5 + 0.625 / 5) ** 0.5)


@pytest.mark.parametrize(
    ("mean", "verdict"), [(54.3, "PASS"), (54.8, "PASS"), (55.0, "DRIFT"), (55.8, "DRIFT"), (55.9, "FAIL")]
)
def test_drift_lies_between_pass_and_fail(loaded: LoadedSuite, planned: Plan, mean: float, verdict: str) -> None:
    """Floor 0.5, drift 3: in band up to 54.8, DRIFT up to 55.8."""
    found = judged(loaded, planned, synthetic.records_of(planned, {"t1/darts": [mean] * 3}))
    assert cell(found, "t1/darts", "c10").verdict == verdict


def test_error_is_what_accuracy_leaves(loaded: LoadedSuite, planned: Plan) -> None:
    found = judged(loaded, planned, synthetic.records_of(planned, {"t1/darts": [54.3, 54.4, 54.5]}))
    error = cell(found, "t1/darts", "c10-error")
    assert error.ours is not None and error.ours.mean == pytest.approx(45.6)
    assert error.verdict == "PASS"  # 45.7 +- 0.2


def test_exact_band_rounds_to_the_printed_decimals(loaded: LoadedSuite, planned: Plan) -> None:
    for mean, verdict in ((92.94, "PASS"), (92.96, "FAIL"), (92.95, "PASS")):
        found = judged(loaded, planned, synthetic.records_of(planned, {"t1/exchanged": [mean] * 5}))
        assert cell(found, "t1/exchanged", "c10-error").verdict == verdict, mean


def test_seconds_are_judged_by_a_band_of_their_own_alone(loaded: LoadedSuite, planned: Plan) -> None:
    found = judged(loaded, planned, synthetic.records_of(planned, {"t1/darts": SEEDS, "t1/exchanged": SEEDS}))
    free, banded = cell(found, "t1/darts", "seconds"), cell(found, "t1/exchanged", "seconds")
    assert free.ours is not None and free.ours.mean == 12.5
    assert (free.verdict, free.judgement) == ("NOT JUDGED", None)
    assert "time on another machine" in free.reason
    assert banded.verdict == "PASS"  # 10 +- 5


def test_what_cannot_be_measured_yet_is_not_judged(loaded: LoadedSuite, planned: Plan) -> None:
    found = cell(judged(loaded, planned, synthetic.records_of(planned, {"t1/darts": SEEDS})), "t1/darts", "size")
    assert (found.verdict, found.ours) == ("NOT JUDGED", None)


def test_a_missing_seed_is_incomplete(loaded: LoadedSuite, planned: Plan) -> None:
    found = cell(judged(loaded, planned, synthetic.records_of(planned, {"t1/darts": [54.3, 54.3]})), "t1/darts", "c10")
    assert (found.verdict, found.judgement) == ("INCOMPLETE", None)
    assert "2 of 3" in found.reason
    assert found.ours is not None and found.ours.coverage == "2 of 3"


def test_a_failed_trial_is_never_averaged(loaded: LoadedSuite, planned: Plan) -> None:
    records = synthetic.records_of(planned, {"t1/darts": [54.0, 54.6]})
    third = next(trial for trial in planned.trials if trial.id == planned.rows["t1/darts"][2])
    broken = synthetic.record(third, 99.0).model_copy(update={"status": "failed", "error": "diverged"})
    found = cell(judged(loaded, planned, [*records, broken]), "t1/darts", "c10")
    assert found.verdict == "INCOMPLETE"
    assert "1 failed" in found.reason
    assert found.ours is not None and found.ours.mean == pytest.approx(54.3)


def test_a_record_without_the_number_is_incomplete(loaded: LoadedSuite, planned: Plan) -> None:
    records = synthetic.records_of(planned, {"t1/darts": [54.3, 54.3]})
    third = next(trial for trial in planned.trials if trial.id == planned.rows["t1/darts"][2])
    other = synthetic.record(third, {"cifar10/test/12": 54.3, "cifar10/valid/200": 54.3})
    found = cell(judged(loaded, planned, [*records, other]), "t1/darts", "c10")
    assert found.verdict == "INCOMPLETE"
    assert "2 of 3" in found.reason


def test_without_records_nothing_was_run(loaded: LoadedSuite, planned: Plan) -> None:
    found = judged(loaded, planned, [])
    assert cell(found, "t1/darts", "c10").verdict == "NOT RUN"
    assert "no record yet" in cell(found, "t1/darts", "c10").reason


def test_a_planned_method_shows_its_reason(loaded: LoadedSuite, planned: Plan) -> None:
    found = cell(judged(loaded, planned, []), "t1/unrun", "c10")
    assert found.verdict == "NOT RUN"
    assert found.reason == planned.not_run["t1/unrun"]


def test_blocked_trials_say_why(loaded: LoadedSuite) -> None:
    planned = synthetic.plan(loaded, data=synthetic.NO_DATA)
    found = cell(judged(loaded, planned, []), "t1/darts", "c10")
    assert found.verdict == "NOT RUN"
    assert "3 blocked by missing data" in found.reason


def test_a_table_of_our_own_shows_numbers_without_a_verdict(loaded: LoadedSuite, planned: Plan) -> None:
    found = judged(loaded, planned, synthetic.records_of(planned, {"own/uniform": [70.0] * 5}))
    own = cell(found, "own/uniform", "c10")
    assert own.published is None and own.verdict == "NOT JUDGED"
    assert own.ours is not None and own.ours.mean == 70.0
    assert own not in list(found.published_cells())


def test_the_paper_leaves_cells_blank(loaded: LoadedSuite, planned: Plan) -> None:
    rows = {row.key: row for table in judged(loaded, planned, []).tables for row in table.rows}
    assert [entry is None for entry in rows["t1/exchanged"].cells] == [False, False, False, True]


def test_reduced_numbers_are_never_judged(loaded: LoadedSuite) -> None:
    planned = synthetic.plan(loaded, "reduced")
    verdict = judge(loaded, "reduced", planned, synthetic.records_of(planned, dict.fromkeys(ALL, [54.3] * 3)))
    assert not verdict.comparable
    found = [cell for cell in verdict.published_cells() if cell.ours is not None]
    assert found
    assert {cell.verdict for cell in found} == {"NOT JUDGED"}
    assert all(cell.judgement is None for cell in found)
    assert "not comparable with the paper" in cell(verdict, "t1/darts", "c10").reason


def test_reduced_numbers_with_missing_seeds_are_incomplete(loaded: LoadedSuite) -> None:
    planned = synthetic.plan(loaded, "reduced")
    verdict = judge(loaded, "reduced", planned, synthetic.records_of(planned, {"t1/darts": [54.3]}))
    assert cell(verdict, "t1/darts", "c10").verdict == "INCOMPLETE"


def test_digits_fill_no_published_cell(loaded: LoadedSuite) -> None:
    planned = synthetic.plan(loaded, "reduced", data=synthetic.NO_DATA)
    records = [synthetic.record(trial, {"digits/test/5": 90.0}) for trial in planned.trials]
    verdict = judge(loaded, "reduced", planned, records)
    found = cell(verdict, "t1/darts", "c10")
    assert verdict.embedded and not verdict.comparable
    assert (found.verdict, found.judgement) == ("NOT JUDGED", None)
    assert found.ours is not None and found.ours.n == 0
    assert "digits" in found.reason


def test_records_of_other_plans_are_left_out(loaded: LoadedSuite, planned: Plan) -> None:
    others = synthetic.plan(loaded, overrides=["epochs=3"])
    verdict = judged(loaded, planned, [synthetic.record(trial) for trial in others.trials])
    assert (verdict.done, verdict.planned) == (0, len(planned.trials))
    broken = synthetic.record(others.trials[0]).model_copy(update={"trajectory": None})
    assert judged(loaded, planned, [broken]).done == 0  # whatever is wrong with it


def test_rows_that_were_not_selected_are_left_out(loaded: LoadedSuite) -> None:
    planned = synthetic.plan(loaded, selection=Selection(tables=("t2",)))
    verdict = judged(loaded, planned, [])
    assert [table.key for table in verdict.tables] == ["t2"]


def test_records_are_read_one_at_a_time(loaded: LoadedSuite, planned: Plan) -> None:
    verdict = judged(loaded, planned, (synthetic.record(trial) for trial in planned.trials))
    assert verdict.done == verdict.planned
