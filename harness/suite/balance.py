"""How far a design is from orthogonal, by canonical correlations: they do not depend on how levels are coded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # imported inside functions, so that listing and validating stay quick
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

RANK = 1e-9  # singular values below it, of the largest, are none


@dataclass(frozen=True)
class Correlation:
    """The largest canonical correlation between the effects of two terms, each one factor or two."""

    value: float
    of: tuple[str, ...]
    other: tuple[str, ...]


def main_effects(cells: Sequence[Mapping[str, str]]) -> list[Correlation]:
    """Return the correlations between the main effects of every two factors, the largest first."""
    terms = {factor: _basis(_contrasts([cell[factor] for cell in cells])) for factor in cells[0]}
    found = [Correlation(_canonical(terms[a], terms[b]), (a,), (b,)) for a, b in combinations(terms, 2)]
    return sorted(found, key=lambda correlation: -correlation.value)


def with_two_way(cells: Sequence[Mapping[str, str]]) -> list[Correlation]:
    """Return the correlations of each main effect with the interaction of every two other factors, the largest first.

    An interaction is the products of the two factors' contrasts.
    """
    contrasts = {factor: _contrasts([cell[factor] for cell in cells]) for factor in cells[0]}
    bases = {factor: _basis(columns) for factor, columns in contrasts.items()}
    found = [
        Correlation(_canonical(bases[factor], _basis(_products(contrasts[a], contrasts[b]))), (factor,), (a, b))
        for a, b in combinations(contrasts, 2)
        for factor in contrasts
        if factor not in (a, b)
    ]
    return sorted(found, key=lambda correlation: -correlation.value)


def _contrasts(levels: Sequence[str]) -> Matrix:
    """Return columns [cells, levels - 1] that span all contrasts: each level against the last."""
    import numpy as np

    *names, last = dict.fromkeys(levels)
    column = np.array(levels)
    return np.stack([(column == name).astype(float) - (column == last) for name in names], axis=1)


def _products(one: Matrix, other: Matrix) -> Matrix:
    return (one[:, :, None] * other[:, None, :]).reshape(len(one), -1)


def _basis(columns: Matrix) -> Matrix:
    """Return an orthonormal basis of what columns span beside the mean."""
    import numpy as np

    left, values, _ = np.linalg.svd(columns - columns.mean(axis=0), full_matrices=False)
    return np.asarray(left[:, values > RANK * max(values.max(), 1.0)])


def _canonical(one: Matrix, other: Matrix) -> float:
    import numpy as np

    return float(np.linalg.svd(one.T @ other, compute_uv=False).max(initial=0.0))
