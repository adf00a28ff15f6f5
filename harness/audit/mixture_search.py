"""Search for the few architectures whose values explain a printed mean and std in all columns at once.

n runs that end in at most three different architectures leave traces: with the counts c_i (sum n) and the values
x_i of one column, sum c_i x_i = n m and sum c_i (x_i - m)^2 = n s^2 (population std) or (n - 1) s^2 (sample std), up
to rounding. Given one value, both equations fix the others; a sorted column finds them without trying all triples.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Deviation = Literal["population", "sample"]
DEVIATIONS: tuple[Deviation, ...] = ("population", "sample")
MOST_PAIRS = 4_000_000  # per step, to bound memory: a column that leaves more is too coarse to decide anything


@dataclass(frozen=True)
class Target:
    """Printed means and stds of some columns [k], and how far the true ones may lie from them [k]."""

    mean: Floats
    mean_slack: Floats
    std: Floats
    std_slack: Floats

    def control(self, offset: Floats, wider: float) -> Target:
        """Return the target moved away, with ``wider`` slacks: what fits it fits by chance."""
        return Target(self.mean + offset, wider * self.mean_slack, self.std, wider * self.std_slack)


@dataclass(frozen=True)
class Mixture:
    """How often each architecture (row of the values searched) occurs among n runs, the most frequent first."""

    counts: tuple[int, ...]
    members: tuple[int, ...]
    deviation: Deviation

    @property
    def runs(self) -> int:
        """Return n."""
        return sum(self.counts)


def partitions(runs: int, most: int = 3) -> Iterator[tuple[int, ...]]:
    """Yield how ``runs`` divide among at least two and at most ``most`` architectures, counts falling."""
    for parts in range(2, min(most, runs) + 1):
        yield from _partitions(runs, parts, runs)


def _partitions(total: int, parts: int, largest: int) -> Iterator[tuple[int, ...]]:
    if parts == 1:
        if total <= largest:
            yield (total,)
        return
    for first in range(min(largest, total - parts + 1), 0, -1):
        for rest in _partitions(total - first, parts - 1, first):
            yield (first, *rest)


def find_mixtures(values: Floats, target: Target, counts: tuple[int, ...], deviation: Deviation) -> list[Mixture]:
    """Return all mixtures of two or three rows of ``values`` [architectures, k] that give the target.

    Complete: a mixture within the slacks is never missed. Equal counts are taken in one order only.
    """
    problem = _Problem(values, target, counts, deviation)
    found = problem.pairs() if len(counts) == 2 else problem.triples()
    return [Mixture(counts, members, deviation) for members in sorted(problem.distinct(found))]


class _Problem:
    """One division of the runs. ``x``: candidates' deviations from the printed means [candidates, k]."""

    def __init__(self, values: Floats, target: Target, counts: tuple[int, ...], deviation: Deviation) -> None:
        self.counts = np.array(counts)
        self.runs = int(self.counts.sum())
        self.slack, self.target = target.mean_slack, target
        dof = self.runs if deviation == "population" else self.runs - 1
        self.dof = dof
        # Sum of squared deviations from the true mean, lowest and highest [k].
        self.least = dof * np.maximum(target.std - target.std_slack, 0.0) ** 2
        self.most = dof * (target.std + target.std_slack) ** 2
        deviations = values - target.mean
        reach = np.sqrt(self.most * (self.runs - self.counts.min()) / (self.runs * self.counts.min())) + self.slack
        self.rows = np.flatnonzero((np.abs(deviations) <= reach).all(axis=1))
        self.x: Floats = deviations[self.rows]

    @cached_property
    def orders(self) -> list[Integers]:
        """Return the candidates sorted by each column."""
        return [np.argsort(self.x[:, k], kind="stable") for k in range(self.x.shape[1])]

    def within_reach(self, count: int) -> Integers:
        """Return the candidates that may occur ``count`` times."""
        reach = np.sqrt(self.most * (self.runs - count) / (self.runs * count)) + self.slack
        return np.flatnonzero((np.abs(self.x) <= reach).all(axis=1))

    def pairs(self) -> Iterator[Integers]:
        """Yield pairs [m, 2] that may fit: the std fixes how far the first lies, and the first fixes the second."""
        first = self.within_reach(int(self.counts[0]))
        near = np.sqrt(self.least * self.counts[1] / (self.counts[0] * self.runs)) - self.slack
        first = first[(np.abs(self.x[first]) >= near).all(axis=1)]
        ratio, slack = self.counts[0] / self.counts[1], self.runs * self.slack / self.counts[1]
        low, high = -ratio * self.x[first] - slack, -ratio * self.x[first] + slack
        yield from self._joined(first[:, None], low, high)

    def triples(self) -> Iterator[Integers]:
        """Yield triples [m, 3] that may fit: two determine the third."""
        first = self.within_reach(int(self.counts[0]))
        for low, high in self._second(first):
            for pairs in self._joined(first[:, None], low, high):
                pairs = self._plausible(pairs)
                c = self.counts
                last = -(c[0] * self.x[pairs[:, 0]] + c[1] * self.x[pairs[:, 1]]) / c[2]
                slack = self.runs * self.slack / c[2]
                yield from self._joined(pairs, last - slack, last + slack)

    def _second(self, first: Integers) -> Iterator[tuple[Floats, Floats]]:
        """Yield where the second of three may lie [m, k], above and below the mean of the two that remain."""
        c1, c2, c3 = self.counts
        rest = c2 + c3
        middle, slack = -c1 * self.x[first] / rest, self.runs * self.slack / rest
        nearest = np.maximum(np.abs(middle) - slack, 0.0)
        squares = self.most + self.runs * self.slack**2 - c1 * self.x[first] ** 2
        most = squares - rest * nearest**2  # at most this is left for the spread of the two
        least = self.least - c1 * self.x[first] ** 2 - rest * (np.abs(middle) + slack) ** 2
        factor = c3 / (c2 * rest)
        far = np.sqrt(np.maximum(most, 0.0) * factor)
        near = np.sqrt(np.maximum(least, 0.0) * factor)
        impossible = (most < 0).any(axis=1)
        for sign in (1, -1):
            low = middle - slack + np.where(sign > 0, near, -far)
            high = middle + slack + np.where(sign > 0, far, -near)
            low[impossible], high[impossible] = np.inf, -np.inf
            yield low, high
            # The sign may differ from column to column: only the one that is searched by is decided here.

    def _plausible(self, pairs: Integers) -> Integers:
        """Keep pairs whose third member gives about the right sum of squares in every column."""
        c1, c2, c3 = self.counts
        for k in range(self.x.shape[1]):
            a, b = self.x[pairs[:, 0], k], self.x[pairs[:, 1], k]
            c = -(c1 * a + c2 * b) / c3
            step = self.runs * self.slack[k] / c3
            squares = c1 * a**2 + c2 * b**2 + c3 * c**2
            give = c3 * step * (2 * np.abs(c) + step)
            fits = (squares - give <= self.most[k] + self.runs * self.slack[k] ** 2) & (squares + give >= self.least[k])
            pairs = pairs[fits]
        return pairs

    def _joined(self, known: Integers, low: Floats, high: Floats) -> Iterator[Integers]:
        """Extend each known tuple [m, j] by the candidates between low and high [m, k] in the sharpest column."""
        best: tuple[int, int, Integers, Integers] | None = None
        for k, order in enumerate(self.orders):
            column = self.x[order, k]
            start = np.searchsorted(column, low[:, k], side="left")
            count = np.maximum(np.searchsorted(column, high[:, k], side="right") - start, 0)
            if best is None or count.sum() < best[0]:
                best = (int(count.sum()), k, start, count)
        assert best is not None, "a target has columns"
        total, k, start, count = best
        steps = max(1, -(-total // MOST_PAIRS))
        for part in np.array_split(np.arange(len(known)), steps):
            owner = np.repeat(part, count[part])
            offset = np.arange(len(owner)) - np.repeat(np.cumsum(count[part]) - count[part], count[part])
            added = self.orders[k][start[owner] + offset]
            yield np.column_stack([known[owner], added])

    def distinct(self, found: Iterator[Integers]) -> set[tuple[int, ...]]:
        """Return the tuples of rows that fit exactly, each once, of different architectures."""
        result: set[tuple[int, ...]] = set()
        for tuples in found:
            for members in self.rows[tuples[self._fits(tuples)]]:
                if len(set(members.tolist())) == len(members):
                    result.add(self._ordered(members.tolist()))
        return result

    def _fits(self, tuples: Integers) -> NDArray[np.bool_]:
        x = self.x[tuples]  # [m, j, k]
        weights = self.counts[None, :, None]
        mean = (weights * x).sum(axis=1) / self.runs
        std = np.sqrt((weights * (x - mean[:, None]) ** 2).sum(axis=1) / self.dof)
        near = np.abs(mean) <= self.slack
        alike = np.abs(std - self.target.std) <= self.target.std_slack
        fits: NDArray[np.bool_] = (near & alike).all(axis=1)
        return fits

    def _ordered(self, members: list[int]) -> tuple[int, ...]:
        """Sort members of equal counts, so that each mixture has one form."""
        pairs = zip(self.counts.tolist(), members, strict=True)
        return tuple(member for _, member in sorted(pairs, key=lambda pair: (-pair[0], pair[1])))
