"""Outcomes: records boiled down to what verdicts and figures need, so that ten thousand of them fit in memory."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.analysis.trajectories import (
    Curve,
    accuracy_curves,
    diagnostic_curves,
    edge_names,
    edge_weights,
    magnitudes,
)
from harness.engine.trajectory import Trajectory
from harness.errors import HarnessError
from harness.runner.record import Provenance, Record


@dataclass(frozen=True)
class Environment:
    """Where trials ran."""

    harness: str
    git: str | None
    python: str
    torch: str
    platform: str
    device: str
    threads: int
    kernels: bool | None = None


@dataclass(frozen=True)
class Outcome:
    """One trial. ``setup``: its resolved specification and parts as JSON, equal text for equal settings.

    ``accuracy[key]``: [epochs + 1] percent, NaN where not evaluated. ``magnitude``: [epochs + 1, ops].
    ``weights``: [epochs + 1, edges, ops] in single precision, for figures only. ``loss``: the weights' training loss
    [epochs + 1], NaN where there is none. ``diagnostics``: [epochs + 1] by name,
    NaN where not measured. Empty for a failed trial and for a computed one, which has ``values`` instead: per key one
    number per run.
    """

    id: str
    status: str
    error: str | None
    profile: str
    method: str
    dataset: str
    seed: int
    embedded: bool
    data_checksum: str | None
    setup: str
    ops: tuple[str, ...]
    edges: tuple[tuple[str, int], ...]
    architecture: str | None
    accuracy: Mapping[str, Curve]
    magnitude: Curve
    weights: NDArray[np.float32]
    loss: Curve
    diagnostics: Mapping[str, Curve]
    values: Mapping[str, tuple[float, ...]]
    search_seconds: float
    evaluation_seconds: float
    cpu_seconds: float | None
    started: str
    environment: Environment

    @property
    def done(self) -> bool:
        """Tell whether the trial ended well; only then does any statistic count it."""
        return self.status == "done"

    @property
    def computed(self) -> bool:
        """Tell whether it was computed and not searched for."""
        return bool(self.values)

    @property
    def eigenvalues(self) -> Curve:
        """Return the largest eigenvalue of the alpha-Hessian [epochs + 1], NaN where it was not measured."""
        return self.diagnostics.get("eigenvalue", np.full(len(self.weights), np.nan))


def digest(record: Record) -> Outcome:
    """Boil a record down; equal texts of many records share their memory.

    Raises `HarnessError` for a done record whose trajectory is absent, ragged or of unequal lengths, and for a
    computed one with more numbers than runs.
    """
    trajectory = _trajectory(record)
    _check_runs(record)
    weights = edge_weights(trajectory) if trajectory else np.zeros((0, 0, 0))
    architectures = trajectory.architectures if trajectory else []
    return Outcome(
        id=record.id,
        status=record.status,
        error=record.error,
        profile=record.profile,
        method=sys.intern(record.method),
        dataset=sys.intern(record.dataset),
        seed=record.seed,
        embedded=record.embedded,
        data_checksum=record.data_checksum,
        setup=sys.intern(_setup(record)),
        ops=tuple(sys.intern(op) for op in trajectory.ops) if trajectory else (),
        edges=tuple(edge_names(trajectory)) if trajectory else (),
        architecture=architectures[-1] if architectures else None,
        accuracy={sys.intern(k): v for k, v in accuracy_curves(architectures, record.evaluations).items()},
        magnitude=magnitudes(weights) if trajectory else np.zeros((0, 0)),
        weights=weights.astype(np.float32),
        loss=np.array(trajectory.weight_loss if trajectory else (), dtype=np.float64),
        diagnostics={sys.intern(k): v for k, v in diagnostic_curves(trajectory).items()} if trajectory else {},
        values={sys.intern(key): tuple(numbers) for key, numbers in record.values.items()},
        search_seconds=record.provenance.search_seconds,
        evaluation_seconds=record.provenance.evaluation_seconds,
        cpu_seconds=record.provenance.cpu_seconds,
        started=record.provenance.started,
        environment=_environment(record.provenance),
    )


def _trajectory(record: Record) -> Trajectory | None:
    """Return the trajectory of a done search after a look at its shapes; None for a failed or computed trial."""
    if record.status == "failed" or record.values:
        return None
    trajectory = record.trajectory
    if trajectory is None or not trajectory.mixing or not trajectory.architectures:
        raise HarnessError(f"record {record.id}: done, but without a trajectory")
    epochs, ops = len(trajectory.architectures), len(trajectory.ops)
    for group, weights in trajectory.mixing.items():
        edges = len(weights[0]) if weights else 0
        regular = all(len(epoch) == edges and all(len(edge) == ops for edge in epoch) for epoch in weights)
        if not edges or not regular or len(weights) != epochs:
            raise HarnessError(f"record {record.id}: mixing weights {group!r} are not [{epochs}, edges, {ops}]")
    for name, values in trajectory.diagnostics.items():
        if len(values) != epochs:
            raise HarnessError(f"record {record.id}: {len(values)} values of diagnostic {name!r}, not {epochs}")
    return trajectory


def _check_runs(record: Record) -> None:
    runs = record.spec.get("runs", 0)
    for key, numbers in record.values.items():
        if len(numbers) > runs:
            raise HarnessError(f"record {record.id}: {len(numbers)} numbers of {key!r} from {runs} runs")


def _setup(record: Record) -> str:
    parts = {
        "search": record.spec,
        "benchmark": record.benchmark,
        "part versions": record.part_versions,
        "data fingerprint": record.data_fingerprint,
        "benchmark checksum": record.benchmark_checksum,
    }
    return json.dumps(parts, sort_keys=True, ensure_ascii=False)


def _environment(provenance: Provenance) -> Environment:
    return Environment(
        harness=sys.intern(provenance.harness),
        git=provenance.git,
        python=sys.intern(provenance.python),
        torch=sys.intern(provenance.torch),
        platform=sys.intern(provenance.platform),
        device=sys.intern(provenance.device),
        threads=provenance.threads,
        kernels=provenance.kernels,
    )
