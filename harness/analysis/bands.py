"""Band rules: how far a measured mean may lie from a published one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, assert_never

from harness.analysis.aggregate import Summary
from harness.suite.schema import AbsoluteBand, Band, ExactBand, NormalBand

Verdict = Literal["PASS", "DRIFT", "FAIL", "UNDECIDED", "INCOMPLETE", "NOT RUN", "NOT JUDGED"]
VERDICTS: tuple[Verdict, ...] = ("PASS", "DRIFT", "FAIL", "UNDECIDED", "INCOMPLETE", "NOT RUN", "NOT JUDGED")
ROUND_OFF = 1e-9  # sums of printed decimals miss their value by some 1e-14; no band is that narrow


@dataclass(frozen=True)
class Reference:
    """The number to compare with: a published one, or a baseline's. ``std`` and ``n`` are None where not stated."""

    mean: float
    std: float | None
    n: int | None
    decimals: int


@dataclass(frozen=True)
class Judgement:
    """``delta`` = ours - reference; ``width``: |delta| up to it is in band. Same unit as the reference."""

    delta: float
    width: float
    verdict: Verdict


def judge_band(band: Band, reference: Reference, ours: Summary) -> Judgement:
    """Judge a measured mean: PASS up to one width, DRIFT up to ``drift`` widths, FAIL beyond.

    An exact band has no DRIFT. Raise `ValueError` when nothing was measured.
    """
    if ours.mean is None:
        raise ValueError("nothing was measured")
    delta = ours.mean - reference.mean
    width = band_width(band, reference, ours)
    limit = width if isinstance(band, ExactBand) else width * band.drift
    distance = abs(delta) - ROUND_OFF
    verdict: Verdict = "PASS" if distance <= width else "DRIFT" if distance <= limit else "FAIL"
    return Judgement(delta, width, verdict)


def band_width(band: Band, reference: Reference, ours: Summary) -> float:
    """Return the distance from the reference that still is in band.

    normal: max(floor, k * sqrt(s_paper^2 / n_paper + s_ours^2 / n_ours)). s_paper is taken as printed (papers print
    the population std); s_ours is our sample std, the unbiased one. A term that cannot be computed is left out,
    which only narrows the band, so that no guess can turn a FAIL into a PASS: the paper's where its std or n is
    not stated, ours where n is 1.
    exact: half a unit of the last printed decimal, both ends included; so a tie may be rounded up or to even.
    """
    if isinstance(band, NormalBand):
        variance = 0.0
        if reference.std is not None and reference.n is not None:
            variance += reference.std**2 / reference.n
        if ours.sample_std is not None:
            variance += ours.sample_std**2 / ours.n
        return max(band.floor, band.k * math.sqrt(variance))
    if isinstance(band, AbsoluteBand):
        return band.tolerance
    if isinstance(band, ExactBand):
        return 0.5 * 10.0**-reference.decimals
    assert_never(band)


def describe_band(band: Band) -> str:
    """Write a band rule for a reader, without its numbers' units."""
    if isinstance(band, NormalBand):
        return f"normal: max({band.floor:g}, {band.k:g} standard errors), DRIFT up to {band.drift:g} widths"
    if isinstance(band, AbsoluteBand):
        return f"absolute: {band.tolerance:g}, DRIFT up to {band.drift:g} widths"
    return "exact: equal at the printed decimals"
