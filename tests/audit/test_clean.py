"""True rows raise no alarm: made-up suites of samples from a table, copied, rounded, summarised."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.audit.finding import Finding, at_least
from harness.audit.published_rows import PublishedRow
from harness.audit.registry import audit
from harness.audit.table import COLUMNS, TableValues
from tests.audit.conftest import needs_data
from tests.audit.synthetic import SIX, made_up, printed, sample_row, suite_text, table_text

DIFFERENCES = [name.strip() for name in SIX.split(",")]
DELTA = (
    "  d-{name}: {{label: Difference, metric: statistic, dataset: {dataset}, split: {split}, training_epochs: 200, "
    "unit: points, goal: max, difference: true}}\n"
)
MEASURES = (
    "  errors: {label: Error, metric: error, dataset: cifar10, split: test, training_epochs: 600, unit: '%',"
    " goal: min}\n"
    "  best: {label: Best, metric: error, dataset: cifar10, split: test, training_epochs: 600, unit: '%', goal: min,"
    " statistic: best}\n"
    "  params: {label: Params, metric: parameters, unit: M, goal: min}\n"
)


def values_of(runs: np.ndarray, ddof: int, decimals: int = 2) -> list[str]:
    mean, std = runs.mean(axis=0), runs.std(axis=0, ddof=ddof)
    return [printed(m, s, decimals) for m, s in zip(mean, std, strict=True)]


def true_suite(table: TableValues, seed: int, count: int = 8) -> str:
    """Write a suite of true rows: samples, single architectures, copies, differences, best of n, a matrix."""
    generator = np.random.default_rng(seed)
    size = len(table.accuracy)
    rows, copies = "", ""
    samples = {}
    for i in range(count):
        n = int(generator.integers(3, 6))
        runs = table.accuracy[generator.integers(0, size, n)]
        samples[f"s{i}"] = runs
        rows += sample_row(f"s{i}", n, values_of(runs, i % 2))
        copies += sample_row(f"s{i}", n, values_of(runs, i % 2, 2 if i < count // 2 else 1), "source: elsewhere, ")
    for i in range(3):
        one = table.accuracy[np.repeat(generator.integers(0, size), 5)]
        rows += sample_row(f"one{i}", 5, values_of(one, 0))
    deltas, columns = differences(samples["s0"], samples["s1"])
    tables = table_text("first", rows) + table_text("second", copies, paper="sp-darts")
    tables += table_text("third", sample_row("minus", len(samples["s1"]), deltas), ", ".join(columns))
    tables += table_text("fourth", best_rows(generator), "best, errors, params") + matrix(generator)
    names = "".join(
        DELTA.format(name=name, dataset=dataset, split=split)
        for name, (dataset, split) in zip(DIFFERENCES, COLUMNS, strict=True)
    )
    return suite_text(tables, names + MEASURES + "".join(MATRIX_COLUMN.format(name=name) for name in "abcd"))


def differences(first: np.ndarray, second: np.ndarray) -> tuple[list[str], list[str]]:
    values, columns = [], []
    for i, name in enumerate(DIFFERENCES):
        values += [
            printed(second[:, i].mean(), second[:, i].std()),
            f"{(second - first.mean(axis=0))[:, i].mean():.2f}",
        ]
        columns += [name, f"d-{name}"]
    return values, columns


def best_rows(generator: np.random.Generator) -> str:
    text = ""
    for i in range(6):
        errors = generator.normal(2.6, 0.1, 6)
        text += sample_row(f"m{i}", 6, [f"{errors.min():.2f}", printed(errors.mean(), errors.std()), f"{3 + i / 10}"])
    return text


MATRIX_COLUMN = "  {name}: {{label: {name}, metric: statistic, unit: '1', goal: max}}\n"


def matrix(generator: np.random.Generator) -> str:
    values = np.corrcoef(generator.normal(size=(4, 50)))
    rows = "".join(sample_row(name, 1, [f"{v:.2f}" for v in row]) for name, row in zip("abcd", values, strict=True))
    return table_text("fifth", rows, "a, b, c, d")


def alarms(lines: list[PublishedRow], table: TableValues) -> list[Finding]:
    return at_least(audit(lines, table).findings, "warning")


@pytest.mark.parametrize("seed", range(3))
def test_true_rows_raise_no_alarm(seed: int, tmp_path: Path, table: TableValues) -> None:
    lines = made_up(tmp_path, true_suite(table, seed))
    assert alarms(lines, table) == []
    rules = {finding.rule for finding in audit(lines, table).findings}
    assert {"agreement", "attribution", "attainability", "best-of-runs", "difference", "symmetry"} <= rules


@pytest.mark.realdata
@needs_data
def test_true_rows_of_the_real_table_raise_no_alarm(tmp_path: Path, real_table: TableValues) -> None:
    assert alarms(made_up(tmp_path, true_suite(real_table, seed=0, count=2)), real_table) == []


def test_one_architecture_is_named(tmp_path: Path, table: TableValues) -> None:
    rows = sample_row("one", 5, [printed(value, 0.0) for value in table.accuracy[17]])
    (finding,) = [
        f
        for f in audit(made_up(tmp_path, suite_text(table_text("t", rows))), table).findings
        if f.rule == "attribution"
    ]
    assert finding.verdict == "attributed" and "index 17 " in finding.evidence


@pytest.mark.parametrize("ddof", [0, 1])
def test_a_mixture_is_named_with_its_runs_and_its_std(ddof: int, tmp_path: Path, table: TableValues) -> None:
    runs = table.accuracy[[30, 30, 30, 200]]
    lines = made_up(tmp_path, suite_text(table_text("t", sample_row("mix", 4, values_of(runs, ddof)))))
    (finding,) = [f for f in audit(lines, table).findings if f.rule == "mixture"]
    assert (finding.severity, finding.verdict) == ("info", "attributed")
    assert "3 x index 30 " in finding.evidence and "1 x index 200 " in finding.evidence
    assert f"{('population', 'sample')[ddof]} std, n = 4" in finding.evidence


def test_three_runs_that_no_architectures_explain(tmp_path: Path, table: TableValues) -> None:
    runs = table.accuracy[[30, 100, 200]] + np.array([0.3, -0.3, 0.3, -0.3, 0.3, -0.3])
    lines = made_up(tmp_path, suite_text(table_text("t", sample_row("moved", 3, values_of(runs, 0)))))
    (finding,) = [f for f in audit(lines, table).findings if f.rule == "mixture"]
    assert (finding.severity, finding.verdict) == ("info", "unexplained")
