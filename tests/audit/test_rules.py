"""Where the rules draw their lines, on made-up rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.audit.attribution import attribution
from harness.audit.duplicates import repeated_mean
from harness.audit.extremes import best_of_runs
from harness.audit.finding import Finding
from harness.audit.mixtures import mixtures
from harness.audit.published_rows import PublishedRow
from harness.audit.recompute import fixed_architecture, optimum
from harness.audit.table import TableValues
from tests.audit.synthetic import copy_suites, load_lines, made_up, plant, printed, sample_row, suite_text, table_text
from tests.audit.test_clean import MEASURES, values_of


def one_row(folder: Path, values: list[str], columns: str | None = None, n: int = 5, more: str = "") -> PublishedRow:
    row = sample_row("row", n, values)
    text = table_text("t", row) if columns is None else table_text("t", row, columns)
    (line,) = made_up(folder, suite_text(text, more))
    return line


def of_values(folder: Path, values: np.ndarray, columns: str | None = None) -> PublishedRow:
    return one_row(folder, [printed(value, 0.0) for value in values], columns)


def only(findings: list[Finding]) -> Finding:
    (finding,) = findings
    return finding


def test_columns_read_one_place_off(tmp_path: Path, table: TableValues) -> None:
    shifted = of_values(tmp_path, table.accuracy[5, [0, 1, 2]], "cifar10-test, cifar100-valid, cifar100-test")
    finding = only(attribution([shifted], table))
    assert (finding.severity, finding.verdict) == ("error", "inconsistent")
    assert "index 5 " in finding.evidence and "cifar10 valid, cifar10 test, cifar100 valid" in finding.evidence


def test_a_reading_that_chance_would_give_too(tmp_path: Path, table: TableValues) -> None:
    rows = np.array([[50.0, 70.0]])
    crowded = np.concatenate([rows + np.array([i, j]) * 0.01 for i in range(100) for j in range(100)])
    accuracy = np.column_stack([crowded, *[np.full(len(crowded), 10.0)] * 4])
    many = TableValues(np.arange(len(crowded)), table.strings[:1] * len(crowded), accuracy)
    swapped = of_values(tmp_path, np.array([70.5, 50.5]), "cifar10-valid, cifar10-test")
    finding = only(attribution([swapped], many))
    assert finding.verdict == "unexplained" and "expected by chance" in finding.evidence


def test_several_architectures_alike(tmp_path: Path, table: TableValues) -> None:
    twins = replace(table, accuracy=np.concatenate([table.accuracy[:1], table.accuracy[:-1]]))
    finding = only(attribution([of_values(tmp_path, twins.accuracy[0])], twins))
    assert (finding.severity, finding.verdict) == ("info", "ambiguous")
    assert "2 have" in finding.evidence


def test_within_the_reading_accuracy_one_architecture_is_named(tmp_path: Path, table: TableValues) -> None:
    finding = only(attribution([of_values(tmp_path, table.accuracy[9] + 0.02)], table))
    assert finding.verdict == "attributed" and "index 9 " in finding.evidence and "within" in finding.evidence
    finding = only(attribution([of_values(tmp_path, table.accuracy[9] + 0.06)], table))
    assert (finding.severity, finding.verdict) == ("warning", "unexplained")
    finding = only(attribution([of_values(tmp_path, table.accuracy[9] + np.array([5, 0, 0, 0, 0, 0]))], table))
    assert (finding.severity, finding.verdict) == ("error", "unexplained")


@pytest.mark.parametrize("rule", [optimum, fixed_architecture])
@pytest.mark.parametrize(
    ("off", "severity", "says"), [(0.0, "info", "as the table"), (0.2, "info", "versions"), (0.5, "error", "more than")]
)
def test_how_far_a_recomputed_value_may_lie(
    rule: object, off: float, severity: str, says: str, tmp_path: Path, table: TableValues
) -> None:
    values = table.accuracy.max(axis=0) if rule is optimum else table.accuracy[3]
    values = values + np.array([0, off, 0, 0, 0, 0])
    line = one_row(tmp_path, [printed(value, None) for value in values])
    line = replace(line, optimum=rule is optimum, architecture=table.strings[3] if rule is fixed_architecture else None)
    findings = rule([line], table)  # type: ignore[operator]
    cell = "made-up:t/row/cifar10-test"
    finding = only([f for f in findings if cell in f.cells])
    assert finding.severity == severity and says in finding.evidence
    assert sum(len(f.cells) for f in findings) == 6


@pytest.mark.parametrize(
    ("best", "severity", "verdict"),
    [
        ("2.33", "info", "consistent"),  # 0.17: one of four numbers with std 0.10 reaches 0.173
        ("2.32", "info", "ambiguous"),
        ("2.30", "error", "inconsistent"),  # with everything rounded down: 0.192
        ("2.50", "info", "consistent"),
        ("2.52", "error", "inconsistent"),
    ],
)
def test_the_best_of_four(best: str, severity: str, verdict: str, tmp_path: Path) -> None:
    line = one_row(tmp_path, [best, "2.50 ± 0.10"], "best, errors", n=4, more=MEASURES)
    finding = only(best_of_runs([line]))
    assert (finding.severity, finding.verdict) == (severity, verdict)


def test_equal_means_where_splits_are_near_anyway(tmp_path: Path) -> None:
    copied = copy_suites(tmp_path)
    plant(copied, "nb201.yaml", "delve-t1", "ex-darts", "69.06 ± 2.00", "69.35 ± 2.00")
    assert repeated_mean(load_lines(copied, "nb201.yaml")) == []


def test_two_columns_say_little_of_mixtures(tmp_path: Path, table: TableValues) -> None:
    generator = np.random.default_rng(3)
    found = []
    for _ in range(8):
        runs = table.accuracy[generator.integers(0, 400, 5)][:, :2]
        line = one_row(tmp_path, values_of(runs, 0, decimals=1), "cifar10-valid, cifar10-test")
        found += mixtures([line], table)
    assert found and {(f.severity, f.verdict) for f in found} == {("info", "ambiguous")}
