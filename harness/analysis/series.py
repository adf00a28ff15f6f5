"""Series: the trials that differ in nothing but their seed, as figures and baselines show them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.analysis.aggregate import Summary, summarise
from harness.analysis.evidence import Evidence
from harness.analysis.measures import accuracy_at, loss_at, magnitude_at, own_accuracy_key
from harness.analysis.outcomes import Outcome
from harness.methods.spec import SearchSpec
from harness.runner.trial import Trial
from harness.spaces.space import Space
from harness.suite.schema import Suite

ACCURACY, FIRST_LOSS, LOSS = "accuracy", "first loss", "loss"


@dataclass(frozen=True)
class Series:
    """One setting of a method on one searched data set.

    ``variant``: the ``table/row`` that changes the method's settings, None for the method as the catalogue has it.
    ``settings``: a checksum of the whole setting. ``done``: outcomes of the trials that ended well, as planned.
    """

    method: str
    variant: str | None
    dataset: str
    settings: str
    trials: tuple[Trial, ...]
    done: tuple[Outcome, ...]

    @property
    def name(self) -> str:
        """Return a name that is unique within a profile."""
        variant = f" ({self.variant})" if self.variant else ""
        return f"{self.method}{variant} on {self.dataset}"

    @property
    def setup(self) -> dict[str, Any]:
        """Return the whole setting that ``settings`` is a checksum of."""
        return _setup(self.trials[0])

    @property
    def accuracy_key(self) -> str | None:
        """Return the key of the accuracy that describes the series; None where nothing was evaluated."""
        return next((key for outcome in self.done if (key := own_accuracy_key(outcome))), None)

    def values(self) -> dict[str, dict[int, float]]:
        """Return what a baseline holds, by statistic and seed.

        Final accuracy (percent), training loss of the weights in the first and in the last epoch, final magnitudes
        (0 to 1) of what tells of a collapse.
        """
        key = self.accuracy_key
        found = {ACCURACY: {o.seed: accuracy_at(o, key) if key else None for o in self.done}}
        found |= {FIRST_LOSS: {o.seed: loss_at(o, 1) for o in self.done}, LOSS: {o.seed: loss_at(o) for o in self.done}}
        found |= {name: {o.seed: magnitude_at(o, *what) for o in self.done} for name, what in self.told.items()}
        known = {name: {s: v for s, v in values.items() if v is not None} for name, values in found.items()}
        return {name: values for name, values in known.items() if values}

    def accuracy(self) -> Summary:
        """Summarise the final test accuracy (percent) on the searched data set."""
        key = self.accuracy_key
        return self._summary([accuracy_at(outcome, key) for outcome in self.done] if key else [])

    @property
    def space(self) -> Space:
        """Return what was searched."""
        spec = self.trials[0].spec
        assert isinstance(spec, SearchSpec), "computations are no series"
        return spec.space

    @property
    def told(self) -> dict[str, tuple[str, str]]:
        """Name the magnitudes that tell of a collapse, each with its operation and cell type: those of its space."""
        space = self.space
        pairs = [(operation, cell) for operation in space.telling for cell in space.cell_types]
        offered = [(o, c) for o, c in pairs if any(o in g.options[row] for g, row in space.rows(c))]
        return {o if len(space.cell_types) == 1 else f"{o} in {c}": (o, c) for o, c in offered}

    def magnitude(self, operation: str, cell: str | None = None) -> Summary:
        """Summarise the final magnitude of an operation (0 to 1) in a cell type, by default the space's first."""
        return self._summary([magnitude_at(outcome, operation, cell) for outcome in self.done])

    def seconds(self) -> Summary:
        """Summarise the wall time of the search (seconds)."""
        return self._summary([outcome.search_seconds for outcome in self.done])

    def _summary(self, values: Sequence[float | None]) -> Summary:
        return summarise([value for value in values if value is not None], len(self.trials))


def find_series(suite: Suite, evidence: Evidence) -> tuple[Series, ...]:
    """Group the planned trials, in the order of the plan."""
    groups: dict[tuple[str, str, str], list[Trial]] = {}
    searched = (trial for trial in evidence.trials.values() if _finds(trial))
    for trial in searched:
        groups.setdefault((trial.method, trial.dataset, _settings(trial)), []).append(trial)
    return tuple(
        Series(method, _variant(suite, trials[0]), dataset, settings, tuple(trials), tuple(evidence.done(trials)))
        for (method, dataset, settings), trials in groups.items()
    )


def _finds(trial: Trial) -> bool:
    """Tell whether a trial searches: a measurement of a supernet tells of no search that its own does not tell of."""
    return isinstance(trial.spec, SearchSpec) and trial.spec.select.finds


def _setup(trial: Trial) -> dict[str, Any]:
    return {
        "spec": trial.spec.model_dump(mode="json"),
        "benchmark": trial.benchmark.model_dump(mode="json"),
        "versions": trial.part_versions,
    }


def _settings(trial: Trial) -> str:
    return hashlib.sha256(json.dumps(_setup(trial), sort_keys=True).encode()).hexdigest()[:12]


def _variant(suite: Suite, trial: Trial) -> str | None:
    """Return the first row of the suite that changes the method's settings as the trial does; None for no change.

    Neither a selection of rows nor a row added below changes a name.
    """
    scales = suite.profiles[trial.profile].scales if trial.profile in suite.profiles else {}

    def changes(table: str, row: str) -> list[object]:
        entries = suite.tables[table]
        own = entries.rows[row]
        at_size = own.reduced if trial.profile == "reduced" else {}
        return [entries.search, own.search, scales.get(table), scales.get(f"{table}/{row}"), at_size]

    table, _, row = trial.rows[0].partition("/")
    wanted, method = changes(table, row), suite.tables[table].rows[row].method
    if not any(wanted):
        return None
    alike = (
        f"{table_key}/{row_key}"
        for table_key, entries in suite.tables.items()
        for row_key, other in entries.rows.items()
        if other.method == method and changes(table_key, row_key) == wanted
    )
    return next(alike)
