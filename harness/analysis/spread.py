"""The printed std held against ours, where both sides have runs enough.

By the logarithm of the ratio of the two, whose error is bootstrapped from our runs (the print gives no values; its
error is taken to be ours at its number of runs). The F test and its interval assume normal values, and the best of a
search is anything but: skewed, with a tail of bad runs, which makes the F interval too narrow by a third and more.
Levene's test would need the paper's single values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from harness.analysis.bands import Judgement, Printed, PValue, Verdict
from harness.analysis.difference import ALPHA, Difference

LEAST_RUNS = 20  # on both sides: a bootstrap of fewer says little of a tail
TOLERANCE, DRIFT = 1.25, 2.0  # ratios, to both sides
RESAMPLES = 2000
Floats = NDArray[np.float64]


def judge_spread(printed: Printed, values: Sequence[float], *, cells: int = 1) -> Judgement | None:
    """Judge our std against the printed one on a logarithmic scale; None where a side has too few runs or no scatter.

    ``delta`` of the judgement is ln(ours / printed).
    """
    theirs, n = printed.sample_std, printed.n
    if theirs is None or n is None or min(n, len(values)) < LEAST_RUNS or not theirs or np.ptp(values) == 0:
        return None
    found = _difference(theirs, n, np.asarray(values, dtype=np.float64))
    tolerance, drift = math.log(TOLERANCE), math.log(DRIFT)
    fails, drifts = found.beyond(tolerance), found.between(0.0, drift)
    tests = PValue(fails, min(1.0, fails * cells)), PValue(drifts, min(1.0, drifts * cells))
    verdict: Verdict = "UNDECIDED"
    if tests[0].corrected < ALPHA:
        verdict = "FAIL"
    elif found.within(tolerance) < ALPHA:
        verdict = "PASS"
    elif tests[1].corrected < ALPHA:
        verdict = "DRIFT"
    return Judgement(found.delta, found.width, tolerance, drift, verdict, *tests)


def _difference(theirs: float, n: int, values: Floats) -> Difference:
    drawn = stats.bootstrap((values,), _log_std, n_resamples=RESAMPLES, method="percentile", rng=0)
    error = float(drawn.standard_error) * math.sqrt(1 + len(values) / n)
    return Difference(float(_log_std(values)) - math.log(theirs), error, min(n, len(values)) - 1)


def _log_std(values: Floats, axis: int = -1) -> Floats:
    return np.asarray(np.log(np.std(values, axis=axis, ddof=1)))
