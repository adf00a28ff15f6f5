"""Rows that claim one architecture: what counts is how many of our runs end in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.analysis.architectures import (
    OneArchitecture,
    claims_one_architecture,
    judge_architecture,
    matching,
    on_benchmark,
)
from harness.suite.published import PublishedCell, published_cells
from tests.analysis import synthetic

ROW = '"54.30 ± 0.00"'


def cells(folder: Path, value: str = ROW, n: str = "n: 3") -> list[PublishedCell]:
    """Return the first cell of a row with std 0, as printed or changed."""
    loaded = synthetic.load(
        folder,
        (f"          - {ROW}\n", f"          - {value}\n"),
        ("        label: Plain\n        n: 3", f"        label: Plain\n        {n}"),
    )
    return [c for c in published_cells(loaded.suite) if c.row == "darts" and c.column_name == "c10"]


def judged(folder: Path, values: list[float], **changes: str) -> OneArchitecture:
    return judge_architecture(cells(folder, **changes), np.array([values]).T)


@pytest.mark.parametrize(
    ("value", "n", "ours", "verdict", "reason"),
    [
        ("54.30 ± 0", 3, [54.3, 54.3, 84.3], "DRIFT", ""),  # PASS by the old rule
        ("54.30 ± 0", 3, [60.0, 75.0, 40.0], "FAIL", ""),  # PASS by the old rule
        ("94.36 ± 0", 5, [94.36, 94.36, 94.36, 94.36, 86.0], "DRIFT", ""),  # PASS by the old rule
        ("54.30 ± 0", 3, [54.3, 54.3, 54.3], "PASS", ""),
        ("54.30 ± 0", 3, [54.3, 54.3], "UNDECIDED", "seeds: 3"),
        ("54.30 ± 0", 3, [60.0, 75.0], "UNDECIDED", "seeds: 3"),
        ("54.30 ± 0", 5, [60.0], "UNDECIDED", "seeds: 2"),
        ("54.30 ± 0", 2, [60.0] * 3, "UNDECIDED", "seeds: 5"),
        ("54.30 ± 0", 1, [60.0] * 50, "FAIL", ""),
        ("54.30 ± 0", 3, [54.3] * 10, "PASS", ""),
        ("54.30 ± 0", 3, [54.3, 54.31, 54.29], "PASS", ""),  # other readings of the table
        ("54.30 ± 0", 3, [54.3, 54.3, 54.32], "DRIFT", ""),
    ],
)  # fmt: skip
def test_words(tmp_path: Path, value: str, n: int, ours: list[float], verdict: str, reason: str) -> None:
    found = judged(tmp_path, ours, value=f'"{value}"', n=f"n: {n}")
    assert (found.verdict, found.reason) == (verdict, reason)


def test_the_share_is_clopper_and_pearsons(tmp_path: Path) -> None:
    assert judged(tmp_path, [54.3] * 3).share == pytest.approx(0.05 ** (1 / 3))  # k = n: alpha^(1/n)
    assert judged(tmp_path, [60.0] * 3).share == 0.0
    assert "3 of 3 runs end in the printed architecture, share at least 0.37" in judged(tmp_path, [54.3] * 3).text


def test_a_print_without_n_cannot_be_matched(tmp_path: Path) -> None:
    found = judged(tmp_path, [54.3] * 9, n="note: of unknown runs")
    assert (found.verdict, found.reason) == ("UNDECIDED", "the print does not say of how many runs")


def test_all_columns_count_jointly(tmp_path: Path) -> None:
    (cell,) = cells(tmp_path)
    both = np.array([[54.3, 54.3], [54.3, 84.3], [84.3, 54.3]])
    assert matching([cell, cell], both).tolist() == [True, False, False]


def test_a_lone_zero_beside_columns_that_scatter_is_a_mean(tmp_path: Path) -> None:
    loaded = synthetic.load(tmp_path)
    printed = {(c.row, c.column_name): c for c in published_cells(loaded.suite)}
    alone, scattering = printed["darts", "c10"], printed["exchanged", "c10"]
    assert claims_one_architecture([alone])
    assert not claims_one_architecture([alone, scattering])
    assert not claims_one_architecture([scattering])
    seconds = printed["darts", "seconds"]
    assert on_benchmark([alone, seconds]) == [alone]
    assert claims_one_architecture([alone, seconds]), "what no look-up answers has no say"
