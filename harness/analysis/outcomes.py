"""Outcomes: records boiled down to what verdicts and figures need, so that ten thousand of them fit in memory."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from harness.analysis.trajectories import (
    Curve,
    accuracy_curves,
    diagnostic_curves,
    first_edge,
    group_weights,
    magnitudes_by_cell,
)
from harness.engine.trajectory import TrainingCurve, Trajectory
from harness.errors import HarnessError
from harness.runner.record import Provenance, Record
from harness.spaces.registry import stored
from harness.spaces.space import Edge, Group, Space
from harness.text import counted

_SAME: dict[tuple[Group, ...], tuple[Group, ...]] = {}  # equal groups of many records share their memory


@dataclass(frozen=True)
class Environment:
    """Where trials ran. ``earlier``: the parts before the last of a search, where something was otherwise there."""

    harness: str
    git: str | None
    python: str
    torch: str
    platform: str
    device: str
    threads: int
    kernels: bool | None = None
    earlier: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """One trial. ``setup``: its resolved specification and parts as JSON, equal text for equal settings.

    ``groups``: what was chosen from. ``architectures``: of every epoch. ``accuracy[key]``: [epochs + 1] percent, NaN
    where not evaluated. ``magnitude``: [epochs + 1] by cell type and operation. ``weights``: by group [epochs + 1,
    rows, options], in single precision. ``loss``: the weights' training loss [epochs + 1], NaN where there is none.
    ``diagnostics``: [epochs + 1] by name, NaN where not measured. Empty for a failed trial, for a computed one, which
    has ``values`` instead: per key one number per run, and for a training, which has its curve, and diagnostics [1] of
    its end. ``first_edge``: the last mixing weights of the first edge by operation, of a search in stages at the end of
    the first of them. ``exchanged``: by operation the last accuracy (percent) of what was found with that one there,
    where it was trained.
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
    groups: tuple[Group, ...]
    architectures: tuple[str, ...]
    accuracy: Mapping[str, Curve]
    magnitude: Mapping[str, Mapping[str, Curve]]
    weights: Mapping[str, NDArray[np.float32]]
    loss: Curve
    diagnostics: Mapping[str, Curve]
    values: Mapping[str, tuple[float, ...]]
    training: TrainingCurve | None
    search_seconds: float
    evaluation_seconds: float
    cpu_seconds: float | None
    started: str
    environment: Environment
    first_edge: Mapping[str, float] = field(default_factory=dict)
    exchanged: Mapping[str, float] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        """Tell whether the trial ended well; only then does any statistic count it."""
        return self.status == "done"

    @property
    def computed(self) -> bool:
        """Tell whether it was computed and not searched for."""
        return bool(self.values)

    @property
    def architecture(self) -> str | None:
        """Return the architecture that was found."""
        return self.architectures[-1] if self.architectures else None

    @property
    def cells(self) -> list[dict[str, tuple[Edge, ...]]]:
        """Return the edges of every epoch's architecture by cell type."""
        found = {text: self.space.operations(text) for text in set(self.architectures)}
        return [found[text] for text in self.architectures]

    @cached_property
    def space(self) -> Space:
        """Return the space that was searched."""
        return stored(json.loads(self.setup)["search"]["space"])

    @property
    def eigenvalues(self) -> Curve:
        """Return the largest eigenvalue of the alpha-Hessian [epochs + 1], NaN where it was not measured."""
        return self.diagnostics.get("eigenvalue", np.full(len(self.architectures), np.nan))


def digest(record: Record) -> Outcome:
    """Boil a record down; equal texts of many records share their memory.

    Raises `HarnessError` for a done record whose trajectory is absent, ragged or of unequal lengths, and for a
    computed one with more numbers than runs.
    """
    trajectory = _trajectory(record)
    _check_runs(record)
    groups = tuple(trajectory.groups) if trajectory else ()
    weights = group_weights(trajectory) if trajectory else {}
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
        groups=_SAME.setdefault(groups, groups),
        architectures=tuple(map(sys.intern, architectures)),
        accuracy={sys.intern(k): v for k, v in accuracy_curves(architectures, record.evaluations).items()},
        magnitude=magnitudes_by_cell(groups, weights),
        weights={name: values.astype(np.float32) for name, values in weights.items()},
        loss=np.array(trajectory.weight_loss if trajectory else (), dtype=np.float64),
        diagnostics={sys.intern(k): v for k, v in _diagnostics(record, trajectory).items()},
        values={sys.intern(key): tuple(numbers) for key, numbers in record.values.items()},
        training=record.training,
        search_seconds=record.provenance.search_seconds,
        evaluation_seconds=record.provenance.evaluation_seconds,
        cpu_seconds=record.provenance.cpu_seconds,
        started=record.provenance.started,
        environment=_environment(record.provenance),
        first_edge=first_edge(trajectory) if trajectory else {},
    )


def _trajectory(record: Record) -> Trajectory | None:
    """Return the trajectory of a done search after a look at its shapes; None for any other trial."""
    if record.status == "failed" or record.values or record.training:
        return None
    trajectory = record.trajectory
    if trajectory is None or not trajectory.mixing or not trajectory.architectures:
        raise HarnessError(f"record {record.id}: done, but without a trajectory")
    epochs = len(trajectory.architectures)
    if {*trajectory.mixing} != {group.name for group in trajectory.groups}:  # files have names in their order
        raise HarnessError(f"record {record.id}: mixing weights of {[*trajectory.mixing]} are not those of its groups")
    for group in trajectory.groups:
        (rows, options), weights = group.shape, trajectory.mixing[group.name]
        regular = all(len(epoch) == rows and all(len(row) == options for row in epoch) for epoch in weights)
        if not regular or len(weights) != epochs:
            shape = f"[{epochs}, {rows}, {options}]"
            raise HarnessError(f"record {record.id}: mixing weights {group.name!r} are not {shape}")
    for name, values in trajectory.diagnostics.items():
        if len(values) != epochs:
            raise HarnessError(f"record {record.id}: {len(values)} values of diagnostic {name!r}, not {epochs}")
    return trajectory


def _diagnostics(record: Record, trajectory: Trajectory | None) -> dict[str, Curve]:
    """Return what was measured beside a search by epoch, or after a training."""
    if record.training is not None:
        return {name: np.array([value]) for name, value in record.training.diagnostics.items()}
    return diagnostic_curves(trajectory) if trajectory else {}


def _check_runs(record: Record) -> None:
    runs = record.spec.get("runs", 0)
    for key, numbers in record.values.items():
        if len(numbers) > runs:
            raise HarnessError(f"record {record.id}: {len(numbers)} numbers of {key!r} from {runs} runs")


def _setup(record: Record) -> str:
    parts = {
        "training" if record.training else "search": record.spec,
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
        earlier=tuple(map(sys.intern, _earlier_parts(provenance))),
    )


def _earlier_parts(provenance: Provenance) -> list[str]:
    """Describe the parts of a search before its last, if any differs from it in what its bits depend on."""
    parts = [(part.torch, part.platform, part.threads) for part in provenance.sittings]
    if all(part == parts[-1] for part in parts):
        return []
    return [f"torch {torch}, {platform}, {counted(threads, 'thread')}" for torch, platform, threads in parts[:-1]]
