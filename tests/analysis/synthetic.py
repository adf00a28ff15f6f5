"""Plans and records made up for tests, for the suite `sample.yaml`: every number is known beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from harness.engine.trajectory import Trajectory
from harness.methods.catalogue import load_catalogue
from harness.runner.availability import TABLE, DataAvailability
from harness.runner.plan import Filters, Plan, make_plan
from harness.runner.record import Provenance, Record
from harness.runner.trial import ProfileName, Trial
from harness.spaces.nb201 import encoding as nb201
from harness.spaces.registry import published
from harness.suite.load import load_suite
from harness.suite.loaded import LoadedSuite

DATA = DataAvailability(checksums={"cifar10": "0123456789abcdef"}, missing={})
NO_DATA = DataAvailability(
    checksums={"digits": "fedcba9876543210"}, missing={"cifar10": "dataset cifar10: no data root"}
)
WITH_TABLE = DataAvailability(checksums={**DATA.checksums, TABLE: "a1b2c3d4e5f60718"}, missing={})
KEY = "cifar10/test/200"
SKIP_ONLY = nb201.to_string((1, 1, 1, 1, 1, 1))
CONV_ONLY = nb201.to_string((3, 3, 3, 3, 3, 3))


def load(folder: Path, *changes: tuple[str, str]) -> LoadedSuite:
    """Write the sample suite into a folder, with texts replaced that must occur exactly once, and load it."""
    text = Path(__file__).with_name("sample.yaml").read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times"
        text = text.replace(old, new)
    path = folder / "sample.yaml"
    path.write_text(text, encoding="utf-8")
    return load_suite(path, load_catalogue())


def plan(
    loaded: LoadedSuite,
    profile: ProfileName = "paper",
    *,
    data: DataAvailability = DATA,
    selection: Filters = Filters(),  # noqa: B008  (immutable)
    overrides: Sequence[str] = (),
) -> Plan:
    """Plan a suite, by default with CIFAR-10 at hand."""
    return make_plan(loaded, profile, selection, overrides, data=data)


def weights_towards(operation: int, final: float, epochs: int, ops: int = 5) -> list[list[list[float]]]:
    """Return mixing weights [epochs + 1, 6, ops] that go linearly from uniform to ``final`` on one operation."""
    weights = np.full((epochs + 1, 6, ops), 1.0 / ops)
    course = np.linspace(1.0 / ops, final, epochs + 1)
    weights[:] = ((1.0 - course) / (ops - 1))[:, None, None]
    weights[:, :, operation] = course[:, None]
    return [[[float(w) for w in edge] for edge in epoch] for epoch in weights]


def provenance(**changes: object) -> Provenance:
    """Return a provenance; ``changes`` by field."""
    fields: dict[str, object] = {
        "harness": "0.1.0",
        "git": "abc123",
        "python": "3.11.7",
        "torch": "2.13.0",
        "platform": "Linux x86_64, test processor",
        "device": "cpu",
        "threads": 1,
        "started": "2024-01-02T03:04:05+00:00",
        "search_seconds": 12.5,
        "evaluation_seconds": 0.25,
        "epoch_seconds": [],
        "peak_memory_mb": None,
        "resumed_from_epoch": None,
    }
    return Provenance.model_validate(fields | changes)


def record(
    trial: Trial,
    accuracy: float | Mapping[str, float] = 50.0,
    *,
    weights: list[list[list[float]]] | None = None,
    before: float | None = None,
    **changes: object,
) -> Record:
    """Return a done record: the search ends in CONV_ONLY with ``accuracy`` (at KEY, or by key).

    It begins with SKIP_ONLY, whose accuracy is ``before`` (None: not evaluated).
    """
    mixing = weights or weights_towards(1, 0.6, epochs=4)
    epochs = len(mixing) - 1
    nothing: list[float | None] = [None] * (epochs + 1)
    trajectory = Trajectory(
        groups=list(published("nb201").groups if trial.computed else trial.spec.space.groups),
        mixing={"cell": mixing},
        architectures=[SKIP_ONLY] * epochs + [CONV_ONLY],
        weight_loss=nothing,
        weight_accuracy=nothing,
        architecture_loss=nothing,
        architecture_accuracy=nothing,
        weight_lr=nothing,
    )
    evaluations = {CONV_ONLY: dict(accuracy) if isinstance(accuracy, Mapping) else {KEY: accuracy}}
    if before is not None:
        evaluations[SKIP_ONLY] = {KEY: before}
    fields: dict[str, object] = {
        "id": trial.id,
        "status": "done",
        "suite": trial.suite,
        "profile": trial.profile,
        "method": trial.method,
        "dataset": trial.dataset,
        "seed": trial.seed,
        "embedded": trial.embedded,
        "spec": trial.spec.model_dump(mode="json"),
        "benchmark": trial.benchmark.model_dump(mode="json"),
        "part_versions": trial.part_versions,
        "data_fingerprint": "f" * 16,
        "data_checksum": trial.data_checksum,
        "benchmark_checksum": None,
        "trajectory": trajectory.model_dump(),
        "evaluations": evaluations,
        "error": None,
        "provenance": provenance().model_dump(),
    }
    return Record.model_validate(fields | changes)


def failed(trial: Trial, error: str = "ValueError: diverged") -> Record:
    """Return the record of a failed trial."""
    return record(trial, status="failed", trajectory=None, evaluations={}, error=error)


def records_of(planned: Plan, accuracies: Mapping[str, Sequence[float]], **changes: object) -> list[Record]:
    """Return done records for the first trials of rows: ``{"t1/darts": [54.0, 54.5]}`` are its seeds 0 and 1."""
    trials = {trial.id: trial for trial in planned.trials}
    return [
        record(trials[trial_id], value, **changes)  # type: ignore[arg-type]
        for row, values in accuracies.items()
        for trial_id, value in zip(planned.rows[row], values, strict=False)
    ]
