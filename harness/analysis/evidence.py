"""What is known of the planned trials: which are done, which failed, which are missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from harness.analysis.outcomes import Outcome
from harness.methods.training import Exchanged, TrainingSpec
from harness.runner.plan import Plan
from harness.runner.subjects import best
from harness.runner.trainings import Trained
from harness.runner.trial import Trial
from harness.spaces.exchange import exchanged


@dataclass(frozen=True)
class Evidence:
    """The planned trials by id, the outcomes found for them by id, and why other records of theirs do not count."""

    plan: Plan
    trials: Mapping[str, Trial]
    outcomes: Mapping[str, Outcome]
    rejected: Mapping[str, str] = field(default_factory=dict)

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what the reader must know: the plan's notes, and every record that is not judged."""
        rejected = (f"record {trial} is not judged: {why}" for trial, why in self.rejected.items())
        return (*self.plan.notes, *self.plan.blocked, *rejected)

    def of_row(self, row: str) -> list[Trial]:
        """Return the planned trials of ``table/row``, one per seed, or per part that is measured of a seed's search."""
        return [self.trials[trial_id] for trial_id in self.plan.rows.get(row, ())]

    def trained(self, row: str, column: str) -> list[Trial] | None:
        """Return the trainings that answer a column of ``table/row``; None where its own trials do."""
        trained = self.plan.trained.get(row, Trained())
        return self.trainings(row) if column in (*trained.columns, *trained.counted) else None

    def trainings(self, row: str) -> list[Trial]:
        """Return the trainings that ``table/row`` reports."""
        return [self.trials[trial_id] for trial_id in self.plan.trained.get(row, Trained()).trials]

    def all_of_row(self, row: str) -> list[Trial]:
        """Return the trials of ``table/row`` with its trainings, each once."""
        ids = (*self.plan.rows.get(row, ()), *self.plan.trained.get(row, Trained()).trials)
        return [self.trials[trial_id] for trial_id in dict.fromkeys(ids)]

    def done(self, trials: Sequence[Trial]) -> list[Outcome]:
        """Return the outcomes of the trials that ended well."""
        found = (self.outcomes.get(trial.id) for trial in trials)
        return [outcome for outcome in found if outcome is not None and outcome.done]

    def failed(self, trials: Sequence[Trial]) -> list[Outcome]:
        """Return the outcomes of the trials that failed."""
        found = (self.outcomes.get(trial.id) for trial in trials)
        return [outcome for outcome in found if outcome is not None and not outcome.done]

    def shortfall(self, trials: Sequence[Trial]) -> str:
        """Say what is there and why the rest is not, as ``1 of 3 seeds done, 1 failed``.

        Trials are counted where seeds have several.
        """
        what = "seeds" if len({trial.seed for trial in trials}) == len(trials) else "trials"
        failed = len(self.failed(trials))
        rejected = sum(t.id in self.rejected for t in trials)
        blocked = sum(bool(t.blocked) and t.id not in self.outcomes for t in trials)
        parts = [f"{len(self.done(trials))} of {len(trials)} {what} done"]
        parts += [f"{failed} failed"] if failed else []
        parts += [f"{rejected} not judged (see the notes)"] if rejected else []
        parts += [f"{blocked} blocked by missing data (see the notes)"] if blocked else []
        return ", ".join(parts)


def gather(plan: Plan, outcomes: Mapping[str, Outcome], rejected: Mapping[str, str] | None = None) -> Evidence:
    """Match a plan with the outcomes found; outcomes of other plans are left out.

    A training of another architecture than the trials before it found is not judged.
    """
    trials = {trial.id: trial for trial in plan.trials}
    found = {i: outcomes[i] for i in trials if i in outcomes}
    strange = {i: OTHER for i in trials if i in found and not _of_what_was_found(trials[i], found)}
    found = {i: outcome for i, outcome in found.items() if i not in strange}
    found = _with_exchanges(trials.values(), found | _with_trainings(trials.values(), found))
    return Evidence(plan, trials, found, {**(rejected or {}), **strange})


OTHER = "it trained another architecture than the trials before it have found"


def _of_what_was_found(trial: Trial, outcomes: Mapping[str, Outcome]) -> bool:
    """Tell whether a training is of what the trials before it say, as far as there are records of them."""
    training, before = outcomes[trial.id].training, [outcomes[i] for i in trial.after if i in outcomes]
    if training is None or not isinstance(trial.spec, TrainingSpec) or len(before) < len(trial.after) or not before:
        return True
    found = before[0].architecture
    if isinstance(trial.spec.subject, Exchanged):
        return found is None or exchanged(before[0].space, found, trial.spec.subject.operation) == training.architecture
    if trial.spec.follows_one:
        return found in (None, training.architecture)
    trained = [(one.training.architecture, one.training.evaluated[-1]) for one in before if one.training]
    return len(trained) < len(before) or best(trained) == training.architecture


def _with_exchanges(trials: Iterable[Trial], outcomes: dict[str, Outcome]) -> dict[str, Outcome]:
    """Give searches the accuracies of what they found with other operations on the first edge.

    Where two trainings of one search say otherwise of an operation, neither counts.
    """
    values: dict[str, dict[str, set[float]]] = {}
    for trial in trials:
        subject = trial.spec.subject if isinstance(trial.spec, TrainingSpec) else None
        training = outcomes[trial.id].training if trial.id in outcomes else None
        if isinstance(subject, Exchanged) and training and subject.search in outcomes:
            of_search = values.setdefault(subject.search, {})
            of_search.setdefault(subject.operation, set()).add(training.evaluated[-1])
    joined = dict(outcomes)
    for search, of_search in values.items():
        certain = {name: min(found) for name, found in of_search.items() if len(found) == 1}
        joined[search] = replace(joined[search], exchanged=certain)
    return joined


def _with_trainings(trials: Iterable[Trial], outcomes: Mapping[str, Outcome]) -> dict[str, Outcome]:
    """Return the searches that trainings of their own follow, with these trainings' accuracy of what was found.

    Where two trainings of one search answer the same question otherwise, neither counts.
    """
    values: dict[tuple[str, str], set[float]] = {}
    for trial in trials:
        training, searches = outcomes.get(trial.id), [outcomes[i] for i in trial.after if i in outcomes]
        if isinstance(trial.spec, TrainingSpec) and trial.spec.follows_one and training and training.training:
            for search in (one for one in searches if one.done and training.seed == one.seed):
                key = f"{trial.dataset}/{trial.spec.data.split}/{trial.spec.epochs}"
                values.setdefault((search.id, key), set()).add(training.training.evaluated[-1])
    joined: dict[str, Outcome] = {}
    for (search_id, key), found in values.items():
        search = joined.get(search_id, outcomes[search_id])
        curve = np.full(len(search.architectures), np.nan)
        if len(found) == 1:
            [curve[-1]] = found
        joined[search_id] = replace(search, accuracy={**search.accuracy, key: curve})
    return joined
