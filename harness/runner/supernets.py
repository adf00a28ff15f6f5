"""Trials that share one supernet run: one of them trains it and leaves its state, the others start from there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.methods.spec import SearchSpec
from harness.runner.store import Store
from harness.runner.trial import Trial


def start_epoch(trial: Trial) -> int | None:
    """Return the epoch at whose end a trial can take over another's supernet; None where it cannot."""
    spec = trial.spec
    return spec.search_epochs if isinstance(spec, SearchSpec) and spec.supernet != spec else None


def followers(trials: Sequence[Trial], store: Store) -> dict[str, list[Trial]]:
    """Return, by the id of the trial that trains a supernet, the trials that wait for it.

    The longest search trains; a state that is on disk needs nobody to train it.
    """
    groups: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        epoch = start_epoch(trial)
        if epoch is None or not store.supernet(trial.supernet_id, epoch).exists():
            groups[trial.supernet_id].append(trial)
    found = {}
    for group in groups.values():
        leader = max(group, key=_length)
        waiting = [trial for trial in group if trial is not leader and start_epoch(trial) is not None]
        if waiting:
            found[leader.id] = waiting
    return found


def _length(trial: Trial) -> tuple[int, bool]:
    """Order by the epochs of the search; of equal ones the trial that selects nothing afterwards comes first."""
    spec = trial.spec
    return (spec.search_epochs, start_epoch(trial) is None) if isinstance(spec, SearchSpec) else (0, True)


def states(trials: Sequence[Trial], store: Store) -> Mapping[int, Path]:
    """Return where the states are to be left that trials wait for, by epoch."""
    return {epoch: store.supernet(t.supernet_id, epoch) for t in trials if (epoch := start_epoch(t)) is not None}


def forget(trials: Sequence[Trial], store: Store) -> None:
    """Remove the states that only these trials would start from."""
    for trial in trials:
        for path in states([trial], store).values():
            path.unlink(missing_ok=True)
