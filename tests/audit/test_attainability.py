"""Necessary conditions: true samples meet them, impossible rows do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.audit.attainability import attainability, feasible
from harness.audit.published_rows import PublishedRow
from harness.audit.table import TableRow, TableValues
from tests.audit.synthetic import made_up, printed, sample_row, suite_text, table_text


@pytest.fixture
def row(tmp_path: Path) -> TableRow:
    """A row of six columns, to be given other numbers."""
    lines = made_up(tmp_path, suite_text(table_text("t", sample_row("a", 5, ["50.00 ± 1.00"] * 6))))
    return TableRow.of(lines[0], lines[0].numbers)


def printing(row: TableRow, columns: list[int], mean: np.ndarray, std: np.ndarray) -> TableRow:
    half = np.full(len(columns), 0.005)
    return replace(row, columns=np.array(columns), mean=mean, std=std, half=half, std_half=half)


@pytest.mark.parametrize("ddof", [0, 1])
def test_true_samples_are_possible(row: TableRow, table: TableValues, ddof: int) -> None:
    generator = np.random.default_rng(ddof)
    for trial in range(60):
        n = int(generator.integers(2, 7))
        picks = generator.integers(0, len(table.accuracy), 2 if trial % 2 else n)
        runs = table.accuracy[picks[generator.integers(0, len(picks), n)]]
        columns = np.sort(generator.permutation(6)[: int(generator.integers(1, 7))]).tolist()
        mean, std = np.round(runs.mean(axis=0), 2)[columns], np.round(runs.std(axis=0, ddof=ddof), 2)[columns]
        assert feasible(printing(row, columns, mean, std), table.accuracy, np.zeros(len(columns)), n)


def test_samples_of_another_version_are_possible_within_its_slack(row: TableRow, table: TableValues) -> None:
    generator = np.random.default_rng(7)
    for _ in range(20):
        picks = generator.integers(0, len(table.accuracy), 5)
        runs = table.accuracy[picks] + generator.uniform(-0.3, 0.3, (5, 6))
        target = printing(row, list(range(6)), np.round(runs.mean(axis=0), 2), np.round(runs.std(axis=0), 2))
        assert feasible(target, table.accuracy, np.full(6, 0.3), 5)


def test_what_no_sample_has(row: TableRow, table: TableValues) -> None:
    low, high = table.accuracy.min(axis=0), table.accuracy.max(axis=0)
    middle, none = (low + high) / 2, np.zeros(2)
    wide = (high - low) / 2 * 1.05  # Popoviciu: no std is above half of the range
    for mean, std in (
        (high[:2] + 0.1, np.array([0.01, 0.01])),  # beyond the best
        (middle[:2], wide[:2]),
        (np.array([high[0] - 0.1, low[1] + 0.1]), np.array([0.1, 0.1])),  # the best on valid, the worst on test
    ):
        assert not feasible(printing(row, [0, 1], mean, std), table.accuracy, none, None)
    extremes = printing(row, [0], middle[:1], (high - low)[:1] / 2)
    assert feasible(extremes, table.accuracy, np.zeros(1), 2)


def test_one_value_far_from_four_alike_needs_five_runs(row: TableRow) -> None:
    accuracy = np.repeat([[10.0], [90.0]], 6, axis=1)
    for n in range(2, 8):
        runs = np.array([10.0] + [90.0] * (n - 1))
        target = printing(row, [0], np.array([runs.mean()]), np.array([runs.std()]))
        assert next(m for m in range(2, 8) if feasible(target, accuracy, np.zeros(1), m)) == n


def test_a_mean_between_two_values_needs_their_spread(row: TableRow) -> None:
    accuracy = np.repeat([[10.0], [90.0]], 6, axis=1)
    for std, possible in ((40.0, True), (39.9, False), (40.1, False), (0.0, False)):
        target = printing(row, [0], np.array([50.0]), np.array([std]))
        assert feasible(target, accuracy, np.zeros(1), None) is possible


def test_findings(tmp_path: Path, table: TableValues) -> None:
    runs = table.accuracy[:5]
    good = [printed(m, s) for m, s in zip(runs.mean(axis=0), runs.std(axis=0), strict=True)]
    crossed = [good[0], printed(runs[:, 1].mean() + 9, 0.01), *good[2:]]
    beyond = [printed(value + 5, None) for value in table.accuracy.max(axis=0)]
    inside = [printed(value - 5, None) for value in table.accuracy.max(axis=0)]
    rows = "".join(
        sample_row(name, 5, values)
        for name, values in (("good", good), ("crossed", crossed), ("beyond", beyond), ("inside", inside))
    )
    lines: list[PublishedRow] = made_up(tmp_path, suite_text(table_text("t", rows)))
    found = {f.cells[0].split("/")[1]: f for f in attainability(lines, table)}
    assert (found["good"].severity, found["good"].verdict) == ("info", "consistent")
    assert (found["crossed"].severity, found["crossed"].verdict) == ("error", "inconsistent")
    assert "it could be without cifar10 test" in found["crossed"].evidence
    assert found["beyond"].severity == "error" and "outside of the table" in found["beyond"].evidence
    assert "inside" not in found
