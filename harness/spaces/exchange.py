"""Architectures that differ in one operation: StacNAS trains every one of a cell's first edge (Figure 5)."""

from __future__ import annotations

from harness.errors import HarnessError, nearest
from harness.spaces.space import LEFT_OUT, Space


def first_options(space: Space, cell: str) -> dict[str, int]:
    """Return the options of the first edge of a cell type with their places, each once, `none` aside."""
    group, row = space.rows(cell)[0]
    named = [(name, place) for place, name in enumerate(group.options[row]) if place not in group.of_kind("none")[row]]
    return {name: min(place for other, place in named if other == name) for name, _ in named}


def exchanged(space: Space, architecture: str, operation: str) -> str:
    """Return an architecture with another operation on the first edge of its first cell type.

    Raises `HarnessError` where the edge does not offer the operation, is no part of the architecture, or where
    choices of the space are of more than operations.
    """
    if any(group.links for group in space.groups):
        raise HarnessError(f"space {space.name!r}: nodes choose what they read from, so that no edge is the first")
    offered = first_options(space, space.cell_types[0])
    if operation not in offered:
        raise HarnessError(f"the first edge offers no {operation!r}{nearest(operation, offered)}")
    decided = {group.name: [LEFT_OUT] * len(group.places) for group in space.groups}
    for cell, edges in space.operations(architecture).items():
        found = {(edge.source, edge.node): edge.operation for edge in edges}
        for place, (group, row) in enumerate(space.rows(cell)):
            name = found.get((group.sources[row], group.nodes[row]))
            first = cell == space.cell_types[0] and place == 0
            if first and name is None:
                raise HarnessError(f"the first edge is no part of {architecture}")
            if name is not None:
                decided[group.name][row] = group.options[row].index(operation if first else name)
    flat = {group.name: [[0.0] * group.shape[1]] * group.shape[0] for group in space.groups}
    return space.discretise(flat, decided)
