"""Many cells looked at together: Holm's correction in such a way that no cell's word depends on what else was run."""

from __future__ import annotations

from collections.abc import Sequence

from harness.analysis.difference import ALPHA


def holm(p: Sequence[float], cells: int) -> list[float]:
    """Correct the p-values of all cells of a row (1 where unmeasured) for the ``cells`` of its table.

    The table's level is divided among its rows by their numbers of cells, and Holm (1979) works within each. A row's
    cells come from the same trials, so they are measured together; Holm over the whole table would let the word of one
    row change when another is run. The table's error rate is kept: Bonferroni across rows, Holm within.
    """
    from statsmodels.stats.multitest import multipletests

    if min(p, default=1.0) == 1.0:  # nothing measured: multipletests collects garbage at every call
        return [1.0] * len(p)
    adjusted = multipletests(p, alpha=ALPHA, method="holm")[1]
    return [min(1.0, float(value) * cells / len(p)) for value in adjusted]
