"""CSV files, read back and counted against the records."""

from __future__ import annotations

import csv
import io
import statistics
from pathlib import Path

import pytest

from harness.analysis.verdicts import SuiteVerdict, judge
from harness.report.export import results_csv, verdicts_csv
from tests.analysis import synthetic


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_one_row_per_trial_and_metric(paper: SuiteVerdict) -> None:
    rows = read(results_csv([paper]))
    keys = [(row["trial"], row["metric"]) for row in rows]
    assert len(keys) == len(set(keys))
    done = [row for row in rows if row["status"] == "done"]
    metrics = {"accuracy cifar10/test/200", "search_seconds", "evaluation_seconds"}
    metrics |= {f"magnitude {op}" for op in ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")}
    assert len(done) == 6 * len(metrics)
    assert {row["metric"] for row in done} == metrics


def test_a_computed_trial_has_a_row_per_run(tmp_path: Path) -> None:
    loaded = synthetic.load(
        tmp_path,
        ("        method: null\n        label: Never run", "        method: random-search\n        label: Never run"),
    )
    planned = synthetic.plan(loaded, data=synthetic.WITH_TABLE)
    [trial] = [trial for trial in planned.trials if trial.computed]
    values = {"cifar10/test/200": [93.1, 93.2], "simulated_seconds": [1.0, 2.0]}
    record = synthetic.record(trial, trajectory=None, evaluations={}, values=values)
    rows = read(results_csv([judge(loaded, "paper", planned, [record])]))
    found = [(row["metric"], row["run"], row["value"], row["unit"]) for row in rows[:4]]
    assert found == [
        ("accuracy cifar10/test/200", "0", "93.1", "%"),
        ("accuracy cifar10/test/200", "1", "93.2", "%"),
        ("simulated_seconds", "0", "1.0", ""),
        ("simulated_seconds", "1", "2.0", ""),
    ]


def test_values_are_the_final_ones(paper: SuiteVerdict) -> None:
    rows = read(results_csv([paper]))
    plain = [row for row in rows if row["method"] == "darts-v1" and row["metric"] == "accuracy cifar10/test/200"]
    assert sorted(float(row["value"]) for row in plain) == [54.0, 54.3, 54.6]
    skips = [float(row["value"]) for row in rows if row["metric"] == "magnitude skip_connect"]
    assert skips == pytest.approx([0.6] * 6)


def test_a_failed_trial_has_a_reason_and_no_value(paper: SuiteVerdict) -> None:
    [row] = [row for row in read(results_csv([paper])) if row["status"] == "failed"]
    assert (row["metric"], row["value"], row["error"]) == ("", "", "ValueError: diverged")


def test_verdicts_carry_the_numbers_behind_them(paper: SuiteVerdict) -> None:
    rows = {(row["row"], row["column"]): row for row in read(verdicts_csv([paper])) if row["kind"] == "cell"}
    plain = rows["darts", "c10"]
    values = [54.0, 54.3, 54.6]
    assert float(plain["ours_mean"]) == pytest.approx(statistics.mean(values))
    assert float(plain["ours_population_std"]) == pytest.approx(statistics.pstdev(values))
    assert float(plain["ours_sample_std"]) == pytest.approx(statistics.stdev(values))
    facts = ("published", "published_mean", "published_n", "ours_n", "ours_planned", "width", "verdict")
    assert [plain[name] for name in facts] == ["54.30 ± 0.00", "54.3", "3", "3", "3", "", "DRIFT"]
    open_ = rows["exchanged", "c10"]
    assert (open_["ours_n"], open_["ours_planned"], open_["verdict"]) == ("2", "5", "INCOMPLETE")
    assert float(open_["width"]) == pytest.approx(6.313752 * (0.8405 / 5 + 0.5 / 2) ** 0.5)  # t(.95, 1)
    assert float(open_["p_fail_corrected"]) == min(1.0, 3 * float(open_["p_fail"]))  # 3 means in the table
    assert rows["unrun", "c10"]["verdict"] == "NOT RUN"


def test_every_verdict_is_exported(paper: SuiteVerdict, reduced: SuiteVerdict) -> None:
    for verdict in (paper, reduced):
        rows = read(verdicts_csv([verdict]))
        for kind, counts in verdict.counts().items():
            published = [r for r in rows if r["kind"] + "s" == kind and (kind != "cells" or r["published"])]
            assert {w: sum(r["verdict"] == w for r in published) for w in counts} == dict(counts)


def test_every_row_off_the_papers_protocol_says_so(reduced: SuiteVerdict, paper: SuiteVerdict) -> None:
    for text in (results_csv([reduced]), verdicts_csv([reduced])):
        assert all(row["comparable"].startswith("not comparable with the paper") for row in read(text))
    assert {row["comparable"] for row in read(verdicts_csv([paper]))} == {"yes"}


@pytest.mark.parametrize("text", ["=1+1", "@cmd", "+a1", "-a1"])
def test_texts_are_no_formulas_for_a_spreadsheet(tmp_path: Path, text: str) -> None:
    loaded = synthetic.load(tmp_path)
    planned = synthetic.plan(loaded)
    broken = synthetic.failed(planned.trials[0], text)
    [row] = read(results_csv([judge(loaded, "paper", planned, [broken])]))
    assert row["error"] == f"'{text}"


def test_negative_numbers_stay_numbers(paper: SuiteVerdict) -> None:
    rows = read(verdicts_csv([paper]))
    deltas = [float(row["delta"]) for row in rows if row["delta"]]
    assert deltas
