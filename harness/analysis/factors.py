"""What the factors of a design say of a response: main effects, shares of its variance, and what chance would give."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.analysis.contrasts import Estimate, estimate
from harness.errors import HarnessError
from harness.suite.hypotheses import Contrast

if TYPE_CHECKING:
    from pandas import DataFrame

Matrix = NDArray[np.float64]
SEPARATED = 12.0  # log odds beyond which a fit is one that runs away


@dataclass(frozen=True)
class MainEffect:
    """How much a level of a factor gives over the factor's first; None: what the trials cannot tell, and why."""

    factor: str
    level: str
    first: str
    found: Estimate | None
    reason: str = ""


@dataclass(frozen=True)
class Share:
    """The part of a response's variance that a term explains (omega squared), with its 95% interval by bootstrap."""

    term: tuple[str, ...]
    share: float
    low: float
    high: float


def main_effects(trials: DataFrame, response: str, levels: dict[str, list[str]]) -> list[MainEffect]:
    """Return the effect of every level against its factor's first; ``levels``: by factor, in their order."""
    found = []
    for factor, (first, *others) in levels.items():
        for level in others:
            try:
                effect = Contrast(left={factor: level}, right={factor: first})
                found.append(MainEffect(factor, level, first, estimate(trials, response, list(levels), effect)))
            except HarnessError as error:
                found.append(MainEffect(factor, level, first, None, str(error)))
    return found


def terms(factors: Sequence[str], order: int) -> list[tuple[str, ...]]:
    """Return the factors and their interactions up to an order."""
    return [term for size in range(1, order + 1) for term in combinations(factors, size)]


def shares(
    trials: DataFrame, response: str, factors: Sequence[str], order: int, draws: int = 1000, seed: int = 0
) -> list[Share]:
    """Return what each term explains of the variance, seeds as a term of their own, one after the other in this order.

    The order is of no account where cells are balanced. A draw of the bootstrap keeps what cells and seeds have in the
    mean, and takes what a trial has beside anew from its cell, with replacement.
    """
    random = np.random.default_rng(seed)
    trials = trials[trials[response].notna()]
    y, cells = trials[response].to_numpy(dtype=float), trials.groupby(list(factors), sort=False).ngroup().to_numpy()
    every = [("seed",), *terms(factors, order)]
    bases = _successive(trials, every)
    seen = _omega(y, bases)
    expected, rest = _additive(trials, response, cells)
    members = [np.flatnonzero(cells == cell) for cell in range(int(cells.max()) + 1)]
    places, drawn = np.concatenate(members), np.empty((draws, len(every)))
    for draw in range(draws):
        values = expected.copy()
        values[places] += rest[np.concatenate([random.choice(of_cell, len(of_cell)) for of_cell in members])]
        drawn[draw] = _omega(values, bases)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return [Share(term, float(seen[i]), float(low[i]), float(high[i])) for i, term in enumerate(every)]


def _additive(trials: DataFrame, response: str, cells: NDArray[np.int64]) -> tuple[Matrix, Matrix]:
    """Return what cells and seeds have in the mean, and what each trial has beside, as wide as its cell's variance."""
    y = trials[response]
    of_seeds = y.groupby(trials["seed"]).transform("mean") - y.mean()
    of_cells = (y - of_seeds).groupby(cells).transform("mean")
    count = y.groupby(cells).transform("size")
    rest = (y - of_cells - of_seeds) * np.sqrt(count / np.maximum(count - 1, 1))
    return (of_cells + of_seeds).to_numpy(dtype=float), rest.to_numpy(dtype=float)


def _successive(trials: DataFrame, every: Sequence[tuple[str, ...]]) -> list[Matrix]:
    """Return orthonormal bases of what each term adds to those before it and the mean."""
    found: list[Matrix] = [np.full((len(trials), 1), len(trials) ** -0.5)]
    for term in every:
        columns = np.ones((len(trials), 1))
        for factor in term:
            names = sorted(trials[factor].unique())
            values = trials[factor].to_numpy()
            own = np.stack([(values == n).astype(float) - (values == names[-1]) for n in names[:-1]], axis=1)
            columns = (columns[:, :, None] * own[:, None, :]).reshape(len(trials), -1)
        known = np.hstack(found)
        left, sizes, _ = np.linalg.svd(columns - known @ (known.T @ columns), full_matrices=False)
        found.append(left[:, sizes > 1e-9 * max(sizes.max(initial=0.0), 1.0)])
    return found[1:]


def _omega(y: Matrix, bases: Sequence[Matrix]) -> Matrix:
    """Return omega squared of each term: its sum of squares less what chance gives it, over the total."""
    centred = y - y.mean()
    total = float(centred @ centred)
    explained = np.array([float(np.sum((basis.T @ centred) ** 2)) for basis in bases])
    sizes = np.array([basis.shape[1] for basis in bases])
    rest = len(y) - 1 - int(sizes.sum())
    chance = max(total - float(explained.sum()), 0.0) / rest if rest > 0 else 0.0
    return (explained - sizes * chance) / (total + chance) if total + chance > 0 else np.zeros(len(bases))


def chance_of_all(trials: DataFrame, response: str, factors: Sequence[str], draws: int = 2000, seed: int = 0) -> float:
    """Return the p-value of all main effects together: how often values that are dealt out anew explain as much.

    Within each seed, over its cells.
    """
    random = np.random.default_rng(seed)
    trials = trials[trials[response].notna()].sort_values("seed")
    basis = np.hstack(_successive(trials, terms(factors, 1)))
    y, seeds = trials[response].to_numpy(dtype=float), trials["seed"].to_numpy()
    blocks = [np.flatnonzero(seeds == name) for name in sorted(set(seeds.tolist()))]
    y = y - np.concatenate([np.full(len(block), y[block].mean()) for block in blocks])
    seen, above = float(np.sum((basis.T @ y) ** 2)), 1
    for _ in range(draws):
        dealt = np.concatenate([random.permutation(y[block]) for block in blocks])
        above += float(np.sum((basis.T @ dealt) ** 2)) >= seen - 1e-9
    return above / (draws + 1)


def exact_collapse(trials: DataFrame, factors: Sequence[str], effect: Contrast) -> tuple[float, float] | None:
    """Return the exact one-sided p-values of more, and of fewer, collapses on the left than on the right.

    Conditional on how many searches collapse at each combination of the other factors (as exact logistic regression
    is); None where a combination lacks one of the sides.
    """
    from scipy import stats

    others = [factor for factor in factors if factor not in effect.left]
    both = [
        trials[(trials[list(levels)] == list(levels.values())).all(axis=1)] for levels in (effect.left, effect.right)
    ]
    groups = [
        {key: group["collapsed"].dropna() for key, group in (side.groupby(others) if others else [((), side)])}
        for side in both
    ]
    if not groups[0] or groups[0].keys() != groups[1].keys():
        return None
    chances, total = np.ones(1), 0
    for key in groups[0]:
        left, right = groups[0][key], groups[1][key]
        n, m, collapsed = len(left), len(right), int(left.sum() + right.sum())
        chances = np.convolve(chances, stats.hypergeom(n + m, collapsed, n).pmf(np.arange(n + 1)))
        total += int(left.sum())
    return float(chances[total:].sum()), float(chances[: total + 1].sum())


def paired_collapse(trials: DataFrame, factors: Sequence[str], effect: Contrast) -> tuple[float, float] | None:
    """As `exact_collapse`, of two sides that start from one supernet for each seed: McNemar's exact test."""
    from scipy import stats

    keys = [*(factor for factor in factors if factor not in effect.left), "seed"]
    left, right = (
        trials[(trials[list(levels)] == list(levels.values())).all(axis=1)].set_index(keys)["collapsed"].dropna()
        for levels in (effect.left, effect.right)
    )
    both = left.to_frame("left").join(right.to_frame("right"), how="inner")
    if both.empty:
        return None
    more, fewer = int((both["left"] > both["right"]).sum()), int((both["left"] < both["right"]).sum())
    if more + fewer == 0:
        return 1.0, 1.0
    above, below = (stats.binomtest(more, more + fewer, alternative=side).pvalue for side in ("greater", "less"))
    return float(above), float(below)


def collapse_odds(trials: DataFrame, levels: dict[str, list[str]]) -> dict[tuple[str, str], tuple[float, float, float]]:
    """Return the log odds of a collapse by factor and level against the first, each with its 95% interval.

    Logistic regression on all main effects, clustered by cell. Empty where they separate the collapses from the rest,
    so that no finite odds fit.
    """
    import statsmodels.api as sm
    from statsmodels.tools.sm_exceptions import PerfectSeparationError, PerfectSeparationWarning

    trials = trials[trials["collapsed"].notna()]
    names, columns = [], [np.ones(len(trials))]
    for factor, (_, *others) in levels.items():
        for level in others:
            names.append((factor, level))
            columns.append((trials[factor] == level).to_numpy(dtype=float))
    cells = trials.groupby(list(levels), sort=False).ngroup().to_numpy()
    model = sm.GLM(trials["collapsed"].to_numpy(dtype=float), np.stack(columns, axis=1), family=sm.families.Binomial())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", PerfectSeparationWarning)
            fitted = model.fit(cov_type="cluster", cov_kwds={"groups": cells})
    except (PerfectSeparationError, PerfectSeparationWarning, np.linalg.LinAlgError):
        return {}
    bounds: Any = fitted.conf_int()
    if np.abs(fitted.params).max() > SEPARATED:
        return {}
    return {
        name: (float(fitted.params[i]), float(bounds[i][0]), float(bounds[i][1]))
        for i, name in enumerate(names, start=1)
    }
