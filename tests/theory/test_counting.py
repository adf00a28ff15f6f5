from __future__ import annotations

import math
from itertools import combinations, combinations_with_replacement, product

import numpy as np
import pytest

from harness.spaces.nb201 import encoding as nb201
from harness.theory import counting
from harness.theory.multicollinearity import fit


@pytest.mark.parametrize("operations", [1, 2])
def test_darts_cells_by_enumeration(operations: int) -> None:
    """Write every cell out: for each node, two of its inputs and an operation on each."""
    nodes = [list(product(combinations(range(2 + node), 2), product(range(operations), repeat=2))) for node in range(4)]
    assert counting.darts_cells(operations) == sum(1 for _ in product(*nodes))


def test_darts_edges_by_enumeration() -> None:
    assert counting.darts_edges() == sum(1 for node in range(4) for _ in range(node + 2)) == 14


def test_nasnet_cells_block_by_block() -> None:
    ordered, unordered = [], []
    for block in range(5):
        branches = list(product(range(2 + block), range(13)))
        ordered.append(sum(1 for _ in product(branches, branches, range(2))))
        unordered.append(sum(1 for _ in combinations_with_replacement(branches, 2)))
    assert counting.nasnet_cells() == math.prod(ordered)
    assert counting.nasnet_cells_unordered() == math.prod(unordered)


def test_nb201_is_the_space_that_is_searched() -> None:
    assert (len(nb201.EDGES), len(nb201.OPS)) == (counting.NB201_EDGES, counting.NB201_OPERATIONS)


def test_fit_finds_the_mixture() -> None:
    outputs = np.random.default_rng(12).normal(size=(3, 40))
    target = np.array([0.5, 0.2, 0.3])
    np.testing.assert_allclose(fit(outputs, target @ outputs), target, atol=1e-4)
