"""Curves against plain loops."""

from __future__ import annotations

import math
import random
from pathlib import Path

import numpy as np
import pytest

from harness.analysis.outcomes import digest
from harness.analysis.trajectories import (
    accuracy_curves,
    diagnostic_curves,
    entropy_sum,
    magnitudes_by_cell,
    mean_over_seeds,
    stack,
)
from harness.engine.trajectory import Trajectory
from harness.errors import HarnessError
from harness.spaces.registry import published
from harness.spaces.space import Group
from tests.analysis import synthetic
from tests.groups import group

OPS = ["none", "skip_connect", "nor_conv_3x3"]


def trajectory(mixing: dict[str, list[list[list[float]]]]) -> Trajectory:
    epochs = len(next(iter(mixing.values())))
    nothing: list[float | None] = [None] * epochs
    return Trajectory(
        groups=[group(tuple(OPS))],
        mixing=mixing,
        architectures=["a"] * epochs,
        weight_loss=nothing,
        weight_accuracy=nothing,
        architecture_loss=nothing,
        architecture_accuracy=nothing,
        weight_lr=nothing,
    )


def a_group(name: str, cell: str, first: int, options: tuple[tuple[str, ...], ...]) -> Group:
    """A group whose edges all lead from node 0 to node 1."""
    count = len(options)
    places = tuple(range(first, first + count))
    return Group(name=name, cell=cell, places=places, sources=(0,) * count, nodes=(1,) * count, options=options)


def random_mixing(edges: int, epochs: int = 3) -> list[list[list[float]]]:
    return [[[random.random() for _ in OPS] for _ in range(edges)] for _ in range(epochs)]


def test_magnitude_is_the_mean_over_the_edges_of_a_cell_type() -> None:
    """Delve, Eq. 11, written out: m(t, o) = sum over the N edges that offer o of a, divided by N; per cell type."""
    random.seed(1)
    wide, narrow = ("skip_connect", "nor_conv_3x3", "none"), ("nor_conv_3x3", "avg_pool_3x3")
    groups = [
        a_group("normal-3", "normal", 0, (wide, wide[::-1])),
        a_group("normal-2", "normal", 2, (narrow,)),
        a_group("reduce", "reduce", 0, (narrow, narrow)),
    ]
    weights = {g.name: np.random.default_rng(i).random((3, *g.shape)) for i, g in enumerate(groups)}
    found = magnitudes_by_cell(groups, weights)
    assert {cell: set(of_cell) for cell, of_cell in found.items()} == {
        "normal": {*wide, *narrow}, "reduce": set(narrow)
    }  # fmt: skip
    for cell, of_cell in found.items():
        for name, curve in of_cell.items():
            for t in range(3):
                offers = [
                    weights[g.name][t, row, g.options[row].index(name)]
                    for g in groups
                    if g.cell == cell
                    for row in range(g.shape[0])
                    if name in g.options[row]
                ]
                assert curve[t] == pytest.approx(sum(offers) / len(offers), rel=1e-12)


def test_a_cell_type_of_skips_is_not_averaged_with_one_without() -> None:
    """Skip at .9 in normal and at .125 in reduction cells is no .5125 of anything."""
    groups = [a_group(cell, cell, 0, (("skip_connect", "nor_conv_3x3"),)) for cell in ("normal", "reduce")]
    weights = {"normal": np.array([[[0.9, 0.1]]]), "reduce": np.array([[[0.125, 0.875]]])}
    found = magnitudes_by_cell(groups, weights)
    assert {cell: of_cell["skip_connect"].tolist() for cell, of_cell in found.items()} == {
        "normal": [0.9], "reduce": [0.125]
    }  # fmt: skip


def test_a_trajectory_of_schema_1_is_one_group() -> None:
    mixing = {"cell": random_mixing(6)}
    read = Trajectory.model_validate(trajectory(mixing).model_dump(exclude={"groups", "schema_version"}) | {"ops": OPS})
    assert read.groups == [group(tuple(OPS))] and read == trajectory(mixing)
    assert Trajectory.model_validate_json(read.model_dump_json()) == read


def test_a_trajectory_of_schema_1_with_unknown_operations_is_an_error() -> None:
    old = trajectory({"cell": random_mixing(6)}).model_dump(exclude={"groups", "schema_version"})
    with pytest.raises(ValueError, match="unknown operation 'conv'"):
        Trajectory.model_validate(old | {"ops": ["none", "skip_connect", "conv"]})


def test_accuracy_follows_the_architecture_of_each_epoch() -> None:
    evaluations = {"a": {"k/test/200": 50.0, "k/valid/200": 40.0}, "b": {"k/test/200": 90.0}}
    curves = accuracy_curves(["a", "b", "c", "a"], evaluations)
    np.testing.assert_array_equal(curves["k/test/200"], [50.0, 90.0, np.nan, 50.0])
    np.testing.assert_array_equal(curves["k/valid/200"], [40.0, np.nan, np.nan, 40.0])


def test_a_mean_needs_every_seed() -> None:
    stacked = stack([np.array([1.0, 2.0, np.nan, np.nan]), np.array([3.0, np.nan, np.nan])])
    assert stacked.shape == (2, 4)
    np.testing.assert_array_equal(mean_over_seeds(stacked), [2.0, np.nan, np.nan, np.nan])


def test_mean_over_seeds_of_weights_keeps_their_shape() -> None:
    first, second = np.full((3, 2, 2), 0.25), np.full((3, 2, 2), 0.75)
    np.testing.assert_array_equal(mean_over_seeds(stack([first, second])), np.full((3, 2, 2), 0.5))


@pytest.mark.parametrize(
    "mixing",
    [
        {},
        {"cell": []},
        {"cell": [[[0.5, 0.5]]] * 5},  # five operations, two weights
        {"cell": [[[0.2] * 5]] * 4},  # an epoch too few
        {"cell": [[[0.2] * 5]] * 4 + [[[0.2] * 5, [0.2] * 5]]},  # an edge more in the last epoch
    ],
)
def test_a_broken_trajectory_is_named_in_one_line(tmp_path: Path, mixing: object) -> None:
    trial = synthetic.plan(synthetic.load(tmp_path)).trials[0]
    whole = synthetic.record(trial)
    assert whole.trajectory is not None
    broken = whole.model_copy(update={"trajectory": whole.trajectory.model_copy(update={"mixing": mixing})})
    with pytest.raises(HarnessError, match=f"^record {trial.id}: ") as error:
        digest(broken)
    assert "\n" not in str(error.value)


def test_a_failed_record_has_no_curves(tmp_path: Path) -> None:
    trial = synthetic.plan(synthetic.load(tmp_path)).trials[0]
    outcome = digest(synthetic.failed(trial))
    assert not outcome.done
    assert (outcome.accuracy, outcome.architecture, outcome.groups) == ({}, None, ())


def test_equal_settings_have_equal_texts(tmp_path: Path) -> None:
    planned = synthetic.plan(synthetic.load(tmp_path))
    first, second = (digest(synthetic.record(trial)) for trial in planned.trials[:2])
    assert first.setup is second.setup


def test_a_computed_record_has_no_more_numbers_than_runs(tmp_path: Path) -> None:
    change = ("        method: null\n", "        method: random-search\n")
    planned = synthetic.plan(synthetic.load(tmp_path, change), data=synthetic.WITH_TABLE)
    [trial] = [trial for trial in planned.trials if trial.computed]
    whole = synthetic.record(trial, trajectory=None, evaluations={}, values={"seconds": [1.0, 2.0, 3.0]})
    assert digest(whole).values == {"seconds": (1.0, 2.0, 3.0)}
    broken = whole.model_copy(update={"values": {"seconds": [1.0, 2.0, 3.0, 4.0]}})
    with pytest.raises(HarnessError, match="4 numbers of 'seconds' from 3 runs"):
        digest(broken)


def test_entropy_is_summed_over_edges() -> None:
    """SP-DARTS, Eq. 21: E log M where all weights are equal, 0 where each edge is decided, also with exact zeros."""
    cell = published("nb201").groups[0]
    other, links = cell.model_copy(update={"name": "other"}), published("oneshot-1").groups[-1]
    uniform, decided = [[0.2] * 5] * 6, [[0.0, 1.0, 0.0, 0.0, 0.0]] * 6
    half = [[0.5, 0.5, 0.0, 0.0, 0.0], *decided[:5]]
    every = np.array([uniform, decided, half])
    wanted = np.array([6 * math.log(5), 0.0, math.log(2)])
    np.testing.assert_allclose(entropy_sum([cell], {"cell": every}), wanted, atol=1e-12)
    with_links = {"cell": every, links.name: every[:, :1]}  # what nodes read from is no operation
    np.testing.assert_allclose(entropy_sum([cell, links], with_links), wanted, atol=1e-12)
    both = [8 * math.log(5), 0.0, 2 * math.log(2)]
    np.testing.assert_allclose(entropy_sum([cell, other], {"cell": every, "other": every[:, :2]}), both, atol=1e-12)


def test_diagnostics_are_nan_where_nothing_was_measured() -> None:
    made = trajectory({"cell": random_mixing(6)}).model_copy(update={"diagnostics": {"eigenvalue": [0.5, None, 2.0]}})
    np.testing.assert_array_equal(diagnostic_curves(made)["eigenvalue"], [0.5, np.nan, 2.0])


def test_a_ragged_diagnostic_is_an_error(tmp_path: Path) -> None:
    planned = synthetic.plan(synthetic.load(tmp_path))
    record = synthetic.record(planned.trials[0])
    assert record.trajectory is not None
    broken = record.trajectory.model_copy(update={"diagnostics": {"eigenvalue": [0.5]}})
    with pytest.raises(HarnessError, match="1 values of diagnostic 'eigenvalue', not 5"):
        digest(record.model_copy(update={"trajectory": broken}))
