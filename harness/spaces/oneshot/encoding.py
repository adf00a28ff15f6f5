"""NAS-Bench-101's cells: notation, pruning, the benchmark's own hash, widths of vertices. No torch here.

A cell is a graph of vertices in topological order: the input, inner vertices that carry an operation each, and the
output. A vertex adds up what it reads, the output concatenates it (Ying et al., "NAS-Bench-101", section 2.1). We write
what every vertex but the input reads from: ``maxpool3x3(0)+conv3x3-bn-relu(0,1)+output(1,2)``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple

from harness.errors import HarnessError, nearest

OPS = ("maxpool3x3", "conv3x3-bn-relu", "conv1x1-bn-relu")  # as NAS-Bench-1Shot1 orders them
INPUT, OUTPUT = "input", "output"
VERTICES, EDGES = 7, 9  # at most

_HASHED = {INPUT: -1, OUTPUT: -2, "conv3x3-bn-relu": 0, "conv1x1-bn-relu": 1, "maxpool3x3": 2}  # as NAS-Bench-101 does
_TERM = re.compile(r"([a-z0-9-]+)\((\d+(?:,\d+)*)\)")


class Cell(NamedTuple):
    """``operations`` of the inner vertices 1, 2, ...; ``parents``: what each of these and the output reads from."""

    operations: tuple[str, ...]
    parents: tuple[tuple[int, ...], ...]

    @property
    def vertices(self) -> int:
        """Return how many there are, with input and output."""
        return len(self.operations) + 2

    @property
    def labels(self) -> tuple[str, ...]:
        """Name all vertices."""
        return (INPUT, *self.operations, OUTPUT)

    @property
    def matrix(self) -> list[list[int]]:
        """Return the adjacency matrix: row reads into column."""
        reads = [(), *self.parents]
        return [[int(source in reads[node]) for node in range(self.vertices)] for source in range(self.vertices)]


def to_string(cell: Cell) -> str:
    """Write a cell."""
    terms = zip(cell.labels[1:], cell.parents, strict=True)
    return "+".join(f"{label}({','.join(map(str, parents))})" for label, parents in terms)


def parse(text: str) -> Cell:
    """Read a cell; raise `HarnessError` that names the first wrong part."""
    labels: list[str] = []
    parents: list[tuple[int, ...]] = []
    for node, term in enumerate(text.split("+"), start=1):
        found = _TERM.fullmatch(term)
        if found is None:
            raise HarnessError(f"architecture {text!r}: {term!r} must be an operation with vertices in brackets")
        sources = tuple(map(int, found[2].split(",")))
        if list(sources) != sorted(set(sources)) or sources[-1] >= node:
            raise HarnessError(f"architecture {text!r}: {term!r} must name earlier vertices in rising order, each once")
        labels.append(found[1])
        parents.append(sources)
    for label in labels[:-1]:
        if label not in OPS:
            raise HarnessError(f"architecture {text!r}: unknown operation {label!r}{nearest(label, OPS)}")
    if labels[-1] != OUTPUT:
        raise HarnessError(f"architecture {text!r}: must end in '{OUTPUT}(...)'")
    return Cell(tuple(labels[:-1]), tuple(parents))


def of_matrix(matrix: Sequence[Sequence[int]], labels: Sequence[str]) -> Cell:
    """Return the cell of an adjacency matrix with the labels of its vertices; raise `HarnessError`."""
    if len(matrix) != len(labels) or any(len(row) != len(labels) for row in matrix) or len(labels) < 2:
        raise HarnessError(f"a matrix of {len(labels)} x {len(labels)} is needed, for as many labels")
    if any(entry not in (0, 1) for row in matrix for entry in row):
        raise HarnessError("entries of the matrix must be 0 or 1")
    if any(matrix[row][column] for row in range(len(labels)) for column in range(row + 1)):
        raise HarnessError("the matrix must be zero on and below its diagonal")
    if labels[0] != INPUT or labels[-1] != OUTPUT or not set(labels[1:-1]) <= set(OPS):
        raise HarnessError(f"labels must be {INPUT!r}, operations ({', '.join(OPS)}), {OUTPUT!r}")
    reads = [tuple(source for source in range(node) if matrix[source][node]) for node in range(1, len(labels))]
    return Cell(tuple(labels[1:-1]), tuple(reads))


def pruned(cell: Cell) -> Cell:
    """Return the cell without vertices that lie on no way from input to output; raise `HarnessError` if none is left.

    A cell of more than 7 vertices or 9 edges is not NAS-Bench-101's.
    """
    last = cell.vertices - 1
    reached = {0}
    for node in range(1, last + 1):
        if reached & set(cell.parents[node - 1]):
            reached.add(node)
    needed = {last}
    for node in range(last, 0, -1):
        if node in needed:
            needed |= set(cell.parents[node - 1])
    kept = sorted(reached & needed)
    if not {0, last} <= set(kept):
        raise HarnessError(f"architecture {to_string(cell)!r}: no way leads from input to output")
    number = {node: place for place, node in enumerate(kept)}
    parents = tuple(tuple(number[s] for s in cell.parents[node - 1] if s in number) for node in kept[1:])
    if len(kept) > VERTICES or sum(map(len, parents)) > EDGES:
        raise HarnessError(f"architecture {to_string(cell)!r}: more than {VERTICES} vertices or {EDGES} edges")
    return Cell(tuple(cell.operations[node - 1] for node in kept[1:-1]), parents)


def module_hash(cell: Cell) -> str:
    """Return the hash by which NAS-Bench-101 knows the pruned cell, equal for isomorphic ones (its ``graph_util``)."""
    small = pruned(cell)
    reads = [(), *small.parents]
    leads = [tuple(n for n in range(small.vertices) if node in reads[n]) for node in range(small.vertices)]
    hashes = [
        _md5(str((len(out), len(into), _HASHED[label])))
        for out, into, label in zip(leads, reads, small.labels, strict=True)
    ]
    for _ in range(small.vertices):
        hashes = [
            _md5(f"{_joined(hashes, into)}|{_joined(hashes, out)}|{own}")
            for out, into, own in zip(leads, reads, hashes, strict=True)
        ]
    return _md5(str(sorted(hashes)))


def widths(cell: Cell, inputs: int, outputs: int) -> list[int]:
    """Return the channels of every vertex of a pruned cell (NAS-Bench-101, ``model_builder``).

    Vertices that the output reads share its channels, the first ones take what is left over; any other has as many as
    the widest that reads it.
    """
    last = cell.vertices - 1
    read = [source for source in cell.parents[-1] if source]
    found = [inputs, *[0] * (last - 1), outputs]
    for place, node in enumerate(read):
        found[node] = outputs // len(read) + (place < outputs % len(read))
    for node in range(last - 1, 0, -1):
        if node not in read:
            found[node] = max(found[n] for n in range(node + 1, last) if node in cell.parents[n - 1])
    return found


def _joined(hashes: Sequence[str], nodes: Sequence[int]) -> str:
    return "".join(sorted(hashes[node] for node in nodes))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
