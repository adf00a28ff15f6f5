"""What a search is described by in a design: one number per response and trial, in a table of trials."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.analysis.evidence import Evidence
from harness.analysis.measures import accuracy_at, history, magnitude_at, own_accuracy_key
from harness.analysis.outcomes import Outcome
from harness.methods.stops import MagnitudePeak
from harness.spaces.registry import published
from harness.suite.hypotheses import DEFAULT_LEVELS
from harness.suite.schema import Suite

if TYPE_CHECKING:
    from pandas import DataFrame

    from harness.benchmarks.nb201 import Nb201Table

COLLAPSED = 79.57  # percent: nine tenths of NAS-Bench-201's architectures are above it (CIFAR-10 test, 200 epochs)
JUDGED = "cifar10/test/200"  # what both are of
RANDOM = 87.06  # percent: what they have in the mean
WITHIN = 5.0  # points from the best that a search ever had, which count as not collapsed yet
RESPONSES = {  # by name: what it is, and its unit
    "accuracy": ("accuracy of the last epoch's architecture", "points"),
    "regret": ("what the best architecture of these operations has more", "points"),
    "collapsed": (f"share of searches that end below {COLLAPSED} %", "share"),
    "skip": ("weight of the skip connection at the end", "of an edge"),
    "skips": ("edges with a skip connection in what is found", "edges"),
    "convolution": ("weight of the 3x3 convolution at the end", "of an edge"),
    "collapse-epoch": (f"share of the epochs until never again within {WITHIN:g} points of the search's best", ""),
    "best": ("accuracy of the best epoch's architecture", "points"),
    "selective-stop": ("accuracy where the selective stop (SS) ends", "points"),
    "supernet-accuracy": ("accuracy of the supernet at the end", "points"),
    "eigenvalue": ("dominant eigenvalue at the end", ""),
}
Best = Callable[[Sequence[str]], float]  # the best accuracy, percent, of architectures of these operations


def trials_of(suite: Suite, evidence: Evidence, best: Best | None = None) -> DataFrame:
    """Return the done searches of all grids: table, row, seed, a level of every factor, responses.

    A factor that a trial's grid does not have is missing, but for those of `DEFAULT_LEVELS`. Stand-ins for images that
    are not at hand are left out.
    """
    import pandas as pd

    every = [{**DEFAULT_LEVELS, **row.levels} for entry in suite.tables.values() for row in entry.rows.values()]
    columns = dict.fromkeys(["table", "row", "seed", *(factor for levels in every for factor in levels), *RESPONSES])
    return pd.DataFrame(list(_rows(suite, evidence, best)), columns=list(columns))


def _rows(suite: Suite, evidence: Evidence, best: Best | None) -> Iterator[dict[str, Any]]:
    for table, entry in suite.tables.items():
        for row, settings in entry.rows.items() if entry.grid else ():
            for outcome in evidence.done(evidence.of_row(f"{table}/{row}")):
                if outcome.architectures and not outcome.embedded:
                    levels = {**DEFAULT_LEVELS, **settings.levels}
                    yield {"table": table, "row": row, "seed": outcome.seed, **levels, **responses(outcome, best)}


def responses(outcome: Outcome, best: Best | None = None) -> dict[str, float]:
    """Return the responses of one search; NaN where a number is not known."""
    key = own_accuracy_key(outcome)
    curve = outcome.accuracy[key][1:] if key else np.array([])
    last = accuracy_at(outcome, key) if key else None
    supernet = outcome.diagnostics.get("supernet-accuracy", np.array([]))
    skip, convolution = outcome.space.telling
    stop = MagnitudePeak(name="magnitude-peak", equation=13, operation=convolution)
    return {
        "accuracy": _number(last),
        "regret": _number(None if best is None or last is None else best(_operations(outcome)) - last),
        "collapsed": _number(None if last is None or key != JUDGED else float(last < COLLAPSED)),
        "skip": _number(magnitude_at(outcome, skip)),
        "skips": float(sum(edge.operation == skip for edges in outcome.cells[-1].values() for edge in edges)),
        "convolution": _number(magnitude_at(outcome, convolution)),
        "collapse-epoch": collapse_epoch(curve) if len(curve) else np.nan,
        "best": float(np.nanmax(curve)) if len(curve) else np.nan,
        "selective-stop": _number(accuracy_at(outcome, key, stop.epoch(history(outcome, key))) if key else None),
        "supernet-accuracy": _last_known(supernet),
        "eigenvalue": _last_known(outcome.eigenvalues),
    }


def best_of(table: Nb201Table) -> Best:
    """Return what gives the best test accuracy on CIFAR-10 of the architectures that are made of some operations."""
    accuracies, space = table.accuracies(table.strings)[JUDGED], published("nb201")
    used = [
        frozenset(edge.operation for edges in space.operations(text).values() for edge in edges)
        for text in table.strings
    ]

    @cache
    def best(operations: Sequence[str]) -> float:
        return max(a for a, of in zip(accuracies, used, strict=True) if of <= set(operations))

    return best


def collapse_epoch(curve: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """Return after which share of the epochs [epochs] no architecture is within `WITHIN` points of the search's best.

    1: the last one still is. Of a search that starts at its best and falls at once it is the share of one epoch.
    """
    return float(1 + np.flatnonzero(curve >= np.nanmax(curve) - WITHIN)[-1]) / len(curve)


def _operations(outcome: Outcome) -> tuple[str, ...]:
    return tuple(json.loads(outcome.setup)["search"]["space"]["ops"])


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)


def _last_known(curve: Any) -> float:
    known = curve[~np.isnan(curve)]
    return float(known[-1]) if len(known) else np.nan
