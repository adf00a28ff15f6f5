"""Series and their baselines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.analysis.baselines import Baseline, BaselineVerdict, record_baseline
from harness.analysis.verdicts import SuiteVerdict, judge
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


def judged(
    loaded: LoadedSuite, planned: Plan, records: Sequence[Record], baseline: Baseline | None = None
) -> SuiteVerdict:
    return judge(loaded, "reduced", planned, records, baseline)


def recorded(loaded: LoadedSuite, planned: Plan, values: Sequence[float]) -> Baseline:
    verdict = judged(loaded, planned, synthetic.records_of(planned, {"t1/darts": values}))
    return record_baseline("sample", "reduced", verdict.series, None)


def of(verdict: SuiteVerdict, series: str, statistic: str) -> BaselineVerdict:
    return next(item for item in verdict.baselines if (item.series, item.statistic) == (series, statistic))


def test_a_baseline_holds_mean_sample_std_and_n(loaded: LoadedSuite, planned: Plan) -> None:
    entry = recorded(loaded, planned, [50.0, 52.0, 54.0]).series["darts-v1 on cifar10"]
    assert entry.accuracy_key == "cifar10/test/200"
    assert entry.statistics["accuracy"].model_dump() == {"mean": 52.0, "sample_std": 2.0, "n": 3}
    assert entry.statistics["skip_connect"].mean == pytest.approx(0.6)
    assert entry.statistics["nor_conv_3x3"].mean == pytest.approx(0.1)


def test_a_baseline_survives_its_file(loaded: LoadedSuite, planned: Plan) -> None:
    baseline = recorded(loaded, planned, [50.0, 52.0, 54.0])
    assert Baseline.model_validate_json(baseline.model_dump_json()) == baseline


def test_the_same_records_are_in_band(loaded: LoadedSuite, planned: Plan) -> None:
    records = synthetic.records_of(planned, {"t1/darts": [50.0, 52.0, 54.0]})
    verdict = judged(loaded, planned, records, recorded(loaded, planned, [50.0, 52.0, 54.0]))
    assert {item.verdict for item in verdict.baselines} == {"PASS"}
    assert len(verdict.baselines) == 3


def test_another_mean_is_out_of_band(loaded: LoadedSuite, planned: Plan) -> None:
    """Both std 2, n 3: width 2 sqrt(4/3 + 4/3) = 3.266, DRIFT up to 9.798."""
    baseline = recorded(loaded, planned, [50.0, 52.0, 54.0])
    for shift, word in ((3.2, "PASS"), (3.3, "DRIFT"), (9.7, "DRIFT"), (9.9, "FAIL")):
        values = [50.0 + shift, 52.0 + shift, 54.0 + shift]
        verdict = judged(loaded, planned, synthetic.records_of(planned, {"t1/darts": values}), baseline)
        assert of(verdict, "darts-v1 on cifar10", "accuracy").verdict == word, shift


def test_magnitudes_use_the_band_in_percent(loaded: LoadedSuite, planned: Plan) -> None:
    """No spread: the floor of 0.3 percent is 0.003 of a magnitude; DRIFT up to 0.009."""
    baseline = recorded(loaded, planned, [50.0] * 3)
    for final, word in ((0.602, "PASS"), (0.604, "DRIFT"), (0.616, "FAIL")):
        weights = synthetic.weights_towards(1, final, epochs=4)
        records = synthetic.records_of(planned, {"t1/darts": [50.0] * 3}, weights=weights)
        found = of(judged(loaded, planned, records, baseline), "darts-v1 on cifar10", "skip_connect")
        assert found.verdict == word, final


def test_other_settings_are_not_compared(loaded: LoadedSuite, planned: Plan) -> None:
    baseline = recorded(loaded, planned, [50.0] * 3)
    others = synthetic.plan(loaded, "reduced", overrides=["batch_size=32"])
    verdict = judged(loaded, others, synthetic.records_of(others, {"t1/darts": [90.0] * 3}), baseline)
    assert {item.verdict for item in verdict.baselines} == {"NOT JUDGED"}
    assert "other settings" in verdict.baselines[0].reason


def test_missing_seeds_are_incomplete(loaded: LoadedSuite, planned: Plan) -> None:
    baseline = recorded(loaded, planned, [50.0] * 3)
    verdict = judged(loaded, planned, synthetic.records_of(planned, {"t1/darts": [50.0] * 2}), baseline)
    assert {item.verdict for item in verdict.baselines} == {"INCOMPLETE"}


def test_without_a_baseline_nothing_is_judged(loaded: LoadedSuite, planned: Plan) -> None:
    verdict = judged(loaded, planned, synthetic.records_of(planned, {"t1/darts": [50.0] * 3}))
    assert {item.verdict for item in verdict.baselines} == {"NOT JUDGED"}


def test_recording_keeps_what_was_not_measured_now(loaded: LoadedSuite, planned: Plan) -> None:
    earlier = recorded(loaded, planned, [50.0] * 3)
    verdict = judged(loaded, planned, synthetic.records_of(planned, {"t1/exchanged": [90.0] * 3}))
    merged = record_baseline("sample", "reduced", verdict.series, earlier)
    assert sorted(merged.series) == ["darts-v1 on cifar10", "ex-darts on cifar10"]
    assert merged.series["darts-v1 on cifar10"] == earlier.series["darts-v1 on cifar10"]


def test_incomplete_series_are_not_recorded(loaded: LoadedSuite, planned: Plan) -> None:
    assert recorded(loaded, planned, [50.0, 50.0]).series == {}


def test_rows_with_equal_settings_are_one_series(loaded: LoadedSuite, planned: Plan) -> None:
    names = [series.name for series in judged(loaded, planned, []).series]
    assert names == [
        "darts-v1 on cifar10",
        "ex-darts on cifar10",
        "darts-v1 (t2/faster) on cifar10",
        "darts-uniform on cifar10",
    ]


def test_a_selection_renames_no_series(loaded: LoadedSuite) -> None:
    planned = synthetic.plan(loaded, "reduced", selection=Filters(tables=("t2",)))
    names = [series.name for series in judged(loaded, planned, []).series]
    assert names == ["darts-v1 on cifar10", "darts-v1 (t2/faster) on cifar10"]
