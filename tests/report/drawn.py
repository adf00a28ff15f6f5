"""Searches made up for the suite `figures.yaml`: every number of a figure is known beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.methods.catalogue import load_catalogue
from harness.runner.record import Record
from harness.runner.trial import Trial
from harness.spaces.nb201 import encoding as nb201
from harness.suite.load import load_suite
from harness.suite.loaded import LoadedSuite
from tests.analysis import synthetic

Weights = list[list[list[float]]]


def load() -> LoadedSuite:
    """Load the suite."""
    return load_suite(Path(__file__).with_name("figures.yaml"), load_catalogue())


def architecture(epoch: int) -> str:
    """Return an architecture that is only found after this epoch."""
    return nb201.to_string(tuple(epoch // 5**digit % 5 for digit in range(6)))


def search(
    trial: Trial,
    accuracy: Sequence[float],
    weights: Weights | None = None,
    diagnostics: Mapping[str, list[float | None]] | None = None,
) -> Record:
    """Return the record of a search whose architecture after epoch e has ``accuracy[e]`` on CIFAR-10."""
    made = synthetic.record(trial, weights=weights or synthetic.weights_towards(1, 0.6, len(accuracy) - 1))
    assert made.trajectory is not None
    found = [architecture(epoch) for epoch in range(len(accuracy))]
    trajectory = made.trajectory.model_copy(update={"architectures": found, "diagnostics": dict(diagnostics or {})})
    evaluations = {a: {synthetic.KEY: value} for a, value in zip(found, accuracy, strict=True)}
    return made.model_copy(update={"trajectory": trajectory, "evaluations": evaluations})
