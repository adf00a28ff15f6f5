"""Rows printed without any scatter: they claim that every run ends in one architecture, and are judged as that.

Which architecture a paper means is the set that matches all of the row's columns at once, as far as readings of the
benchmark differ. What counts is how many of our runs end in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from harness.analysis.bands import MOST_SEEDS, PRINT, Verdict
from harness.analysis.difference import ALPHA, ROUND_OFF
from harness.benchmarks.spec import DATASETS, EPOCHS, READING, SPLITS
from harness.suite.published import PublishedCell

HAIR = 1e-9  # 3 of 3 against 0 of 3 comes out that far above .05


@dataclass(frozen=True)
class OneArchitecture:
    """``ended`` of ``runs`` of ours end in the architecture; ``share``: the least share of runs that fits, at .95."""

    ended: int
    runs: int
    share: float
    verdict: Verdict
    reason: str

    @property
    def text(self) -> str:
        """Say how many, as ``3 of 3 runs end in it, share at least 0.37``."""
        return f"{self.ended} of {self.runs} runs end in the printed architecture, share at least {self.share:.2f}"


def claims_one_architecture(cells: Sequence[PublishedCell]) -> bool:
    """Tell whether a row's numbers on the benchmark are printed with std 0, all of them: a lone 0 is a mean."""
    asked = on_benchmark(cells)
    return bool(asked) and all(cell.value.std == 0 for cell in asked) and any(cell.n != 1 for cell in asked)


def on_benchmark(cells: Sequence[PublishedCell]) -> list[PublishedCell]:
    """Return the numbers that a look-up in the benchmark answers."""
    return [cell for cell in cells if _answered(cell)]


def _answered(cell: PublishedCell) -> bool:
    column = cell.column
    known = column.dataset in DATASETS and column.split in SPLITS and column.training_epochs in EPOCHS
    return known and column.metric in ("accuracy", "error") and not column.difference


def matching(cells: Sequence[PublishedCell], values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which of ``values`` [architectures, cells], in the cells' units, match the prints in all columns. [n]

    Within half a unit of the last decimal and what files of the table differ by for the same runs. What its versions
    differ by, where runs were added, would do for hundreds of architectures.
    """
    printed = np.array([cell.value.mean for cell in cells])
    slack = np.array([0.5 * 10.0**-cell.value.decimals + READING for cell in cells])
    return np.asarray((np.abs(values - printed) <= slack + ROUND_OFF).all(axis=1))


def judge_architecture(cells: Sequence[PublishedCell], values: NDArray[np.float64]) -> OneArchitecture:
    """Judge what our runs ended in by their ``values`` [runs, cells]."""
    runs, ended = len(values), int(matching(cells, values).sum())
    stated = [cell.n for cell in cells if cell.n is not None]
    theirs = max(stated) if len(stated) == len(cells) else None
    share = stats.binomtest(ended, runs).proportion_ci(1 - 2 * ALPHA, method="exact").low if runs else 0.0
    return OneArchitecture(ended, runs, float(share), *_word(ended, runs, theirs))


def _word(ended: int, runs: int, theirs: int | None) -> tuple[Verdict, str]:
    if 0 < ended < runs:
        return "DRIFT", ""
    if theirs is None:
        return "UNDECIDED", f"{PRINT} does not say of how many runs"
    if ended:
        return ("PASS", "") if runs >= theirs else ("UNDECIDED", f"seeds: {theirs}")
    if _differ(theirs, runs):
        return "FAIL", ""
    enough = next((n for n in range(runs + 1, MOST_SEEDS + 1) if _differ(theirs, n)), None)
    return "UNDECIDED", f"seeds: {enough}" if enough else PRINT


def _differ(theirs: int, ours: int) -> bool:
    """Tell whether none of ours against all of theirs is more than chance, by Fisher's exact test."""
    p = stats.fisher_exact([[theirs, 0], [0, ours]], alternative="greater").pvalue
    return bool(p <= ALPHA + HAIR)
