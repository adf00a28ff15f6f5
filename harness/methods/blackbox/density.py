"""The model of BOHB: kernel densities of good and bad architectures, and the candidate that separates them best.

Follows HpBandSter, whose results NAS-Bench-201 reports, down to its corners: the rule of thumb takes operation
codes for numbers, so that bandwidths exceed 1 and densities may be infinite, negative or not a number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.methods.blackbox.problem import Codes, Problem, Values
from harness.methods.blackbox.spec import Bohb

if TYPE_CHECKING:
    from statsmodels.nonparametric.kernel_density import KDEMultivariate

_TINY = 1e-32


class Observations:
    """What was seen at the largest budget that can carry a model, and at larger ones; all runs alike."""

    def __init__(self, spec: Bohb, problem: Problem) -> None:
        self.problem = problem
        self._fewest = problem.group.shape[0] + 1  # a density needs more points than variables
        self._top_percent = spec.top_percent
        self._model_budget = 0.0
        self._seen: dict[float, list[tuple[Codes, Values]]] = {}

    def add(self, budget: float, codes: Codes, signals: Values) -> None:
        """Note one query per run, [runs] each; below the budget of the model it is of no use any more."""
        if budget < self._model_budget:
            return
        seen = self._seen.setdefault(budget, [])
        seen.append((codes, signals))
        if len(seen) - self._good(len(seen)) >= self._fewest:
            self._model_budget = budget

    def split(self) -> tuple[Codes, Codes] | None:
        """Return the operations of good and of bad architectures, [runs, points, edges]; None: too few seen yet."""
        if not self._model_budget:
            return None
        seen = self._seen[self._model_budget]
        codes, signals = (np.stack(column, axis=1) for column in zip(*seen, strict=True))
        order = np.argsort(-signals, axis=1, kind="stable")
        good = self._good(len(seen))
        bad = max(self._fewest, int((100 - self._top_percent) * len(seen) // 100))
        points = self.problem.digits(np.take_along_axis(codes, order[:, : good + bad], axis=1))
        return points[:, :good], points[:, good:]

    def _good(self, points: int) -> int:
        return max(self._fewest, int(self._top_percent * points // 100))


def propose(spec: Bohb, problem: Problem, good: Codes, bad: Codes, generator: np.random.Generator) -> int:
    """Return the architecture code, out of ``num_samples`` candidates, of least bad over good density.

    ``good``, ``bad``: options [points, edges]. A candidate is a good point of which each operation is redrawn with
    a probability of its bandwidth. Where no candidate has a ratio at all, the architecture is random.
    """
    good_density, bad_density = _fit(good, spec.min_bandwidth), _fit(bad, spec.min_bandwidth)
    edges, options = problem.group.shape
    shape = (spec.num_samples, edges)
    centres = good[generator.integers(len(good), size=spec.num_samples)]
    redrawn = generator.random(shape) >= 1 - good_density.bw
    candidates = np.where(redrawn, generator.integers(options, size=shape), centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        goods = np.atleast_1d(good_density.pdf(candidates))
        bads = np.atleast_1d(bad_density.pdf(candidates))
    chosen = choose(goods.tolist(), bads.tolist())
    return int(generator.integers(problem.size)) if chosen is None else int(candidates[chosen] @ problem.places)


def choose(goods: list[float], bads: list[float]) -> int | None:
    """Return the candidate of least ``bad / good``; None where no ratio is a number.

    A candidate of infinite ratio and finite good density has an operation that no bad point has: taken at once.
    """
    best, least = None, np.inf
    for candidate, (good, bad) in enumerate(zip(goods, bads, strict=True)):
        # The order of the arguments matters: `max` keeps its first where the second is not a number.
        ratio = max(_TINY, bad) / max(good, _TINY)
        if not np.isfinite(ratio) and np.isfinite(good):
            return candidate
        if ratio < least:
            best, least = candidate, ratio
    return best


def _fit(points: Codes, min_bandwidth: float) -> KDEMultivariate:
    from statsmodels.nonparametric.kernel_density import KDEMultivariate  # pulls pandas and scipy: slow to import

    # The generator is not used by this rule of bandwidths, but its absence is warned of.
    density = KDEMultivariate(points, var_type="u" * points.shape[1], bw="normal_reference", rng=0)
    density.bw = np.maximum(density.bw, min_bandwidth)
    return density
