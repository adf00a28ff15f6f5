"""Trajectories as curves: mixing weights, magnitudes, entropies, diagnostics, accuracies of the discretised cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.engine.trajectory import Trajectory

Curve = NDArray[np.float64]


def edge_weights(trajectory: Trajectory) -> Curve:
    """Return the mixing weights [epochs + 1, edges, ops] of all groups, their edges one after the other."""
    groups = [np.asarray(trajectory.mixing[name], dtype=np.float64) for name in trajectory.mixing]
    return np.concatenate(groups, axis=1)


def edge_names(trajectory: Trajectory) -> list[tuple[str, int]]:
    """Name the edges of `edge_weights`: their group and their number in it."""
    return [(group, edge) for group, epochs in trajectory.mixing.items() for edge in range(len(epochs[0]))]


def magnitudes(weights: Curve) -> Curve:
    """Return the operation magnitudes m(t, o) [epochs + 1, ops] of mixing weights [epochs + 1, edges, ops].

    The mean over all N edges, m(t, o) = sum_n a_o^n(t) / N (Delve, Eq. 11); row 0 is the state before training.
    """
    return np.asarray(weights.mean(axis=1), dtype=np.float64)


def entropy_sum(weights: Curve) -> Curve:
    """Return the sum over the edges of the entropies (nat) of their operations [epochs + 1] (SP-DARTS, Eq. 21).

    ``weights``: mixing weights [epochs + 1, edges, ops], softmax(alpha) where the equation is to hold; 0 log 0 is 0.
    """
    logs = np.log(weights, out=np.zeros_like(weights), where=weights > 0)
    return np.asarray(-(weights * logs).sum(axis=(1, 2)), dtype=np.float64)


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
