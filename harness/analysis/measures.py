"""Numbers taken from one outcome: what a published column measures, and what a claim compares."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from harness.analysis.outcomes import Outcome
from harness.analysis.strength import Criterion, edge_strengths, mean_agreement, mean_rank, strongest_edges
from harness.data.known import CLASSES
from harness.engine.trajectory import TrainingCurve
from harness.methods.history import History
from harness.methods.stops import Stop
from harness.methods.training import TrainingSpec
from harness.spaces.operations import operation
from harness.suite.schema import Column, Reading

SECONDS_PER_DAY = 86400.0
COSTS = ("search_seconds", "gpu_days")  # they depend on the machine: no band of accuracies judges them
ACCURACIES = ("accuracy", "error")
COUNTED = ("parameters", "flops")  # of trained networks, by code
MILLION = 1e6
MEASURED = (*ACCURACIES, *COSTS)  # of a search; a computed trial may answer any column


def column_values(outcome: Outcome, name: str, column: Column, stop: Stop | None) -> list[float]:
    """Return what a column measures of a done trial, in the column's unit: one number per run, or none.

    A search is one run, and ``stop`` says which of its epochs counts. A computed trial answers a column of
    accuracies like a search, any other by its name.
    """
    if column.metric in ACCURACIES:
        key = f"{column.dataset}/{column.split}/{column.training_epochs}"
        last = accuracy_at(outcome, key, stop_epoch(outcome, key, stop))
        accuracies = outcome.values.get(key, ()) if outcome.computed else [last] if last is not None else []
        return [100.0 - value if column.metric == "error" else value for value in accuracies]
    if outcome.computed:
        return list(outcome.values.get(name, ()))
    if column.metric in COSTS:
        return [outcome.search_seconds / (SECONDS_PER_DAY if column.metric == "gpu_days" else 1)]
    return []


def trained_value(outcome: Outcome, column: Column, reports: Literal["last", "best"]) -> float:
    """Return what a column measures of a training that is done: the last accuracy, or the best of all, in its unit.

    A column of sizes measures the network's, in millions: parameters without an auxiliary head, multiply-adds.
    """
    assert outcome.training is not None, "a training that is done"
    if column.metric in COUNTED:
        return counted(outcome, outcome.training, column.metric) / MILLION
    known = [value for value in outcome.training.right_among(column.top) if value is not None]
    value = known[-1] if reports == "last" else max(known)
    return 100.0 - value if column.metric == "error" else value


def counted(outcome: Outcome, curve: TrainingCurve, metric: str) -> int:
    """Return how large a trained network is: its parameters, or its multiply-adds of one image."""
    if metric == "parameters":
        return curve.parameters
    spec = TrainingSpec.model_validate(json.loads(outcome.setup)["training"])
    size, classes, side = spec.network.size, CLASSES[outcome.dataset], spec.data.image_size
    return spec.architectures.counts(curve.architecture, size, classes, side).multiplications


def stop_epoch(outcome: Outcome, key: str, stop: Stop | None) -> int:
    """Return the epoch that a stop rule takes, -1 (the last) without one; ``key``: the accuracy that is asked for."""
    if stop is None or outcome.computed or key not in outcome.accuracy:
        return -1
    return stop.epoch(history(outcome, key))


def history(outcome: Outcome, key: str) -> History:
    """Return what a stop rule reads of a search: the first cell type of its space."""
    cell = outcome.groups[0].cell
    groups = tuple(group for group in outcome.groups if group.cell == cell)
    weights = {group.name: outcome.weights[group.name].astype(np.float64) for group in groups}
    return History(groups, weights, [c[cell] for c in outcome.cells], outcome.accuracy[key], outcome.eigenvalues)


def claim_value(outcomes: Sequence[Outcome], measure: Reading, stop: Stop | None) -> float | None:
    """Return what a claim measures of a seed's trials, all done: of one, or of those that measured its edges.

    In percent, edges, places, or a number as it is; None where unknown. The last epoch's accuracy of a row
    with a ``stop`` rule is that of the architecture which the rule takes.
    """
    if measure.by is not None:
        return _strength_value(outcomes, measure, measure.by)
    [outcome] = outcomes
    index = _index(measure)
    if measure.of == "computed":
        return next(iter(outcome.values.get(str(measure.value), ())), None)
    if measure.of == "exchanged":
        return exchange_correlation(outcome)
    if measure.of == "diagnostic":
        return diagnostic_at(outcome, str(measure.diagnostic), index)
    if index >= len(outcome.architectures):
        return None
    if measure.of == "accuracy":
        key = f"{measure.dataset}/{measure.split}/{measure.training_epochs}"
        return accuracy_at(outcome, key, stop_epoch(outcome, key, stop) if measure.epoch == "last" else index)
    if measure.of == "chosen":
        cells = outcome.cells[index]
        edges = [edge for cell in ([measure.cell] if measure.cell else cells) for edge in cells[cell]]
        return float(sum(edge.operation == measure.operation for edge in edges))
    return magnitude_at(outcome, str(measure.operation), measure.cell, index)


def exchange_correlation(outcome: Outcome) -> float | None:
    """Return Pearson's correlation, over the first edge's operations, of weight with accuracy (StacNAS, Figure 5).

    None before every operation's network is trained, and where all weights or all accuracies are equal.
    """
    names = [name for name in outcome.first_edge if operation(name).kind != "none"]
    if len(names) < 2 or set(names) - set(outcome.exchanged):
        return None
    weights, accuracies = ([of[name] for name in names] for of in (outcome.first_edge, outcome.exchanged))
    if len(set(weights)) == 1 or len(set(accuracies)) == 1:
        return None
    return float(np.corrcoef(weights, accuracies)[0, 1])


def _index(measure: Reading) -> int:
    """Return the place of an epoch in a trajectory, which begins before training."""
    return {"first": 0, "last": -1}[measure.epoch] if isinstance(measure.epoch, str) else measure.epoch


def _strength_value(outcomes: Sequence[Outcome], measure: Reading, by: Criterion) -> float | None:
    measured = [edge for edge in edge_strengths(outcomes) if measure.cell in (None, edge.cell)]
    if measure.of == "agreement":
        return mean_agreement(measured, by)
    if measure.of == "rank":
        return mean_rank(measured, by, str(measure.operation))
    return strongest_edges(measured, by) if measured else None


def accuracy_at(outcome: Outcome, key: str, index: int = -1) -> float | None:
    """Return the accuracy (percent) of the architecture of one epoch, by default the last; None where unknown."""
    curve = outcome.accuracy.get(key)
    value = math.nan if curve is None else float(curve[index])
    return None if math.isnan(value) else value


def magnitude_at(outcome: Outcome, operation: str, cell: str | None = None, index: int = -1) -> float | None:
    """Return the magnitude of an operation at one epoch (Delve, Eq. 11); None where the cell type lacks it.

    ``cell``: the cell type, None for the first of the space.
    """
    curves = outcome.magnitude.get(cell or next(iter(outcome.magnitude), ""), {})
    return float(curves[operation][index]) if operation in curves else None


def diagnostic_at(outcome: Outcome, name: str, index: int = -1) -> float | None:
    """Return what was measured beside a search, by default the last time; None where nothing was."""
    curve = outcome.diagnostics.get(name, np.array([]))
    known = curve[~np.isnan(curve)]
    return float(known[index]) if len(known) else None


def loss_at(outcome: Outcome, index: int = -1) -> float | None:
    """Return the weights' training loss of one epoch, by default the last; None where there is none."""
    value = float(outcome.loss[index]) if len(outcome.loss) > 1 else math.nan
    return None if math.isnan(value) else value


def own_accuracy_key(outcome: Outcome) -> str | None:
    """Return the key of the test accuracy on the searched data set with the longest training; None without one."""
    keys = [key for key in outcome.accuracy if key.startswith(f"{outcome.dataset}/test/")]
    return max(keys, key=lambda key: int(key.split("/")[2]), default=None)
