"""What a search leaves for rules to read: mixing weights by group, and how large those of an operation are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.spaces.space import Edge, Group

if TYPE_CHECKING:  # imported inside functions, so that listing and validating stay quick
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class History:
    """What a stop rule sees of one search; index 0 is the state before training.

    Rules count in one cell type, the space's first, as the papers do: ``groups`` are its groups, ``weights`` their
    mixing weights by name [epochs + 1, rows, options], ``cells`` its edges in every epoch's architecture.
    ``accuracy``: of every epoch's architecture on what a row's column asks for [epochs + 1], percent, NaN where
    unknown. ``eigenvalues``: the largest of the alpha-Hessian [epochs + 1], NaN where not measured.
    """

    groups: tuple[Group, ...]
    weights: Mapping[str, Array]
    cells: Sequence[tuple[Edge, ...]]
    accuracy: Array
    eigenvalues: Array

    @property
    def last(self) -> int:
        """Return the last epoch."""
        return len(self.cells) - 1

    @property
    def magnitudes(self) -> dict[str, Array]:
        """Return the operation magnitudes of the cell type."""
        return magnitudes(self.groups, self.weights)


def magnitudes(groups: Sequence[Group], weights: Mapping[str, Array]) -> dict[str, Array]:
    """Return the operation magnitudes m(t, o) [epochs + 1] by operation, of the groups of one cell type.

    The mean over the N edges that offer the operation, m(t, o) = sum_n a_o^n(t) / N (Delve, Eq. 11); ``weights``: by
    group [epochs + 1, rows, options]. An edge that offers it twice counts with the sum.
    """
    import numpy as np

    found: dict[str, Array] = {}
    groups = [group for group in groups if not group.links]
    names = dict.fromkeys(name for group in groups for row in group.options for name in row)
    for name in names:
        offered = [(group, np.array([[option == name for option in row] for row in group.options])) for group in groups]
        total = sum((weights[group.name] * at).sum(axis=2).sum(axis=1) for group, at in offered)
        found[name] = np.asarray(total / sum(at.any(axis=1).sum() for _, at in offered), dtype=np.float64)
    return found
