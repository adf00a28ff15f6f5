"""Trajectories as curves: mixing weights, magnitudes, entropies, diagnostics, accuracies of the discretised cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.engine.trajectory import Trajectory
from harness.methods.history import magnitudes
from harness.spaces.space import Group

Curve = NDArray[np.float64]


def group_weights(trajectory: Trajectory) -> dict[str, Curve]:
    """Return the mixing weights [epochs + 1, rows, options] by group."""
    return {group.name: np.asarray(trajectory.mixing[group.name], dtype=np.float64) for group in trajectory.groups}


def first_edge(trajectory: Trajectory) -> dict[str, float]:
    """Return the last mixing weights of the first edge by operation, of the first of several stages."""
    first = next(iter(trajectory.earlier), trajectory)
    group = next(group for group in first.groups if 0 in group.places)
    row = group.places.index(0)
    return dict(zip(group.options[row], first.mixing[group.name][-1][row], strict=True))


def magnitudes_by_cell(groups: Sequence[Group], weights: Mapping[str, Curve]) -> dict[str, dict[str, Curve]]:
    """Return the operation magnitudes m(t, o) [epochs + 1] by cell type and operation: cell types are not averaged."""
    cells = dict.fromkeys(group.cell for group in groups)
    return {cell: magnitudes([group for group in groups if group.cell == cell], weights) for cell in cells}


def entropy_sum(groups: Sequence[Group], weights: Mapping[str, NDArray[np.floating]]) -> Curve:
    """Return the sum over all edges of the entropies (nat) of their operations [epochs + 1] (SP-DARTS, Eq. 21).

    What nodes read from has no operations, and does not count. ``weights``: by group the mixing weights
    [epochs + 1, rows, options], softmax(alpha) where the equation is to hold; 0 log 0 is 0.
    """
    shares = [weights[group.name].astype(np.float64) for group in groups if not group.links]
    logs = ((share, np.log(share, out=np.zeros_like(share), where=share > 0)) for share in shares)
    return np.asarray(sum(-(share * log).sum(axis=(1, 2)) for share, log in logs), dtype=np.float64)


def diagnostic_curves(trajectory: Trajectory) -> dict[str, Curve]:
    """Return what was measured beside the search [epochs + 1], by name; NaN where nothing was."""
    nan = float("nan")
    return {
        name: np.array([nan if value is None else value for value in values], dtype=np.float64)
        for name, values in trajectory.diagnostics.items()
    }


def accuracy_curves(architectures: Sequence[str], evaluations: Mapping[str, Mapping[str, float]]) -> dict[str, Curve]:
    """Return the accuracy (percent) [epochs + 1] of the discretised architecture over the epochs, per benchmark key.

    Keys are those of the evaluations, ``dataset/split/training epochs``; NaN where an architecture was not evaluated.
    """
    nothing: dict[str, float] = {}
    keys = sorted({key for architecture in architectures for key in evaluations.get(architecture, nothing)})
    return {
        key: np.array([evaluations.get(a, nothing).get(key, np.nan) for a in architectures], dtype=np.float64)
        for key in keys
    }


def stack(curves: Sequence[Curve]) -> Curve:
    """Stack curves over seeds [seeds, epochs + 1, ...]; shorter ones end in NaN."""
    length = max(len(curve) for curve in curves)
    stacked = np.full((len(curves), length, *curves[0].shape[1:]), np.nan)
    for row, curve in zip(stacked, curves, strict=True):
        row[: len(curve)] = curve
    return stacked


def mean_over_seeds(stacked: Curve) -> Curve:
    """Return the mean over the seeds [epochs + 1, ...]; NaN where a seed has none, so that n stays the same."""
    return np.asarray(stacked.mean(axis=0), dtype=np.float64)
