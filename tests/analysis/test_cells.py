"""Verdicts on published cells, with records whose numbers are known."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from harness.analysis.cells import CellVerdict
from harness.analysis.verdicts import SuiteVerdict, judge
from harness.runner.plan import Filters, Plan
from harness.runner.record import Record
from harness.suite.loaded import LoadedSuite
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


def test_a_mean_is_judged_with_the_numbers_of_its_row(loaded: LoadedSuite, planned: Plan) -> None:
    values = [92.8, 92.9, 93.0, 93.1, 93.2]  # mean 93.0, squares sum to 0.1: sample variance 0.025
    found = cell(
        judged(loaded, planned, synthetic.records_of(planned, {"t1/exchanged": values})), "t1/exchanged", "c10"
    )
    assert found.ours is not None and found.judgement is not None
    assert (found.ours.n, found.ours.planned, found.ours.mean) == (5, 5, 93.0)
    assert found.judgement.delta == pytest.approx(0.03)
    # The printed .82 is over n = 5: its square over n - 1 is .8405. t(.95, 4) = 2.13185.
    assert found.judgement.width == pytest.approx(2.13185 * (0.8405 / 5 + 0.025 / 5) ** 0.5, rel=1e-5)
    assert (found.verdict, found.reason) == ("UNDECIDED", "the print")


def test_a_row_of_one_architecture_is_counted(loaded: LoadedSuite, planned: Plan) -> None:
    for values, verdict in (([54.3] * 3, "PASS"), ([54.3, 54.3, 84.3], "DRIFT"), ([60.0, 75.0, 40.0], "FAIL")):
        # The row's other number on the benchmark is an error of 45.7 ± 0: both must match.
        loaded_zero = loaded.suite.tables["t1"].rows["darts"]
        assert [c.value.std for c in loaded_zero.values if c is not None][:2] == [0.0, 0.0]
        found = judged(loaded, planned, synthetic.records_of(planned, {"t1/darts": values}))
        for column in ("c10", "c10-error"):
            assert cell(found, "t1/darts", column).verdict == verdict, values
        assert "of 3 runs end in the printed architecture" in cell(found, "t1/darts", "c10").reason


@pytest.mark.parametrize(
    ("mean", "verdict"), [(60.0, "UNDECIDED"), (60.49, "UNDECIDED"), (60.51, "FAIL"), (59.4, "FAIL"), (70.0, "FAIL")]
)
def test_a_print_without_std_never_passes(loaded: LoadedSuite, planned: Plan, mean: float, verdict: str) -> None:
    """Two seeds without scatter beside a bare 60.0: its own scatter is taken from ours."""
    found = judged(loaded, planned, synthetic.records_of(planned, {"t2/faster": [mean] * 2}))
    expected = "DRIFT" if verdict == "UNDECIDED" and mean != 60.0 else verdict
    assert cell(found, "t2/faster", "c10").verdict == expected


def test_a_row_off_by_less_than_the_drift_band_drifts(tmp_path: Path) -> None:
    loaded = synthetic.load(tmp_path, ('values: ["60.0"]', 'values: ["60.0 ± 0.01"]'), ("n: 2", "n: 9"))
    planned = synthetic.plan(loaded)
    for mean, verdict in ((60.2, "PASS"), (60.8, "FAIL"), (62.0, "FAIL")):
        values = [mean - 0.01, mean + 0.01] * 4 + [mean]
        found = judged(loaded, planned, synthetic.records_of(planned, {"t2/faster": values}))
        assert cell(found, "t2/faster", "c10").verdict == verdict


def test_errors_are_judged_like_accuracies(tmp_path: Path) -> None:
    loaded = synthetic.load(tmp_path, ('- "7.1"', '- "7.1 ± 0.01"'))
    planned = synthetic.plan(loaded)
    for mean, verdict in ((92.95, "PASS"), (92.8, "PASS"), (92.6, "FAIL")):
        values = [mean, mean + 0.01, mean - 0.01, mean, mean]
        found = judged(loaded, planned, synthetic.records_of(planned, {"t1/exchanged": values}))
        assert cell(found, "t1/exchanged", "c10-error").verdict == verdict, mean
    error = cell(found, "t1/exchanged", "c10-error")
    assert error.ours is not None and error.ours.mean == pytest.approx(7.4)


def test_the_word_of_a_row_does_not_depend_on_what_else_was_run(tmp_path: Path) -> None:
    """Nor on what was selected: the family is what the table declares."""
    loaded = synthetic.load(tmp_path, ('"92.97 ± 0.82"', '"92.97 ± 0.05"'), ('"7.1"', '"7.03 ± 0.05"'))
    planned = synthetic.plan(loaded)
    values = {"t1/exchanged": [93.6, 93.7, 93.65, 93.7, 93.6]}
    alone = judged(loaded, planned, synthetic.records_of(planned, values))
    others = values | {"t1/darts": [10.0] * 3, "t2/faster": [90.0] * 2}
    beside = judged(loaded, planned, synthetic.records_of(planned, others))
    few = synthetic.plan(loaded, selection=Filters(methods=("ex-darts",)))
    selected = judged(loaded, few, synthetic.records_of(few, values))
    first, second, third = (cell(found, "t1/exchanged", "c10") for found in (alone, beside, selected))
    assert first.judgement == second.judgement == third.judgement
    assert first.judgement is not None and first.judgement.fails is not None
    assert first.judgement.fails.corrected > first.judgement.fails.raw


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
    assert found.verdict == "INCOMPLETE"
    assert found.reason.startswith("2 of 3 seeds done; so far UNDECIDED: 2 of 2 runs end in the printed architecture")
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
    planned = synthetic.plan(loaded, selection=Filters(tables=("t2",)))
    verdict = judged(loaded, planned, [])
    assert [table.key for table in verdict.tables] == ["t2"]


def test_records_are_read_one_at_a_time(loaded: LoadedSuite, planned: Plan) -> None:
    verdict = judged(loaded, planned, (synthetic.record(trial) for trial in planned.trials))
    assert verdict.done == verdict.planned
