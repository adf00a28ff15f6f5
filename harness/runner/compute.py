"""Answer computed trials: run black-box searchers on the table, look architectures up, check theory."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import HarnessError, nearest
from harness.methods.blackbox.spec import Bohb, RandomSearch, RegularisedEvolution, Reinforce, Searcher
from harness.methods.computed import ComputedSpec, FixedArchitecture, LayerShuffling, Optimum, TheoryCheck
from harness.spaces.registry import DEFAULT, published

if TYPE_CHECKING:
    from harness.benchmarks.nb201 import Nb201Table
    from harness.data.images import Dataset

Values = dict[str, list[float]]


@dataclass(frozen=True)
class Computed:
    """``values``: per key one number per run; ``found``: the architecture of each run, empty where there is none."""

    values: Values
    found: list[str]
    checksum: str | None


def compute(spec: ComputedSpec, table: Nb201Table | None, images: Dataset | None = None, seed: int = 0) -> Computed:
    """Do a computation; ``table`` may be None where `ComputedSpec.needs_table` is false, ``images`` where `trains` is.

    ``seed``: of a computation that trains; others draw by the numbers of their runs.
    """
    computation = spec.computation
    if isinstance(computation, TheoryCheck):
        return Computed(_checked(computation.check), [], None)
    if isinstance(computation, LayerShuffling):
        from harness.engine.shuffling import measure

        assert images is not None
        return Computed(dict(measure(computation, images, seed)), [], None)
    assert table is not None
    match computation:
        case FixedArchitecture(architecture=architecture):
            values, found = table.accuracies([architecture]), [architecture]
        case Optimum():
            every = table.accuracies(table.strings)
            values, found = {key: [max(numbers)] for key, numbers in every.items()}, []
        case RandomSearch() | RegularisedEvolution() | Reinforce() | Bohb():
            values, found = _searched(computation, spec.runs, table)
    return Computed(values, found, table.checksum)


def _searched(computation: Searcher, runs: int, table: Nb201Table) -> tuple[Values, list[str]]:
    from harness.methods.blackbox.problem import Problem
    from harness.methods.blackbox.search import search

    query = computation.query
    space = published(DEFAULT)
    (group,) = space.groups
    edges, options = group.shape
    even = {group.name: [[0.0] * options] * edges}
    strings = [space.discretise(even, {group.name: digits}) for digits in product(range(options), repeat=edges)]
    signal = table.accuracy(strings, dataset=query.dataset, split="valid", epochs=query.epochs)
    seconds = table.train_seconds(strings, query.dataset)
    found = search(computation, Problem(np.asarray(signal), query.seconds(np.asarray(seconds)), group), range(runs))
    architectures = [strings[code] for code in found.codes]
    values = table.accuracies(architectures)
    values["evaluations"] = found.evaluations.astype(float).tolist()
    values["simulated_seconds"] = found.simulated_seconds.tolist()
    return values, architectures


def _checked(name: str) -> Values:
    from harness.theory.checks import CHECKS

    if name not in CHECKS:
        raise HarnessError(f"unknown theory check {name!r}{nearest(name, CHECKS)}")
    return {key: [float(value)] for key, value in CHECKS[name]().measured.items()}
