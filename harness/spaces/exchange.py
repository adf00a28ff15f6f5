"""Architectures that differ in one operation: StacNAS trains every one of a cell's first edge (Figure 5)."""

from __future__ import annotations

from collections.abc import Mapping

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
    chosen: dict[tuple[str, int], str] = {}
    for cell, edges in space.operations(architecture).items():
        found = {(edge.source, edge.node): edge.operation for edge in edges}
        ends = [(group.sources[row], group.nodes[row]) for group, row in space.rows(cell)]
        chosen |= {(cell, place): found[between] for place, between in enumerate(ends) if between in found}
    first = space.cell_types[0], 0
    if first not in chosen:
        raise HarnessError(f"the first edge is no part of {architecture}")
    return assembled(space, chosen | {first: operation})


def assembled(space: Space, chosen: Mapping[tuple[str, int], str]) -> str:
    """Return the architecture of these edges, operations by cell type and place, and of no others."""
    decided = {group.name: [LEFT_OUT] * len(group.places) for group in space.groups}
    for (cell, place), name in chosen.items():
        group, row = space.rows(cell)[place]
        decided[group.name][row] = group.options[row].index(name)
    flat = {group.name: [[0.0] * group.shape[1]] * group.shape[0] for group in space.groups}
    return space.discretise(flat, decided)
