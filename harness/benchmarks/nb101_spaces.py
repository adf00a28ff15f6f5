"""Which cells of NAS-Bench-101 the three spaces of NAS-Bench-1Shot1 need.

A node of these spaces takes any operation, so that a cell is in a space by its graph alone: whatever the operations, it
is one of the space's pruned graphs, of which there are 48, 164 and 596. Two graphs are the same where they have one
hash with equal operations throughout.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations, product
from typing import Final

from harness.spaces.oneshot.encoding import OPS, Cell, module_hash, pruned
from harness.spaces.oneshot.space import WIRINGS

# How many cells, each under one hash, and how many different ones in all (computed from the spaces).
SIZES: Final = {"oneshot-1": 2_685, "oneshot-2": 7_773, "oneshot-3": 55_854}
NEEDED: Final = 66_111
# sha256 of these hashes, sorted and joined by newlines.
DIGESTS: Final = {
    "oneshot-1": "bdfa9688f678cfc362a71455d5046fd58c1be095ea04521ed967f63567747120",
    "oneshot-2": "72fbc838e0bb9d5677e35a3bf13554396a57a429953324d6328468abe5365f66",
    "oneshot-3": "c273ace7a2ee9783ca8db28ab44b99392822b37905ac234a3a2e6cbfb1e2846c",
}


def member(space: str) -> str:
    """Return the name of a table's column that tells whether a space needs a cell."""
    return f"in_{space.replace('-', '_')}"


def spaces_of(cell: Cell) -> frozenset[str]:
    """Return the names of the spaces that need a cell."""
    return _spaces_of_graph(pruned(cell).parents)


@cache
def graphs(space: str) -> frozenset[tuple[tuple[int, ...], ...]]:
    """Return the pruned graphs of a space, each as what its inner vertices and its output read from."""
    takes = WIRINGS[int(space.removeprefix("oneshot-"))].takes
    wirings = product(*(combinations(range(node), taken) for node, taken in enumerate(takes, start=1)))
    return frozenset(pruned(_alike(parents)).parents for parents in wirings)


@cache
def _spaces_of_graph(parents: tuple[tuple[int, ...], ...]) -> frozenset[str]:
    found = module_hash(_alike(parents))
    return frozenset(space for space in SIZES if found in _hashes(space))


@cache
def _hashes(space: str) -> frozenset[str]:
    return frozenset(module_hash(_alike(parents)) for parents in graphs(space))


def _alike(parents: tuple[tuple[int, ...], ...]) -> Cell:
    return Cell((OPS[0],) * (len(parents) - 1), parents)
