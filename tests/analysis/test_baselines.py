"""Series and their baselines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.analysis.baselines import Baseline, BaselineEntry, BaselineVerdict, Statistic, record_baseline
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


ELSEWHERE: dict[str, object] = {"platform": "Linux x86_64, another processor"}
SERIES = "darts-v1 on cifar10"


def elsewhere() -> dict[str, object]:
    return synthetic.provenance(**ELSEWHERE).model_dump()


def test_a_baseline_holds_each_seed_and_the_machine(loaded: LoadedSuite, planned: Plan) -> None:
    entry = recorded(loaded, planned, [50.0, 52.0, 54.0]).series[SERIES]
    assert entry.accuracy_key == "cifar10/test/200"
    assert entry.setup is not None and entry.setup["spec"]["weight_optimiser"]["momentum"] == 0.9
    (one,) = entry.recordings
    assert (one.machine.platform, one.machine.torch, one.machine.threads) == (
        "Linux x86_64, test processor",
        "2.13.0",
        1,
    )
    assert one.values["accuracy"] == {0: 50.0, 1: 52.0, 2: 54.0}
    assert one.values["skip_connect"] == pytest.approx({0: 0.6, 1: 0.6, 2: 0.6})
    assert one.data == synthetic.DATA.checksums["cifar10"]


def test_a_baseline_survives_its_file(loaded: LoadedSuite, planned: Plan) -> None:
    baseline = recorded(loaded, planned, [50.0, 52.0, 54.1 + 1e-14])
    assert Baseline.model_validate_json(baseline.model_dump_json()) == baseline


def test_the_same_records_are_equal_to_the_bit(loaded: LoadedSuite, planned: Plan) -> None:
    records = synthetic.records_of(planned, {"t1/darts": [50.0, 52.0, 54.0]})
    verdict = judged(loaded, planned, records, recorded(loaded, planned, [50.0, 52.0, 54.0]))
    assert {item.verdict for item in verdict.baselines} == {"PASS"}
    assert {item.reason for item in verdict.baselines} == {"equal to the bit: 3 of 3 seeds"}
    assert [item.statistic for item in verdict.baselines] == ["accuracy", "skip_connect", "nor_conv_3x3"]


def test_the_last_bit_of_one_seed_is_a_change_and_named(loaded: LoadedSuite, planned: Plan) -> None:
    """A mean over three seeds of 6.3 points' scatter never saw it."""
    baseline = recorded(loaded, planned, [50.0, 52.0, 54.0])
    records = synthetic.records_of(planned, {"t1/darts": [50.0, 52.0, 54.0 + 1e-14]})
    assert of(judged(loaded, planned, records, baseline), SERIES, "accuracy").verdict == "FAIL"
    records = synthetic.records_of(planned, {"t1/darts": [50.0, 61.5, 54.0]})
    found = of(judged(loaded, planned, records, baseline), SERIES, "accuracy")
    assert (found.verdict, found.reason) == ("FAIL", "1 of 3 seeds changed: seed 1: 61.5, not 52")
    assert found.delta == pytest.approx(9.5 / 3)


@pytest.mark.parametrize("change", [ELSEWHERE, {"torch": "2.14.0"}, {"threads": 2}, {"kernels": True}])
def test_another_machine_is_another_sample(loaded: LoadedSuite, planned: Plan, change: dict[str, object]) -> None:
    """Three seeds against three cannot say anything: the least p of two sides is 1/10."""
    there = synthetic.provenance(**change).model_dump()
    records = synthetic.records_of(planned, {"t1/darts": [90.0, 91.0, 92.0]}, provenance=there)
    found = of(judged(loaded, planned, records, recorded(loaded, planned, [50.0, 52.0, 54.0])), SERIES, "accuracy")
    assert found.verdict == "UNDECIDED"
    assert "too few to tell, 3 seeds against 3" in found.reason


@pytest.mark.long
def test_enough_seeds_elsewhere_tell(tmp_path: Path) -> None:
    """Ten against ten: apart, the same within a point, and neither."""
    three, ten = (f"    seeds: {seeds}\n    unstated_seeds: 3\n" for seeds in (3, 10))
    loaded = synthetic.load(tmp_path, (three, ten))
    planned = synthetic.plan(loaded, "reduced")
    values = [60.0 + 0.1 * seed for seed in range(10)]
    baseline = recorded(loaded, planned, values)
    for shift, word in ((5.0, "FAIL"), (0.13, "PASS")):
        records = synthetic.records_of(planned, {"t1/darts": [x + shift for x in values]}, provenance=elsewhere())
        assert of(judged(loaded, planned, records, baseline), SERIES, "accuracy").verdict == word
    wide = [x + 10 * (-1) ** index for index, x in enumerate(values)]
    records = synthetic.records_of(planned, {"t1/darts": wide}, provenance=elsewhere())
    assert of(judged(loaded, planned, records, baseline), SERIES, "accuracy").verdict == "UNDECIDED"


def test_equal_bits_elsewhere_are_equal(loaded: LoadedSuite, planned: Plan) -> None:
    records = synthetic.records_of(planned, {"t1/darts": [50.0, 52.0, 54.0]}, provenance=elsewhere())
    verdict = judged(loaded, planned, records, recorded(loaded, planned, [50.0, 52.0, 54.0]))
    assert {item.verdict for item in verdict.baselines} == {"PASS"}


def test_every_machine_keeps_its_own_recording(loaded: LoadedSuite, planned: Plan) -> None:
    here = recorded(loaded, planned, [50.0, 52.0, 54.0])
    records = synthetic.records_of(planned, {"t1/darts": [90.0, 91.0, 92.0]}, provenance=elsewhere())
    both = record_baseline("sample", "reduced", judged(loaded, planned, records).series, here)
    assert [one.machine.platform[-15:] for one in both.series[SERIES].recordings] == [
        " test processor",
        "other processor",
    ]
    assert of(judged(loaded, planned, records, both), SERIES, "accuracy").verdict == "PASS"
    again = record_baseline("sample", "reduced", judged(loaded, planned, records).series, both)
    assert again == both


def test_a_gpu_is_nobody_to_compare_bits_with(loaded: LoadedSuite, planned: Plan) -> None:
    gpu = synthetic.provenance(device="cuda").model_dump()
    records = synthetic.records_of(planned, {"t1/darts": [50.0, 52.0, 55.0]}, provenance=gpu)
    verdict = judged(loaded, planned, records, recorded(loaded, planned, [50.0, 52.0, 54.0]))
    assert of(verdict, SERIES, "accuracy").verdict == "UNDECIDED"
    assert record_baseline("sample", "reduced", verdict.series, None).series == {}


def test_other_settings_are_not_compared_and_named(loaded: LoadedSuite, planned: Plan) -> None:
    baseline = recorded(loaded, planned, [50.0] * 3)
    others = synthetic.plan(loaded, "reduced", overrides=["weight_optimiser.momentum=0.8"])
    verdict = judged(loaded, others, synthetic.records_of(others, {"t1/darts": [90.0] * 3}), baseline)
    assert {item.verdict for item in verdict.baselines} == {"NOT JUDGED"}
    assert verdict.baselines[0].reason == "recorded under other settings: spec.weight_optimiser.momentum 0.9, now 0.8"


def test_other_data_are_not_compared(loaded: LoadedSuite, planned: Plan) -> None:
    baseline = recorded(loaded, planned, [50.0] * 3)
    (there,) = baseline.series[SERIES].recordings
    baseline.series[SERIES].recordings[0] = there.model_copy(update={"data": "e" * 16})
    verdict = judged(loaded, planned, synthetic.records_of(planned, {"t1/darts": [50.0] * 3}), baseline)
    assert {(item.verdict, item.reason[:22]) for item in verdict.baselines} == {
        ("NOT JUDGED", "recorded on other data")
    }


def test_means_without_seeds_compare_with_nothing_and_say_so(loaded: LoadedSuite, planned: Plan) -> None:
    entry = recorded(loaded, planned, [50.0] * 3).series[SERIES]
    old = Statistic(mean=50.0, sample_std=0.0, n=3)
    means = BaselineEntry(settings=entry.settings, accuracy_key=entry.accuracy_key, means={"accuracy": old})
    baseline = Baseline(suite="sample", profile="reduced", series={SERIES: means})
    verdict = judged(loaded, planned, synthetic.records_of(planned, {"t1/darts": [50.0] * 3}), baseline)
    found = of(verdict, SERIES, "accuracy")
    assert (found.verdict, found.reason) == ("NOT JUDGED", "recorded without the seeds' values: record it anew")
    assert found.recorded is not None and found.recorded.mean == 50.0
    with pytest.raises(ValueError, match="either recordings, or the means"):
        BaselineEntry(settings=entry.settings, accuracy_key=None)


def test_missing_seeds_are_incomplete_and_changed_ones_are_not_waited_for(loaded: LoadedSuite, planned: Plan) -> None:
    baseline = recorded(loaded, planned, [50.0] * 3)
    verdict = judged(loaded, planned, synthetic.records_of(planned, {"t1/darts": [50.0] * 2}), baseline)
    assert {item.verdict for item in verdict.baselines} == {"INCOMPLETE"}
    verdict = judged(loaded, planned, synthetic.records_of(planned, {"t1/darts": [50.0, 51.0]}), baseline)
    assert of(verdict, SERIES, "accuracy").verdict == "FAIL"


def test_losses_of_the_first_and_the_last_epoch_are_kept(loaded: LoadedSuite, planned: Plan) -> None:
    """Where only the last one changed, a change begins later: a schedule."""
    trials = {trial.id: trial for trial in planned.trials}
    records = []
    for trial_id in planned.rows["t1/darts"]:
        record = synthetic.record(trials[trial_id])
        assert record.trajectory is not None
        record.trajectory.weight_loss = [None, 2.5, 2.0, 1.75, 1.5]
        records.append(record)
    (entry,) = record_baseline("sample", "reduced", judged(loaded, planned, records).series, None).series.values()
    assert entry.recordings[0].values["first loss"] == {0: 2.5, 1: 2.5, 2: 2.5}
    assert entry.recordings[0].values["loss"] == {0: 1.5, 1: 1.5, 2: 1.5}


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
