"""What measurements of strength say: how far alpha, and other criteria, agree with the strength of operations."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from harness.analysis.outcomes import Outcome
from harness.methods.spec import SearchSpec
from harness.methods.strength import Strength, edge_name, edges
from harness.runner.trial import Trial
from harness.spaces.registry import published

if TYPE_CHECKING:
    from harness.benchmarks.nb201 import Nb201Table

Floats = NDArray[np.float64]
Criterion = Literal["alpha", "perturbation", "table", "strength"]
TableMeans = Mapping[str, Mapping[str, float]]  # by edge and operation
CONFIDENCE = 0.95


@dataclass(frozen=True)
class EdgeStrength:
    """One edge of one supernet, all by operation [K] in the order of ``options``.

    ``alpha``: mixing weights by alpha's opinion. ``without``: the supernet's accuracy without the operation (percent).
    ``curves``: accuracies while it was tuned with the operation, and the ``strength`` that they end in. ``capped``:
    they had not settled when the tuning ended.
    """

    seed: int
    name: str
    options: tuple[str, ...]
    alpha: Floats
    without: Floats
    curves: tuple[tuple[float, ...], ...]
    strength: Floats
    capped: tuple[bool, ...]

    @property
    def cell(self) -> str:
        """Return the cell type."""
        return self.name.partition("/")[0]

    def scores(self, by: Criterion, means: TableMeans | None = None) -> Floats | None:
        """Return what a criterion says of the operations, higher being better; None where the table has no such edge.

        ``perturbation``: DARTS-PT's, the accuracy that goes with the operation. ``table``: mean accuracy of the
        architectures that have it there, ``means``.
        """
        if by != "table":
            return {"alpha": self.alpha, "perturbation": -self.without, "strength": self.strength}[by]
        of_edge = (means or {}).get(self.name, {})
        known = all(option in of_edge for option in self.options)
        return np.array([of_edge[option] for option in self.options]) if known else None


def measures_strength(trials: Iterable[Trial]) -> bool:
    """Tell whether any of the trials measures strength."""
    return any(isinstance(trial.spec, SearchSpec) and isinstance(trial.spec.select, Strength) for trial in trials)


def edge_strengths(outcomes: Iterable[Outcome]) -> list[EdgeStrength]:
    """Return the edges that were measured, in the order of the outcomes; of searches none."""
    return [edge for outcome in outcomes for edge in _edges(outcome)]


def _edges(outcome: Outcome) -> Iterator[EdgeStrength]:
    chosen = json.loads(outcome.setup)["search"].get("select", {})
    if chosen.get("name") != "strength" or not outcome.done:
        return
    part = Strength.model_validate(chosen)
    for group in outcome.groups:
        for row, options in enumerate(group.options):
            name = edge_name(group, row)
            series = [outcome.diagnostics.get(f"strength/{name}/{option}") for option in options]
            curves = tuple(tuple(curve[~np.isnan(curve)].tolist()) for curve in series if curve is not None)
            if curves:
                yield EdgeStrength(
                    seed=outcome.seed,
                    name=name,
                    options=options,
                    alpha=outcome.weights[group.name][-1, row].astype(np.float64),
                    without=np.array([outcome.diagnostics[f"without/{name}/{option}"][-1] for option in options]),
                    curves=curves,
                    strength=np.array([part.value(curve) for curve in curves]),
                    capped=tuple(not part.settled(curve) for curve in curves),
                )


def agreement(scores: Floats, strength: Floats) -> float:
    """Return Kendall's tau-b of scores [K] with strengths [K]; 0 where either says nothing, all being equal."""
    from scipy.stats import kendalltau

    tau = float(kendalltau(scores, strength).statistic)
    return 0.0 if math.isnan(tau) else tau


def is_strongest(scores: Floats, strength: Floats) -> bool:
    """Tell whether the best by ``scores`` (of equals the first) is one of the strongest."""
    return bool(strength[int(np.argmax(scores))] == strength.max())


def rank(scores: Floats, option: int) -> float:
    """Return the place of an option from 1, the lowest score, up; equals share the mean of their places."""
    from scipy.stats import rankdata

    return float(rankdata(scores)[option])


def mean_agreement(measured: Iterable[EdgeStrength], by: Criterion) -> float | None:
    """Return the mean over edges of the agreement of a criterion with strength; None without edges."""
    scored = ((edge.scores(by), edge.strength) for edge in measured)
    return _mean(agreement(scores, strength) for scores, strength in scored if scores is not None)


def agreement_table(measured: Sequence[EdgeStrength], by: Criterion, means: TableMeans | None = None) -> Floats:
    """Return the agreement of a criterion with strength [seeds, edges], both in the order of their appearance.

    NaN where an edge was not measured, or the criterion does not know it.
    """
    seeds, names = seeds_of(measured), names_of(measured)
    table = np.full((len(seeds), len(names)), np.nan)
    for edge in measured:
        if (scores := edge.scores(by, means)) is not None:
            table[seeds.index(edge.seed), names.index(edge.name)] = agreement(scores, edge.strength)
    return table


def seeds_of(measured: Iterable[EdgeStrength]) -> list[int]:
    """List the seeds."""
    return list(dict.fromkeys(edge.seed for edge in measured))


def names_of(measured: Iterable[EdgeStrength]) -> list[str]:
    """List the names of the edges."""
    return list(dict.fromkeys(edge.name for edge in measured))


def strongest_edges(measured: Iterable[EdgeStrength], by: Criterion) -> float:
    """Count the edges whose best operation by a criterion is the strongest."""
    scored = ((edge.scores(by), edge.strength) for edge in measured)
    return float(sum(is_strongest(scores, strength) for scores, strength in scored if scores is not None))


def mean_rank(measured: Iterable[EdgeStrength], by: Criterion, operation: str) -> float | None:
    """Return the mean place of an operation among those of its edge (`rank`); None where no edge has it."""
    having = ((edge.scores(by), edge.options.index(operation)) for edge in measured if operation in edge.options)
    return _mean(rank(scores, option) for scores, option in having if scores is not None)


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return sum(found) / len(found) if found else None


def interval(values: Floats, least: float, most: float) -> tuple[float, float] | None:
    """Return Student's interval (95%) of the mean of values within limits, one per seed; None for less than two.

    Edges of one supernet are not independent, seeds are: each gives one value.
    """
    from scipy.stats import t

    if len(values) < 2:
        return None
    width = t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values))
    mean = float(np.mean(values))
    return max(least, mean - float(width)), min(most, mean + float(width))


def capped_share(measured: Sequence[EdgeStrength]) -> tuple[int, int]:
    """Return on how many discretisations the cap of tuning bound, and how many there are."""
    return sum(sum(edge.capped) for edge in measured), sum(len(edge.capped) for edge in measured)


def table_means(table: Nb201Table) -> TableMeans:
    """Return by edge and operation the mean CIFAR-10 test accuracy (200 epochs) of the architectures that have it."""
    space = published("nb201")
    accuracy = table.accuracy(list(table.strings), dataset="cifar10", split="test", epochs=200)
    [chosen] = {cell: [] for cell in space.cell_types}.values()
    for text in table.strings:
        [of_cell] = space.operations(text).values()
        chosen.append([edge.operation for edge in of_cell])
    held = np.array(chosen)  # [n, edges]
    return {
        name: {option: float(accuracy[held[:, place] == option].mean()) for option in group.options[row]}
        for place, (name, (group, row)) in enumerate(edges(space).items())
    }
