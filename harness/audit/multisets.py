"""What every network of a space counts, by the operations in its cells: where they stand does not matter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from harness.audit.counts import CLASSES, MILLION
from harness.audit.printed import EPS, Printed
from harness.spaces.exchange import assembled
from harness.spaces.operations import operation
from harness.spaces.registry import published
from harness.spaces.space import Size, Space

SPACE = "darts"
SIDES = {"cifar10": 32, "cifar100": 32, "imagenet": 224}
Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Chosen = Mapping[tuple[str, int], str]  # operations by cell type and place of the edge


@dataclass(frozen=True)
class Multisets:
    """All networks of the space at one size.

    ``kinds``: by cell type the operations that count alike; ``members``: by cell type the multisets [sets, edges], as
    numbers of kinds; ``sums``: what these add [sets, 2] to ``bare`` [2], the parameters and multiply-adds of the rest.
    """

    kinds: Mapping[str, tuple[frozenset[str], ...]]
    members: Mapping[str, Integers]
    sums: tuple[Integers, Integers]
    bare: Integers

    @cached_property
    def counts(self) -> Floats:
        """Return parameters and multiply-adds [sets of the first cell type, of the second, 2], in millions."""
        first, second = self.sums
        return (self.bare + first[:, None] + second[None]) / MILLION

    def of(self, pairs: Integers) -> Floats:
        """Return the counts [pairs, 2] of some pairs of multisets."""
        first, second = self.sums
        return (self.bare + first[pairs[:, 0]] + second[pairs[:, 1]]) / MILLION

    def fitting(self, flops: Printed, parameters: Printed) -> Integers:
        """Return the pairs of multisets [fits, 2] whose counts round to what is printed of both."""
        return np.argwhere(fits(self.counts, flops, parameters))

    def with_parameters(self, parameters: Printed) -> Floats:
        """Return the multiply-adds, in millions, of all pairs whose parameters round to what is printed."""
        near = np.abs(self.counts[..., 0] - parameters.mean) <= parameters.half + EPS
        return self.counts[near][:, 1]


def fits(counts: Floats, flops: Printed, parameters: Printed) -> NDArray[np.bool_]:
    """Tell of which counts [..., 2] both round to what is printed."""
    halves = np.array([parameters.half, flops.half]) + EPS
    near = np.abs(counts - (parameters.mean, flops.mean)) <= halves
    return np.logical_and(near[..., 0], near[..., 1])


@cache
def multisets(size: Size, dataset: str) -> Multisets:
    """Count them all, by differences of whole networks: a count is a sum over cells and operations."""
    space, asked = published(SPACE), (size, CLASSES[dataset], SIDES[dataset])
    bare = np.array(_counts(space, {}, *asked))
    kinds: dict[str, tuple[frozenset[str], ...]] = {}
    members, sums = {}, []
    for cell in space.cell_types:
        more: dict[tuple[int, ...], set[str]] = {}
        for place, name in _alternatives(space, cell):
            found = np.array(_counts(space, {(cell, place): name}, *asked)) - bare
            more.setdefault(tuple(found.tolist()), set()).add(name)
        kinds[cell] = tuple(map(frozenset, more.values()))
        edges = len(space.operations(_architecture(space, {}))[cell])
        members[cell] = np.array(list(combinations_with_replacement(range(len(more)), edges)))
        sums.append(np.array(list(more))[members[cell]].sum(1))
    first, second = sums
    return Multisets(kinds, members, (first, second), bare)


def _alternatives(space: Space, cell: str) -> Iterator[tuple[int, str]]:
    """Yield operations, `none` aside, on an edge from an input of the cell, and on one from a node, into the last."""
    rows, last = space.rows(cell), max(space.entered(cell))
    into = [place for place, (group, row) in enumerate(rows) if group.nodes[row] == last]
    for place in (into[0], into[-1]):
        group, row = rows[place]
        yield from ((place, name) for name in group.options[row] if operation(name).kind != "none")


def _architecture(space: Space, chosen: Chosen) -> str:
    """Return the architecture with what is ``chosen`` and else with pools, on the first edges into every node."""
    pool = next(name for name in space.names() if operation(name).kind == "pool")
    kept = ((cell, place) for cell in space.cell_types for place in _kept(space, cell, chosen))
    return assembled(space, {edge: chosen.get(edge, pool) for edge in kept})


def _kept(space: Space, cell: str, chosen: Chosen) -> Iterator[int]:
    """Yield the places of as many edges into every node as an architecture keeps, chosen ones before others."""
    rows = space.rows(cell)
    for node in space.entered(cell):
        into = [place for place, (group, row) in enumerate(rows) if group.nodes[row] == node]
        yield from sorted(into, key=lambda place: (cell, place) not in chosen)[: rows[0][0].keep]


def _counts(space: Space, chosen: Chosen, size: Size, classes: int, side: int) -> tuple[int, int]:
    found = space.counts(_architecture(space, chosen), size, classes, side)
    return found.parameters, found.multiplications
