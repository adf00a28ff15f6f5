"""Architectures that differ in one operation: StacNAS trains every one of a cell's first edge (Figure 5)."""

from __future__ import annotations

from harness.errors import HarnessError, nearest
from harness.spaces.operations import of_kind
from harness.spaces.space import LEFT_OUT, Space


def first_options(space: Space) -> tuple[str, ...]:
    """Return what the first edge of the first cell type offers, without `none`, each once."""
    group, row = space.rows(space.cell_types[0])[0]
    options = group.options[row]
    zeros = of_kind("none", options)
    return tuple(dict.fromkeys(name for index, name in enumerate(options) if index not in zeros))


def exchanged(space: Space, architecture: str, operation: str) -> str:
    """Return an architecture with another operation on the first edge of its first cell type.

    Raises `HarnessError` where the edge does not offer the operation, is no part of the architecture, or where
    choices of the space are of more than operations.
    """
    if any(group.links for group in space.groups):
        raise HarnessError(f"space {space.name!r}: nodes choose what they read from, so that no edge is the first")
    if operation not in first_options(space):
        raise HarnessError(f"the first edge offers no {operation!r}{nearest(operation, first_options(space))}")
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
