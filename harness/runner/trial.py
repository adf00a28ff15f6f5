"""A trial: the unit of planning, caching, resuming and record, and its id. No files, no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal, get_args

from harness.benchmarks.spec import Benchmark
from harness.methods.computed import ComputedSpec
from harness.methods.spec import SearchSpec
from harness.methods.training import TrainingSpec

ProfileName = Literal["paper", "reduced"]
PROFILES: tuple[ProfileName, ...] = get_args(ProfileName)
Spec = SearchSpec | ComputedSpec | TrainingSpec


@dataclass(frozen=True)
class Trial:
    """One search, training or computation x dataset x seed under one profile. ``rows``: all ``table/row`` that show it.

    ``embedded``: the machinery's stand-in for data that is not at hand. ``blocked``: why it cannot be run here.
    ``supernet_id``: id of the search that trains its supernet, its own unless a selection comes afterwards.
    ``overrides``: what made it another trial than any of its rows states, as ``key.path=value``.
    ``test_checksum``: of the test images' files, None where it reads none; not in the id.
    """

    id: str
    suite: str
    profile: ProfileName
    method: str
    dataset: str
    seed: int
    spec: Spec
    benchmark: Benchmark
    embedded: bool
    rows: tuple[str, ...]
    part_versions: dict[str, int]
    data_checksum: str | None
    blocked: str | None
    supernet_id: str
    overrides: tuple[str, ...] = ()
    test_checksum: str | None = None

    @property
    def computed(self) -> bool:
        """Tell whether this is a computation."""
        return isinstance(self.spec, ComputedSpec)

    @property
    def trains(self) -> bool:
        """Tell whether this is a training."""
        return isinstance(self.spec, TrainingSpec)

    @property
    def searches(self) -> bool:
        """Tell whether this is a search."""
        return isinstance(self.spec, SearchSpec)

    @property
    def subject(self) -> str:
        """Return its method, with the part of it that this is where trials of one seed share it."""
        part = self.spec.select.part if isinstance(self.spec, SearchSpec) else ""
        return f"{self.method} {part}".rstrip()

    @property
    def after(self) -> tuple[str, ...]:
        """Return the ids of the trials that must have ended well before this one can begin."""
        return self.spec.after if isinstance(self.spec, TrainingSpec) else ()

    @property
    def runs(self) -> int:
        """Number of values that the trial adds to a statistic."""
        return self.spec.runs if isinstance(self.spec, ComputedSpec) else 1


def trial_id(spec: Spec, dataset: str, seed: int, versions: Mapping[str, int], checksum: str | None) -> str:
    """Return the id of a trial, 16 hex digits; equal trials have equal ids, however they are written."""
    return hashed(spec.model_dump(mode="json"), dataset, seed, versions, checksum)


def hashed(spec: Mapping[str, Any], dataset: str, seed: int, versions: Mapping[str, int], checksum: str | None) -> str:
    """Return the id that a specification has, given as plain data."""
    identity = {
        "spec": dict(spec),
        "dataset": dataset,
        "seed": seed,
        "versions": dict(versions),
        "checksum": checksum,
    }
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    return blake2b(text.encode(), digest_size=8).hexdigest()
