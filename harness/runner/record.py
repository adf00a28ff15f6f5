"""The record of one trial: the contract between the runner, the analysis and the report (JSON, schema 1)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from harness.engine.trajectory import Trajectory

SCHEMA = 1


class Provenance(BaseModel):
    """How the record came to be; not part of the result and never compared."""

    model_config = ConfigDict(extra="forbid")

    harness: str
    git: str | None
    python: str
    torch: str
    platform: str
    device: str
    threads: int
    started: str
    search_seconds: float
    evaluation_seconds: float
    epoch_seconds: list[float]
    peak_memory_mb: float | None
    resumed_from_epoch: int | None
    kernels: bool | None = None  # cells in compiled kernels, which round otherwise than torch; None: no search
    supernet: str | None = None  # id of the search whose trained supernet this trial began with
    cpu_seconds: float | None = None  # of all threads, search and evaluation; None: resumed, or an older record


class Record(BaseModel):
    """One trial. ``evaluations[architecture]["cifar10/test/200"]`` is an accuracy in percent.

    A search leaves a trajectory, a computation ``values``: per key (``cifar10/test/200``, ``simulated_seconds``, a
    name of a theory check) one number per run; ``found``: the architecture of each run, where there is one.

    ``data_fingerprint``: of the images as read; ``data_checksum``: of the dataset's files, as it enters the id.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1] = 1
    id: str
    status: Literal["done", "failed"]
    suite: str
    profile: Literal["paper", "reduced"]
    method: str
    dataset: str
    seed: int
    embedded: bool
    spec: dict[str, Any]
    benchmark: dict[str, Any]
    part_versions: dict[str, int]
    data_fingerprint: str | None
    data_checksum: str | None = None
    benchmark_checksum: str | None
    trajectory: Trajectory | None
    evaluations: dict[str, dict[str, float]]
    values: dict[str, list[float]] = {}
    found: list[str] = []
    error: str | None
    provenance: Provenance
