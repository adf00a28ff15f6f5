"""Recorded baselines: each seed's numbers, so that a change of the code shows where it should not.

On the machine of a recording equal seeds give equal bits: they are compared exactly. On another one searches in single
precision diverge from the first flipped ReLU on: there a recording is a sample of what the settings give, and so is
what ran now. Whether the mathematics is the same there, the golden traces in double precision tell.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field, PositiveInt, model_validator

from harness.analysis.aggregate import Summary, summarise
from harness.analysis.bands import Verdict
from harness.analysis.outcomes import Environment
from harness.analysis.permutation import Sample, exact_p
from harness.analysis.series import ACCURACY, FIRST_LOSS, LOSS, Series
from harness.config import Strict

ALPHA = 0.05
# What a sample on another machine may differ by and still be called the same: points, nats, magnitudes from 0 to 1.
TOLERANCES = {ACCURACY: 1.0, FIRST_LOSS: 0.02, LOSS: 0.02}
OF_MAGNITUDES = 0.02
NAMED = 3  # differences that a reason spells out


class Statistic(Strict):
    """A mean over ``n`` seeds; ``sample_std`` divides by n - 1, None for one seed."""

    mean: float
    sample_std: float | None = Field(ge=0)
    n: PositiveInt


class Machine(Strict):
    """Where equal seeds give equal bits. ``kernels``: cells in compiled kernels, which round otherwise than torch."""

    platform: str
    torch: str
    threads: PositiveInt
    kernels: bool | None

    @classmethod
    def of(cls, environment: Environment) -> Machine | None:
        """Return where a trial ran; None for a GPU, or where its parts ran otherwise, which promises no equal bits."""
        if environment.device != "cpu" or environment.earlier:
            return None
        return cls(
            platform=environment.platform,
            torch=environment.torch,
            threads=environment.threads,
            kernels=environment.kernels,
        )


class Recording(Strict):
    """``values[statistic][seed]`` as one machine gave them on the data of a checksum."""

    machine: Machine
    data: str | None
    values: dict[str, dict[int, float]]


class BaselineEntry(Strict):
    """What a series gave under the settings of a checksum, which ``setup`` spells out.

    ``recordings``: one a machine. ``means``: all that is left of a recording made before values were kept by seed.
    """

    settings: str
    accuracy_key: str | None
    setup: dict[str, Any] | None = None
    recordings: list[Recording] = Field(default_factory=list)
    means: dict[str, Statistic] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _values_or_means(self) -> BaselineEntry:
        if bool(self.recordings) == bool(self.means):
            raise ValueError("needs either recordings, or the means of one that kept no seeds")
        return self

    def summary(self, statistic: str) -> Summary | None:
        """Summarise the recording of most seeds; None without one of this statistic."""
        values = max((one.values.get(statistic, {}) for one in self.recordings), key=len, default={})
        if values:
            return summarise(values.values(), len(values))
        mean = self.means.get(statistic)
        return Summary(mean.n, mean.n, mean.mean, None, mean.sample_std) if mean else None


class Baseline(Strict):
    """All series of a suite and profile by `Series.name`; the content of ``suites/baselines/*.json``."""

    suite: str
    profile: str
    series: dict[str, BaselineEntry]


@dataclass(frozen=True)
class BaselineVerdict:
    """One statistic of a series against its baseline (None where there is none); ``delta``: of the means."""

    series: str
    statistic: str
    recorded: Summary | None
    ours: Summary
    delta: float | None
    verdict: Verdict
    reason: str


def record_baseline(suite: str, profile: str, series: Sequence[Series], earlier: Baseline | None) -> Baseline:
    """Make a baseline of the complete series; those of ``earlier`` that were not measured now stay.

    Beside a recording of the same settings on another machine a new one takes its place; on the same machine it
    replaces the old one.
    """
    entries = dict(earlier.series) if earlier else {}
    for one in series:
        if (new := _recording(one)) is not None:
            entries[one.name] = _entry(one, new, entries.get(one.name))
    return Baseline(suite=suite, profile=profile, series=dict(sorted(entries.items())))


def _recording(series: Series) -> Recording | None:
    """Return the values of a complete series, all from one machine that promises equal bits; else None."""
    places = [(Machine.of(outcome.environment), outcome.data_checksum) for outcome in series.done]
    if len(series.done) < len(series.trials) or any(place != places[0] for place in places):
        return None
    machine, data = places[0]
    values = {name: found for name, found in series.values().items() if len(found) == len(series.trials)}
    return Recording(machine=machine, data=data, values=values) if machine and values else None


def _entry(series: Series, new: Recording, known: BaselineEntry | None) -> BaselineEntry:
    same = known is not None and known.settings == series.settings
    others = [one for one in known.recordings if not _same_place(one, new)] if known and same else []
    return BaselineEntry(
        settings=series.settings, accuracy_key=series.accuracy_key, setup=series.setup, recordings=[*others, new]
    )


def _same_place(one: Recording, other: Recording) -> bool:
    return (one.machine, one.data) == (other.machine, other.data)


def judge_baselines(series: Sequence[Series], baseline: Baseline | None) -> tuple[BaselineVerdict, ...]:
    """Judge every series with at least one done trial against its recording."""
    entries = baseline.series if baseline else {}
    comparisons = sum(len(entry.recordings[0].values) for entry in entries.values() if entry.recordings)
    return tuple(
        _judge(one, name, values, entries.get(one.name), comparisons)
        for one in series
        if one.done
        for name, values in one.values().items()
    )


def _judge(
    series: Series, name: str, values: Mapping[int, float], entry: BaselineEntry | None, comparisons: int
) -> BaselineVerdict:
    recorded, ours = entry.summary(name) if entry else None, summarise(values.values(), len(series.trials))
    verdict, reason = _word(series, name, values, entry, comparisons)
    means = [one.mean for one in (ours, recorded) if one is not None and one.mean is not None]
    return BaselineVerdict(
        series.name, name, recorded, ours, means[0] - means[1] if len(means) == 2 else None, verdict, reason
    )


def _word(
    series: Series, name: str, values: Mapping[int, float], entry: BaselineEntry | None, comparisons: int
) -> tuple[Verdict, str]:
    if entry is None:
        return "NOT JUDGED", "no baseline recorded"
    if entry.settings != series.settings or (name == ACCURACY and entry.accuracy_key != series.accuracy_key):
        return "NOT JUDGED", f"recorded under other settings{_changes(entry.setup, series.setup)}"
    if not entry.recordings:
        return "NOT JUDGED", "recorded without the seeds' values: record it anew"
    alike = [one for one in entry.recordings if one.data == series.done[0].data_checksum and name in one.values]
    if not alike:
        return "NOT JUDGED", "recorded on other data, or without this number"
    here = [one for one in alike if all(one.machine == Machine.of(o.environment) for o in series.done)]
    if here:
        return _exactly(values, here[0].values[name], len(series.trials))
    if len({Machine.of(outcome.environment) for outcome in series.done}) > 1:
        return "NOT JUDGED", "the seeds ran on several machines"
    if len(values) < len(series.trials):
        return "INCOMPLETE", f"{len(values)} of {len(series.trials)} seeds done"
    most = max(alike, key=lambda one: len(one.values[name]))
    return _as_samples(values, most, name, comparisons)


def _changes(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> str:
    """Name the settings that changed, key by key."""
    if before is None:
        return ""
    old, new = flat_settings(before), flat_settings(now)
    keys = [key for key in dict.fromkeys((*old, *new)) if old.get(key) != new.get(key)]
    said = [f"{key} {json.dumps(old.get(key))}, now {json.dumps(new.get(key))}" for key in keys[:NAMED]]
    return f": {'; '.join([*said, '...'] if len(keys) > NAMED else said)}"


def flat_settings(data: Mapping[str, Any], under: str = "") -> dict[str, Any]:
    """Return the leaves of nested mappings by dotted key; lists stay whole."""
    flat: dict[str, Any] = {}
    for key, value in data.items():
        flat |= flat_settings(value, f"{under}{key}.") if isinstance(value, Mapping) else {f"{under}{key}": value}
    return flat


def _exactly(values: Mapping[int, float], recorded: Mapping[int, float], planned: int) -> tuple[Verdict, str]:
    """Compare equal seeds on the machine of the recording."""
    seeds = sorted(values.keys() & recorded.keys())
    changed = [seed for seed in seeds if values[seed] != recorded[seed]]
    if changed:
        said = [f"seed {seed}: {values[seed]:.8g}, not {recorded[seed]:.8g}" for seed in changed[:NAMED]]
        return "FAIL", f"{len(changed)} of {len(seeds)} seeds changed: {'; '.join(said)}"
    if not seeds or len(values) < planned:
        return "INCOMPLETE", f"{len(values)} of {planned} seeds done, {len(seeds)} equal to the bit"
    return "PASS", f"equal to the bit: {len(seeds)} of {len(seeds)} seeds"


def _as_samples(values: Mapping[int, float], recording: Recording, name: str, comparisons: int) -> tuple[Verdict, str]:
    """Compare with a recording of another machine: two samples, seeds not paired.

    FAIL: they differ, by an exact test at 5% with all recorded numbers of the suite in the count (Bonferroni); PASS:
    the same within a tolerance, by two one-sided t-tests at 5% each (Welch), or equal seed by seed.
    """
    recorded = recording.values[name]
    where = f"recorded on another machine ({recording.machine.platform}, torch {recording.machine.torch})"
    if values == recorded:
        return "PASS", f"{where}, yet equal to the bit"
    sample = Sample(tuple(values.values()), tuple(recorded.values()), paired=False)
    p = 2 * min(exact_p(sample)) if sample.seeds > 1 else 1.0
    if comparisons * p <= ALPHA:
        return "FAIL", f"{where}: another distribution, p {p:.2g} among {comparisons} numbers"
    if _equivalent(sample, TOLERANCES.get(name, OF_MAGNITUDES)):
        return "PASS", f"{where}: the same within {TOLERANCES.get(name, OF_MAGNITUDES):g}"
    return "UNDECIDED", f"{where}: too few to tell, {len(values)} seeds against {len(recorded)}"


def _equivalent(sample: Sample, tolerance: float) -> bool:
    from statsmodels.stats.weightstats import ttost_ind

    if min(len(sample.higher), len(sample.lower)) < 2 or len({*sample.higher, *sample.lower}) < 2:
        return False
    p = ttost_ind(sample.higher, sample.lower, -tolerance, tolerance, usevar="unequal")[0]
    return bool(p <= ALPHA)
