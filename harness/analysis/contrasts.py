"""An effect of a factor in a design, with an interval: seeds are blocks, variances may differ from cell to cell.

Where every combination of the other factors has both sides, the effect is the mean of their differences: a model of
cell means with the seeds as blocks, its covariance by HC3, Satterthwaite's degrees of freedom for the contrast.
Elsewhere, in an array, it is a main effect among main effects, estimated from the cells' means: what they leave over,
interactions and chance, is the scatter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.suite.hypotheses import Contrast

if TYPE_CHECKING:
    from pandas import DataFrame

Matrix = NDArray[np.float64]
TINY = 1e-12


@dataclass(frozen=True)
class Estimate:
    """An effect with its standard error and degrees of freedom; ``matched``: cell by cell, not by a model."""

    effect: float
    error: float
    freedom: float
    cells: int
    trials: int
    matched: bool

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the two-sided interval."""
        from scipy import stats

        reach = float(stats.t.ppf((1 + confidence) / 2, self.freedom)) * self.error
        return self.effect - reach, self.effect + reach

    def p_above(self, bound: float = 0.0) -> float:
        """Return the one-sided p-value of the effect being above a bound."""
        from scipy import stats

        return float(stats.t.sf((self.effect - bound) / max(self.error, TINY), self.freedom))

    def p_below(self, bound: float = 0.0) -> float:
        """Return the one-sided p-value of the effect being below a bound."""
        return 1.0 - self.p_above(bound)


def estimate(
    trials: DataFrame, response: str, factors: Sequence[str], effect: Contrast, at: Contrast | None = None
) -> Estimate:
    """Estimate a contrast from trials that have a level of each of ``factors``, a ``seed`` and the ``response``.

    Raises `HarnessError` where there is nothing to compare, or no scatter could be told.
    """
    trials = trials[trials[response].notna()]
    sides = _sides(trials, effect, at)
    named = {*effect.left, *(at.left if at else ())}
    others = [factor for factor in factors if factor not in named]
    chosen = trials[sides != 0]
    wanted = 2 if at is None else 4
    combined = chosen.drop_duplicates([*factors])
    counted = combined.groupby(others).size().tolist() if others else [len(combined)]
    if len(chosen) and all(count == wanted for count in counted):
        return _matched(chosen, response, list(factors), sides[sides != 0] / len(counted))
    if at is not None:
        raise HarnessError("the effect of an interaction needs every combination of the other factors")
    return _modelled(trials, response, list(factors), effect)


def _sides(trials: DataFrame, effect: Contrast, at: Contrast | None) -> Any:
    """Return 1 for trials on the left, -1 on the right, 0 elsewhere; of an interaction, the products."""
    sides = _side(trials, effect)
    return sides if at is None else sides * _side(trials, at)


def _side(trials: DataFrame, contrast: Contrast) -> Any:
    left, right = (_having(trials, levels) for levels in (contrast.left, contrast.right))
    return left.astype(int) - right.astype(int)


def _having(trials: DataFrame, levels: Mapping[str, str]) -> Any:
    found = trials["seed"] >= 0
    for factor, level in levels.items():
        found &= trials[factor] == level
    return found


def _matched(trials: DataFrame, response: str, factors: list[str], weights: Any) -> Estimate:
    """Estimate the weighted sum of cell means. ``weights``: of each trial's cell."""
    import statsmodels.api as sm

    cells = trials.groupby(factors, sort=False, dropna=False).ngroup().to_numpy()
    y, seeds = trials[response].to_numpy(dtype=float), trials["seed"].to_numpy()
    count = int(cells.max()) + 1
    per_cell = np.bincount(cells)
    if per_cell.min() < 2:
        raise HarnessError("a cell with a single trial has no scatter")
    of_cells = np.zeros(count)
    of_cells[cells] = np.asarray(weights, dtype=float)
    design = np.hstack([np.eye(count)[cells], _blocks(seeds)])
    contrast = np.concatenate([of_cells, np.zeros(design.shape[1] - count)])
    fitted = sm.OLS(y, design).fit(cov_type="HC3")
    tested = fitted.t_test(contrast)
    variances = of_cells**2 * np.bincount(cells, fitted.resid**2) / (per_cell - 1) / per_cell
    parts = np.sum(variances**2 / (per_cell - 1))
    freedom = float(np.sum(variances) ** 2 / parts) if parts > TINY**2 else float(per_cell.min() - 1)
    return Estimate(float(tested.effect[0]), float(tested.sd[0, 0]), freedom, count, len(y), True)


def _blocks(seeds: NDArray[Any]) -> Matrix:
    """Return columns for the seeds that sum to 0 over them: what a seed shifts in all cells."""
    names = sorted(set(seeds.tolist()))
    columns = [(seeds == name).astype(float) - (seeds == names[-1]) for name in names[:-1]]
    return np.stack(columns, axis=1) if columns else np.zeros((len(seeds), 0))


def _modelled(trials: DataFrame, response: str, factors: list[str], effect: Contrast) -> Estimate:
    """Estimate a main effect among all main effects, from the means of the cells."""
    import statsmodels.api as sm

    means = trials.groupby(factors, sort=False)[response].mean().reset_index()
    columns, contrast = [np.ones(len(means))], [0.0]
    for factor in factors:
        names = sorted(means[factor].unique())
        values = means[factor].to_numpy()
        for name in names[:-1]:
            columns.append((values == name).astype(float) - (values == names[-1]))
            contrast.append(_share(effect, factor, name) - _share(effect, factor, names[-1]))
    design = np.stack(columns, axis=1)
    if len(means) <= design.shape[1] or np.linalg.matrix_rank(design) < design.shape[1]:
        raise HarnessError(f"{len(means)} cells do not tell the effects of {len(factors)} factors apart")
    fitted = sm.OLS(means[response].to_numpy(dtype=float), design).fit(cov_type="HC3")
    tested = fitted.t_test(np.array(contrast))
    return Estimate(
        float(tested.effect[0]), float(tested.sd[0, 0]), float(fitted.df_resid), len(means), len(trials), False
    )


def _share(effect: Contrast, factor: str, level: str) -> float:
    """Return the weight of a level's main effect in a contrast."""
    if factor not in effect.left:
        return 0.0
    return float(effect.left[factor] == level) - float(effect.right[factor] == level)
