"""Which architecture a training has: the one that is given, or what the trials before it found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.errors import HarnessError
from harness.methods.training import BestOf, Exchanged, Found, Given, TrainingSpec
from harness.runner.evaluate import found_architecture
from harness.runner.record import Record
from harness.runner.store import RecordError, read_record
from harness.spaces.exchange import exchanged
from harness.spaces.registry import stored


def subject(spec: TrainingSpec, index: Mapping[str, Path]) -> str:
    """Return the architecture that is trained; raise `HarnessError` where the trials that say so are not done.

    ``index``: the records' files by id.
    """
    match spec.subject:
        case Given(architecture=architecture):
            return architecture
        case Found(search=search):
            return _found(search, index)[0]
        case BestOf(trainings=trainings):
            return best([_found(trial, index) for trial in trainings])
        case Exchanged(search=search, operation=operation):
            return exchanged(stored(_done(search, index).spec["space"]), _found(search, index)[0], operation)


def best(trained: list[tuple[str, float]]) -> str:
    """Return the architecture of the highest last accuracy; of equals, the first."""
    return max(trained, key=lambda found: found[1])[0]


def _found(trial_id: str, index: Mapping[str, Path]) -> tuple[str, float]:
    """Return the architecture that a trial found or trained, and its last accuracy (percent) where it has one."""
    record = _done(trial_id, index)
    architecture = found_architecture(record)
    if architecture is None:
        raise HarnessError(f"it follows trial {trial_id}, which has found no architecture")
    return architecture, record.training.evaluated[-1] if record.training else 0.0


def _done(trial_id: str, index: Mapping[str, Path]) -> Record:
    path = index.get(trial_id)
    try:
        record = read_record(path) if path else None
    except RecordError as error:
        raise HarnessError(f"it follows trial {trial_id}: {error}") from error
    if record is None or record.status != "done":
        raise HarnessError(f"it follows trial {trial_id}, which has no record that is done")
    return record
