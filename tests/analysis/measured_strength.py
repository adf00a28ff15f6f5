"""Records of measured strength made up for tests: what alpha, PT's criterion and the tuning say is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness.engine.trajectory import Trajectory
from harness.methods.catalogue import load_catalogue
from harness.methods.spec import SearchSpec
from harness.methods.strength import edges
from harness.runner.availability import DataAvailability
from harness.runner.plan import Filters, Plan, Trial, make_plan
from harness.runner.record import Record
from harness.spaces.registry import published
from harness.suite.load import load_suite
from harness.suite.loaded import LoadedSuite
from tests.analysis import synthetic

SUITE = Path(__file__).parents[2] / "suites" / "strength.yaml"
DATA = DataAvailability({"cifar10": "c1", "digits": "d1"}, {})


def load() -> LoadedSuite:
    """Load the shipped suite."""
    return load_suite(SUITE, load_catalogue())


def plan(loaded: LoadedSuite) -> Plan:
    """Plan its reduced profile."""
    return make_plan(loaded, "reduced", Filters(), (), data=DATA)


def record(
    trial: Trial, alpha: Sequence[float], strength: Sequence[float], without: Sequence[float], *, rising: bool = False
) -> Record:
    """Return the record of one edge, by operation; ``rising``: the first operation's accuracy never settles."""
    assert isinstance(trial.spec, SearchSpec) and trial.spec.select.name == "strength"
    part, space = trial.spec.select, trial.spec.space
    [name] = part.part.split(", ")
    group, row = edges(space)[name]
    options = group.options[row]
    curves = [[value] * (part.patience + 1) for value in strength]
    if rising:
        curves[0] = [strength[0] + 10 * part.gain * epoch for epoch in range(part.cap)]
    entries = 2 + sum(map(len, curves))
    nothing: list[float | None] = [None] * entries
    diagnostics = {series: [*nothing] for series in part.names(space)}
    at = 1
    for option, curve in zip(options, curves, strict=True):
        diagnostics[f"strength/{name}/{option}"][at : at + len(curve)] = curve
        at += len(curve)
    for option, accuracy in zip(options, without, strict=True):
        diagnostics[f"without/{name}/{option}"][-1] = accuracy
    even = {g.name: [[1 / g.shape[1]] * g.shape[1] for _ in g.options] for g in space.groups}
    even[group.name][row] = list(alpha)
    architecture = space.discretise(even, {g.name: [-1] * g.shape[0] for g in space.groups})
    trajectory = Trajectory(
        groups=list(space.groups), mixing={g: [rows] * entries for g, rows in even.items()},
        architectures=[architecture] * entries, weight_loss=nothing, weight_accuracy=nothing,
        architecture_loss=nothing, architecture_accuracy=nothing, weight_lr=nothing, diagnostics=diagnostics,
    )  # fmt: skip
    spec = trial.spec.model_dump(mode="json")
    return synthetic.record(_on_nb201(trial), trajectory=trajectory.model_dump(), spec=spec, evaluations={})


def _on_nb201(trial: Trial) -> Trial:
    """Let the made-up trajectory, which is replaced, be one of NAS-Bench-201."""
    assert isinstance(trial.spec, SearchSpec)
    return replace(trial, spec=trial.spec.model_copy(update={"space": published("nb201")}))
