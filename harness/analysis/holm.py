"""Many cells looked at together: Holm's correction in such a way that no cell's word depends on what else was run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p: Sequence[float], cells: int) -> list[float]:
    """Correct the p-values of all cells of a row (1 where unmeasured) for the ``cells`` of its table.

    The table's level is divided among its rows by their numbers of cells, and Holm (1979) works within each. A row's
    cells come from the same trials, so they are measured together; Holm over the whole table would let the word of one
    row change when another is run. The table's error rate is kept: Bonferroni across rows, Holm within.
    """
    return [min(1.0, value * cells / len(p)) for value in step_down(p)]


def step_down(p: Sequence[float]) -> list[float]:
    """Correct p-values for their number by Holm's method (1979), as statsmodels' ``multipletests`` does.

    That one collects all garbage at every call, a tenth of a second each and more beside many records.
    """
    order = np.argsort(p, kind="stable")
    least = np.maximum.accumulate(np.asarray(p, dtype=np.float64)[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(least, 1.0)
    return [float(value) for value in adjusted]
