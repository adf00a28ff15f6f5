"""Delve, Figure 6(a): accuracies of the architectures in which one operation holds more than half of the edges.

Also means and quantiles of the whole table, to see a published accuracy against.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.audit.table import COLUMNS, SPACE, Floats, Integers, TableValues

HALF = SPACE.edges // 2


@dataclass(frozen=True)
class Majority:
    """The architectures with a majority of one operation: its edges [n], 4 to 6, and the test accuracies [n].

    ``accuracy``: by data set, in percent.
    """

    operation: str
    edges: Integers
    accuracy: dict[str, Floats]


def figure6a(table: TableValues) -> list[Majority]:
    """Return the data of Figure 6(a), an entry per operation in the order of the space."""
    operations = np.array([table.operations(row) for row in range(len(table.strings))])  # [n, edges]
    majorities = []
    for operation in SPACE.names():
        held = (operations == operation).sum(axis=1)
        chosen = np.flatnonzero(held > HALF)
        accuracy = {
            dataset: table.accuracy[chosen, column]
            for column, (dataset, split) in enumerate(COLUMNS)
            if split == "test"
        }
        majorities.append(Majority(operation, held[chosen], accuracy))
    return majorities
