"""The search for mixtures against one that tries them all."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from harness.audit.mixture_search import DEVIATIONS, Deviation, Mixture, Target, find_mixtures, partitions
from harness.audit.table import TableValues

COUNTS = [(1, 1), (2, 1), (4, 1), (3, 2), (1, 1, 1), (2, 1, 1), (3, 1, 1), (2, 2, 1)]


def naive(values: np.ndarray, target: Target, counts: tuple[int, ...], deviation: Deviation) -> set[Mixture]:
    """Try every assignment of different architectures to the counts."""
    found = set()
    for members in permutations(range(len(values)), len(counts)):
        runs = np.repeat(values[list(members)], counts, axis=0)
        mean, std = runs.mean(axis=0), runs.std(axis=0, ddof=int(deviation == "sample"))
        near = np.abs(mean - target.mean) <= target.mean_slack
        alike = np.abs(std - target.std) <= target.std_slack
        if near.all() and alike.all():
            pairs = sorted(zip(counts, members, strict=True), key=lambda pair: (-pair[0], pair[1]))
            found.add(Mixture(counts, tuple(member for _, member in pairs), deviation))
    return found


def target_of(values: np.ndarray, members: tuple[int, ...], counts: tuple[int, ...], slack: float, ddof: int) -> Target:
    runs = np.repeat(values[list(members)], counts, axis=0)
    columns = values.shape[1]
    mean, std = np.round(runs.mean(axis=0), 2), np.round(runs.std(axis=0, ddof=ddof), 2)
    return Target(mean, np.full(columns, slack), std, np.full(columns, slack))


@pytest.mark.parametrize("deviation", DEVIATIONS)
@pytest.mark.parametrize("counts", COUNTS, ids=str)
@pytest.mark.parametrize(("columns", "slack"), [(1, 0.01), (2, 0.3), (3, 1.0)])
def test_the_same_as_trying_all(counts: tuple[int, ...], deviation: Deviation, columns: int, slack: float) -> None:
    generator = np.random.default_rng(len(counts) + columns)
    matches = 0
    for _ in range(4):
        values = generator.normal(0, 1, (13, columns)) * generator.choice((0.2, 1, 5), columns)
        members = tuple(generator.permutation(13)[: len(counts)].tolist())
        target = target_of(values, members, counts, slack, int(deviation == "sample"))
        found = find_mixtures(values, target, counts, deviation)
        assert len(set(found)) == len(found)
        assert set(found) == naive(values, target, counts, deviation)
        matches += len(found)
    assert matches >= 4


@pytest.mark.parametrize("counts", COUNTS, ids=str)
def test_a_true_mixture_is_found_among_many(counts: tuple[int, ...], table: TableValues) -> None:
    generator = np.random.default_rng(sum(counts))
    for _ in range(5):
        members = tuple(generator.permutation(len(table.accuracy))[: len(counts)].tolist())
        target = target_of(table.accuracy, members, counts, 0.0051, 0)
        found = find_mixtures(table.accuracy, target, counts, "population")
        assert [sorted(mixture.members) for mixture in found] == [sorted(members)]
        assert found[0].runs == sum(counts)


def test_partitions() -> None:
    assert list(partitions(3)) == [(2, 1), (1, 1, 1)]
    assert list(partitions(5)) == [(4, 1), (3, 2), (3, 1, 1), (2, 2, 1)]
    assert list(partitions(5, 2)) == [(4, 1), (3, 2)]
    assert list(partitions(2)) == [(1, 1)]
