"""How a measured mean is held against a printed one, and a recomputed number against its print.

Means: the difference d has the standard error SE, from the printed std and from ours, and the half-width
h = t(.95, df) SE with df one less than the smaller number of runs. FAIL: |d| - h beyond the tolerance; PASS: |d| + h
within it; DRIFT: |d| - h above 0 and |d| + h within the drift band; else UNDECIDED. `docs/verdicts.md` says why.
"""

from __future__ import annotations

import math
from bisect import bisect
from dataclasses import dataclass
from typing import Literal

from harness.analysis.aggregate import Summary
from harness.analysis.difference import ALPHA, ROUND_OFF, Difference
from harness.suite.schema import ExactBand, Rule, Scatter, ToleranceBand

Verdict = Literal["PASS", "DRIFT", "FAIL", "UNDECIDED", "INCOMPLETE", "NOT RUN", "NOT JUDGED"]
VERDICTS: tuple[Verdict, ...] = ("PASS", "DRIFT", "FAIL", "UNDECIDED", "INCOMPLETE", "NOT RUN", "NOT JUDGED")
MOST_SEEDS = 50  # looked for when a verdict says how many would decide, or so many times ours where we have more
MOST_TIMES = 10
PRINT = "the print"


@dataclass(frozen=True)
class Printed:
    """A printed mean. ``std`` and ``n`` are None where not stated; ``scatter``: which std it is."""

    mean: float
    std: float | None
    n: int | None
    decimals: int
    scatter: Scatter = "unknown"

    @property
    def sample_std(self) -> float | None:
        """Return the std over n - 1; None where the paper does not give enough for it."""
        if self.std is None or self.n is None or self.n < 2:
            return None
        return self.std if self.scatter == "sample" else self.std * math.sqrt(self.n / (self.n - 1))


@dataclass(frozen=True)
class PValue:
    """A p-value, and what is left of it when a table's cells are looked at together."""

    raw: float
    corrected: float


@dataclass(frozen=True)
class Judgement:
    """``delta`` = ours - printed; ``width``: h, 0 for a recomputation, infinite where no scatter is known, None where
    no interval is asked for.

    ``fails`` and ``drifts``: the tests behind these words, None where there is no chance. ``reason``: what an UNDECIDED
    lacks, ``seeds: k`` or ``the print``.
    """

    delta: float
    width: float | None
    tolerance: float
    drift: float
    verdict: Verdict
    fails: PValue | None = None
    drifts: PValue | None = None
    reason: str = ""


def difference(printed: Printed, ours: Summary) -> Difference:
    """Return the difference of two means with its error; raise `ValueError` when nothing was measured.

    Where the paper gives no std or no n, it is taken to scatter as our runs do, and to be of one run.
    """
    if ours.mean is None:
        raise ValueError("nothing was measured")
    return _difference(printed, ours.mean - printed.mean, ours.sample_std, ours.n)


def _difference(printed: Printed, delta: float, std: float | None, n: float) -> Difference:
    theirs = printed.sample_std
    if std is None:
        return Difference(delta, math.inf, 0)
    if theirs is None or printed.n is None:
        guessed = printed.std if printed.std is not None else std
        return Difference(delta, math.hypot(guessed / math.sqrt(printed.n or 1), std / math.sqrt(n)), n - 1)
    error = math.hypot(theirs / math.sqrt(printed.n), std / math.sqrt(n))
    return Difference(delta, error, min(printed.n, n) - 1)


def judge_mean(
    band: ToleranceBand,
    printed: Printed,
    ours: Summary,
    *,
    cells: int = 1,
    corrected: tuple[float, float] | None = None,
) -> Judgement:
    """Judge a measured mean; raise `ValueError` when nothing was measured.

    ``cells``: of the table that are measurable; ``corrected``: the p-values of FAIL and DRIFT among them (`holm`), by
    default times ``cells``.
    """
    found = difference(printed, ours)
    fails, drifts = _p_values(band, found)
    if corrected is None:
        corrected = min(1.0, fails * cells), min(1.0, drifts * cells)
    verdict = decide(band, printed, found, *corrected)
    reason = _lacking(band, printed, ours, cells) if verdict == "UNDECIDED" else ""
    tests = PValue(fails, corrected[0]), PValue(drifts, corrected[1])
    return Judgement(found.delta, found.width, band.tolerance, band.drift, verdict, *tests, reason)


def _p_values(band: ToleranceBand, found: Difference) -> tuple[float, float]:
    return found.beyond(band.tolerance), found.between(0.0, band.drift)


def p_values(band: ToleranceBand, printed: Printed, ours: Summary) -> tuple[float, float]:
    """Return the raw p-values of FAIL and DRIFT."""
    return _p_values(band, difference(printed, ours))


def decide(band: ToleranceBand, printed: Printed, found: Difference, fails: float, drifts: float) -> Verdict:
    """Return the word on a difference: the first that holds, by the corrected p-values of FAIL and DRIFT."""
    if fails < ALPHA:
        return "FAIL"
    if printed.sample_std is not None and found.within(band.tolerance) < ALPHA:
        return "PASS"
    return "DRIFT" if drifts < ALPHA else "UNDECIDED"


def _lacking(band: ToleranceBand, printed: Printed, ours: Summary, cells: int) -> str:
    """Say what would decide: the least number of our seeds at this difference and scatter, or a better print."""
    assert ours.mean is not None
    delta, std = ours.mean - printed.mean, ours.sample_std if ours.sample_std is not None else printed.sample_std
    if std is None:
        return "seeds: 2"  # one has no scatter, and the print states none

    def decides(n: float) -> bool:
        found = _difference(printed, delta, std, n)
        fails, drifts = (p * cells for p in _p_values(band, found))
        return decide(band, printed, found, fails, drifts) != "UNDECIDED"

    if not decides(math.inf):
        return PRINT
    most = MOST_SEEDS if ours.n < MOST_SEEDS else MOST_TIMES * ours.n
    enough = bisect(range(most + 1), False, lo=ours.n + 1, key=decides)  # more seeds never undo a word
    return f"seeds: {enough}" if enough <= most else f"seeds: over {most}"


def judge_recomputed(band: Rule, printed: Printed, value: float, versions: float = 0.0) -> Judgement:
    """Judge a number without chance. ``versions``: how far the versions of its benchmark differ.

    exact: PASS within half a unit of the last printed decimal, both ends included, so that a tie may be rounded up or
    to even; DRIFT within ``versions``. tolerance: PASS within the tolerance band, DRIFT within the drift band.
    """
    if isinstance(band, ExactBand):
        tolerance = 0.5 * 10.0**-printed.decimals
        drift = max(versions, tolerance)
    else:
        tolerance, drift = band.tolerance, band.drift
    delta = value - printed.mean
    distance = abs(delta) - ROUND_OFF
    verdict: Verdict = "PASS" if distance <= tolerance else "DRIFT" if distance <= drift else "FAIL"
    return Judgement(delta, 0.0, tolerance, drift, verdict)


def describe_band(band: Rule) -> str:
    """Write a band rule for a reader, without its numbers' units."""
    if isinstance(band, ToleranceBand):
        return f"tolerance band ±{band.tolerance:g}, drift band ±{band.drift:g}"
    return "exact: equal at the printed decimals"
