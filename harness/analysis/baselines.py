"""Recorded baselines: what a profile gave before, so that a change of the code shows in the numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pydantic import Field, PositiveInt

from harness.analysis.aggregate import Summary
from harness.analysis.bands import Judgement, Verdict
from harness.analysis.difference import ROUND_OFF
from harness.analysis.series import Series
from harness.config import Strict

ACCURACY = "accuracy"
FLOOR, ERRORS, DRIFT = 0.3, 2.0, 3.0  # in band: 0.3 points or two standard errors; DRIFT up to three times that


class Statistic(Strict):
    """A recorded mean over ``n`` seeds; ``sample_std`` divides by n - 1, None for one seed."""

    mean: float
    sample_std: float | None = Field(ge=0)
    n: PositiveInt


class BaselineEntry(Strict):
    """What one series gave: final accuracy (percent) and magnitudes (0 to 1), under the settings of a checksum."""

    settings: str
    accuracy_key: str | None
    statistics: dict[str, Statistic]


class Baseline(Strict):
    """All series of a suite and profile by `Series.name`; the content of ``suites/baselines/*.json``."""

    suite: str
    profile: str
    series: dict[str, BaselineEntry]


@dataclass(frozen=True)
class BaselineVerdict:
    """One statistic of a series against its baseline (None where there is none)."""

    series: str
    statistic: str
    baseline: Statistic | None
    ours: Summary
    judgement: Judgement | None
    verdict: Verdict
    reason: str


def record_baseline(suite: str, profile: str, series: tuple[Series, ...], earlier: Baseline | None) -> Baseline:
    """Make a baseline of the complete series; those of ``earlier`` that were not measured now stay."""
    entries = dict(earlier.series) if earlier else {}
    for one in series:
        measured = {name: summary for name, summary in _statistics(one).items() if summary.complete}
        if measured:
            entries[one.name] = BaselineEntry(
                settings=one.settings,
                accuracy_key=one.accuracy_key,
                statistics={name: _statistic(summary) for name, summary in measured.items()},
            )
    return Baseline(suite=suite, profile=profile, series=dict(sorted(entries.items())))


def judge_baselines(series: tuple[Series, ...], baseline: Baseline | None) -> tuple[BaselineVerdict, ...]:
    """Judge every series with at least one done trial; magnitudes count in percent there."""
    entries = baseline.series if baseline else {}
    return tuple(
        _judge(one, name, summary, entries.get(one.name))
        for one in series
        if one.done
        for name, summary in _statistics(one).items()
    )


def _statistics(series: Series) -> dict[str, Summary]:
    """Return what a baseline holds of a series; magnitudes only of operations in its space."""
    magnitudes = {name: series.magnitude(operation, cell) for name, (operation, cell) in series.told.items()}
    return {ACCURACY: series.accuracy()} | magnitudes


def _statistic(summary: Summary) -> Statistic:
    assert summary.mean is not None
    return Statistic(mean=summary.mean, sample_std=summary.sample_std, n=summary.n)


def _judge(series: Series, name: str, ours: Summary, entry: BaselineEntry | None) -> BaselineVerdict:
    recorded = entry.statistics.get(name) if entry else None

    def verdict(word: Verdict, reason: str, judgement: Judgement | None = None) -> BaselineVerdict:
        return BaselineVerdict(series.name, name, recorded, ours, judgement, word, reason)

    if entry is None or recorded is None:
        return verdict("NOT JUDGED", "no baseline recorded")
    if entry.settings != series.settings or (name == ACCURACY and entry.accuracy_key != series.accuracy_key):
        return verdict("NOT JUDGED", "the baseline was recorded under other settings")
    if not ours.complete:
        return verdict("INCOMPLETE", f"{ours.coverage} seeds done")
    scale = 1.0 if name == ACCURACY else 0.01
    judgement = _judgement(recorded, ours, FLOOR * scale)
    reason = f"max({FLOOR * scale:g}, {ERRORS:g} standard errors), DRIFT up to {DRIFT:g} widths"
    return verdict(judgement.verdict, reason, judgement)


def _judgement(recorded: Statistic, ours: Summary, floor: float) -> Judgement:
    assert ours.mean is not None
    errors = [
        std**2 / n for std, n in ((recorded.sample_std, recorded.n), (ours.sample_std, ours.n)) if std is not None
    ]
    width = max(floor, ERRORS * math.sqrt(sum(errors)))
    delta = ours.mean - recorded.mean
    distance = abs(delta) - ROUND_OFF
    word: Verdict = "PASS" if distance <= width else "DRIFT" if distance <= DRIFT * width else "FAIL"
    return Judgement(delta, width, width, DRIFT * width, word)
