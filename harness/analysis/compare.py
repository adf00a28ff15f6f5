"""Two folders of records: which trials both have, and whether they say the same."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from harness.engine.trajectory import Trajectory
from harness.runner.evaluate import found_accuracy
from harness.runner.record import Record

Word = Literal["equal", "differs", "only in A", "only in B"]
RESULT = ("status", "training", "evaluations", "values", "found", "benchmark_checksum")  # beside the trajectory


@dataclass(frozen=True)
class Compared:
    """A trial of either folder. ``what``: where its two records part, empty where they are equal."""

    id: str
    about: tuple[str, str, str, int]  # profile, method, dataset, seed
    word: Word
    what: str


@dataclass(frozen=True)
class Group:
    """Trials of one method on one dataset. ``a``, ``b``: mean test accuracy (percent) of what each folder's found."""

    about: tuple[str, str, str]  # profile, method, dataset
    counts: Mapping[Word, int]
    a: float | None
    b: float | None


def compare(a: Mapping[str, Record], b: Mapping[str, Record]) -> list[Compared]:
    """Compare records by id; how they came to be (`Record.provenance`) is never compared."""
    found = []
    for trial in sorted({*a, *b}, key=lambda trial: (_about(a.get(trial) or b[trial]), trial)):
        left, right = a.get(trial), b.get(trial)
        if left is None or right is None:
            one = left or b[trial]
            found.append(Compared(trial, _about(one), "only in B" if left is None else "only in A", ""))
        else:
            what = "; ".join(differences(left, right))
            found.append(Compared(trial, _about(left), "differs" if what else "equal", what))
    return found


def differences(a: Record, b: Record) -> Iterator[str]:
    """Say in which parts the results of two records of a trial differ, and from which epoch on."""
    if a.trajectory != b.trajectory:
        yield _parting(a.trajectory, b.trajectory) if a.trajectory and b.trajectory else "one has no trajectory"
    yield from (name for name in RESULT if getattr(a, name) != getattr(b, name))


def _parting(a: Trajectory, b: Trajectory) -> str:
    """Name the first epoch after which two trajectories differ, and by how much mixing weights do in the end."""
    last = min(_length(a), _length(b))
    first = next((epoch for epoch in range(last + 1) if _epoch(a, epoch) != _epoch(b, epoch)), None)
    if first is not None:
        return (
            f"trajectory from epoch {first} on, mixing weights by up to {_distance(a, b, last):.2g} after epoch {last}"
        )
    if _length(a) != _length(b):
        return f"trajectory of {_length(a)} and of {_length(b)} epochs"
    return "trajectory: what is measured beside the search"


def _length(track: Trajectory) -> int:
    return len(track.architectures) - 1


def _epoch(track: Trajectory, epoch: int) -> tuple[object, ...]:
    numbers = (track.weight_loss, track.weight_accuracy, track.architecture_loss, track.architecture_accuracy)
    return (
        {name: weights[epoch] for name, weights in track.mixing.items()},
        track.architectures[epoch],
        *(series[epoch] for series in numbers),
    )


def _distance(a: Trajectory, b: Trajectory, epoch: int) -> float:
    pairs = (
        (x, y)
        for name in a.mixing.keys() & b.mixing.keys()
        for left, right in zip(a.mixing[name][epoch], b.mixing[name][epoch], strict=False)
        for x, y in zip(left, right, strict=False)
    )
    return max((abs(x - y) for x, y in pairs), default=0.0)


def group(compared: Iterable[Compared], a: Mapping[str, Record], b: Mapping[str, Record]) -> list[Group]:
    """Put trials of one method and dataset together."""
    found: dict[tuple[str, str, str], list[Compared]] = defaultdict(list)
    for one in compared:
        found[one.about[:3]].append(one)
    return [_group(about, ones, a, b) for about, ones in found.items()]


def _group(
    about: tuple[str, str, str], ones: list[Compared], a: Mapping[str, Record], b: Mapping[str, Record]
) -> Group:
    words: tuple[Word, ...] = ("equal", "differs", "only in A", "only in B")
    counts = {word: sum(one.word == word for one in ones) for word in words}
    accuracies = [_mean(records[one.id] for one in ones if one.id in records) for records in (a, b)]
    return Group(about, counts, *accuracies)


def _mean(records: Iterable[Record]) -> float | None:
    accuracies = [value for record in records if (value := found_accuracy(record)) is not None]
    return statistics.fmean(accuracies) if accuracies else None


def _about(record: Record) -> tuple[str, str, str, int]:
    return record.profile, record.method, record.dataset, record.seed
