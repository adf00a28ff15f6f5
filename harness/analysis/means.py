"""The means of one row, judged together, each with its spread."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.analysis.aggregate import Summary
from harness.analysis.bands import Judgement, Printed, Verdict, describe_band, judge_mean, p_values
from harness.analysis.holm import holm
from harness.analysis.spread import judge_spread
from harness.suite.schema import ToleranceBand


@dataclass(frozen=True)
class Mean:
    """A measured mean beside its print. ``values``: one per run."""

    band: ToleranceBand
    printed: Printed
    ours: Summary
    values: tuple[float, ...]


@dataclass(frozen=True)
class MeanVerdict:
    """``mean`` and ``spread``: the two judgements, ``spread`` None where it was not judged; ``verdict``: of both."""

    mean: Judgement
    spread: Judgement | None
    verdict: Verdict
    reason: str


def judge_means(columns: Sequence[str], means: Mapping[str, Mean], cells: int) -> dict[str, MeanVerdict]:
    """Judge the means of a row by column.

    ``columns``: all that could be measured of it; ``cells``: so many could be of its table. What is not measured counts
    with a p-value of 1.
    """
    raw = {column: p_values(mean.band, mean.printed, mean.ours) for column, mean in means.items()}
    fails, drifts = (holm([raw.get(column, (1.0, 1.0))[side] for column in columns], cells) for side in (0, 1))
    corrected = dict(zip(columns, zip(fails, drifts, strict=True), strict=True))
    return {column: _judge(mean, corrected[column], cells) for column, mean in means.items()}


def _judge(mean: Mean, corrected: tuple[float, float], cells: int) -> MeanVerdict:
    """A mean within its band is in band only if its spread does not surely differ from the printed one."""
    found = judge_mean(mean.band, mean.printed, mean.ours, cells=cells, corrected=corrected)
    spread = judge_spread(mean.printed, mean.values, cells=cells)
    if found.verdict == "PASS" and spread is not None and spread.verdict in ("FAIL", "DRIFT"):
        return MeanVerdict(found, spread, "DRIFT", f"mean in band, {spread_text(spread)}")
    return MeanVerdict(found, spread, found.verdict, found.reason or describe_band(mean.band))


def spread_text(spread: Judgement) -> str:
    """Say how our std compares with the printed one, as ``std 1.60 times the printed one (1.44 to 1.77)``."""
    assert spread.width is not None, "a spread has an interval"
    ratio, low, high = (math.exp(spread.delta + side * spread.width) for side in (0, -1, 1))
    return f"std {ratio:.2f} times the printed one ({low:.2f} to {high:.2f})"
