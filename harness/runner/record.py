"""The record of one trial: the contract between the runner, the analysis and the report (JSON, schema 1)."""

from __future__ import annotations

import json
import math
from itertools import chain
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from harness.engine.trajectory import TrainingCurve, Trajectory
from harness.text import printable

SCHEMA = 1
PER_EPOCH = ("weight_loss", "weight_accuracy", "architecture_loss", "architecture_accuracy", "weight_lr")
Whole = Annotated[int, Field(ge=-(2**53), le=2**53)]
Key = Annotated[str, Field(pattern=r"^[^/]+/[^/]+/[0-9]{1,9}$")]  # dataset/split/training epochs


class Sitting(BaseModel):
    """One of the runs that a search was spread over. ``after_epoch``: the epoch that it went on from.

    ``lanes``: searches that one process could do at once: each took longer than alone, and memory is that of all.
    ``new_streams``: it went on from another kind of device, whose random streams (augmentation) stayed behind.
    """

    model_config = ConfigDict(extra="forbid")

    after_epoch: int
    started: str
    git: str | None
    torch: str
    platform: str
    threads: int
    lanes: int = 1
    new_streams: bool = False


class Provenance(BaseModel):
    """How the record came to be; not part of the result and never compared."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    harness: str
    git: str | None
    python: str
    torch: str
    platform: str
    device: str
    threads: Whole
    started: str
    search_seconds: float
    evaluation_seconds: float
    epoch_seconds: list[float]
    peak_memory_mb: float | None
    resumed_from_epoch: Whole | None
    kernels: bool | None = None  # cells in compiled kernels, which round otherwise than torch; None: no search
    supernet: str | None = None  # id of the search whose trained supernet this trial began with
    sittings: list[Sitting] = []  # in which the search was done; what earlier versions did is missing
    cpu_seconds: float | None = None  # of all threads, search and evaluation; None: not of this trial alone, or resumed


class Record(BaseModel):
    """One trial. ``evaluations[architecture]["cifar10/test/200"]`` is an accuracy in percent.

    A search leaves a trajectory, a training its curve (its last accuracy is among ``evaluations``), a computation
    ``values``: per key (``cifar10/test/200``, ``simulated_seconds``, a
    name of a theory check) one number per run; ``found``: the architecture of each run, where there is one.

    ``data_fingerprint``: of the images as read; ``data_checksum``: of the dataset's files, as it enters the id;
    ``test_checksum``: of its test files, where test images were read (earlier versions did not write it down).
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    schema_version: Literal[1] = 1
    id: str
    status: Literal["done", "failed"]
    suite: str
    profile: Literal["paper", "reduced"]
    method: str
    dataset: str
    seed: Annotated[int, Field(ge=0, le=2**31)]
    embedded: bool
    spec: dict[str, Any]
    benchmark: dict[str, Any]
    part_versions: dict[str, Whole]
    data_fingerprint: str | None
    data_checksum: str | None = None
    test_checksum: str | None = None
    benchmark_checksum: str | None
    trajectory: Trajectory | None
    training: TrainingCurve | None = None
    evaluations: dict[str, dict[Key, float]]
    values: dict[str, list[float]] = {}
    found: list[str] = []
    error: str | None
    overrides: list[str] = []  # what made it another trial than any row of the suite states, as ``key.path=value``
    provenance: Provenance

    @property
    def kind(self) -> Literal["search", "training", "computation"]:
        """Tell what the trial did, by its specification."""
        return "training" if "subject" in self.spec else "computation" if "computation" in self.spec else "search"

    @field_validator("error")
    @classmethod
    def _printable(cls, error: str | None) -> str | None:
        return None if error is None else printable(error)

    @field_validator("spec", "benchmark")
    @classmethod
    def _finite(cls, block: dict[str, Any]) -> dict[str, Any]:
        json.dumps(block, allow_nan=False)  # raises ValueError
        return block

    @model_validator(mode="after")
    def _whole(self) -> Self:
        runs = self.spec.get("runs", 0)
        if not isinstance(runs, int) or isinstance(runs, bool):
            raise ValueError(f"spec.runs is {runs!r}, not a whole number")
        if self.trajectory is not None:
            for track in (*self.trajectory.earlier, self.trajectory):
                _check_lengths(track)
        if self.training is not None and (not self.training.accuracy or self.training.accuracy[-1] is None):
            raise ValueError("training without an accuracy after its last epoch")
        return self


def _check_lengths(trajectory: Trajectory) -> None:
    """Raise `ValueError` unless every epoch has its numbers, all of them finite."""
    epochs = len(trajectory.architectures)
    if not epochs:
        raise ValueError("trajectory without an architecture")
    for name in PER_EPOCH:
        values = getattr(trajectory, name)
        if len(values) != epochs:
            raise ValueError(f"trajectory.{name} has {len(values)} values for {epochs} architectures")
    lists = [*(getattr(trajectory, name) for name in PER_EPOCH), *trajectory.diagnostics.values()]
    weights = (edge for epochs in trajectory.mixing.values() for edges in epochs for edge in edges)
    if not all(value is None or math.isfinite(value) for value in chain(*lists, *weights)):
        raise ValueError("trajectory holds a number that is not finite")
