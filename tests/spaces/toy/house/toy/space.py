"""A third space, as small as can be: two cell types, groups of two widths, operations of other names.

Cell type ``up``: nodes 0 (input), 1, 2 and all three edges; ``down``: the same nodes, but a node keeps one edge.
An architecture is written ``up:identity,conv_a,zero/down:identity,-,conv_b``; ``-`` is an edge that is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, ClassVar, Literal, Self

from harness.errors import HarnessError
from harness.spaces.operations import Convolution, Operation, operation, register
from harness.spaces.space import LEFT_OUT, Counts, Decided, Edge, Group, Options, Size, Space, Weights, Work

register(
    Operation("zero", "zero", "none"),
    Operation("identity", "id", "skip"),
    Operation("conv_a", "conv a", "conv", (Convolution((1, 1)),)),
    Operation("conv_b", "conv b", "conv", (Convolution((3, 3)),)),
)
EDGES = ((0, 1), (0, 2), (1, 2))  # (source, node)
FEW, MANY = ("zero", "identity", "conv_a"), ("zero", "identity", "conv_a", "conv_b")
LOW = ("identity", "zero", "conv_b")
FULL = {"up": (FEW, FEW, MANY), "down": (LOW, LOW, LOW)}
KEEP = {"up": None, "down": 1}


class Toy(Space):
    """The toy."""

    standard: ClassVar[Size] = Size(cells=2, channels=4)
    telling: ClassVar[tuple[str, str]] = ("identity", "conv_b")

    name: Literal["toy"]
    up: tuple[tuple[str, ...], ...] = FULL["up"]
    down: tuple[tuple[str, ...], ...] = FULL["down"]

    @classmethod
    def presets(cls) -> Mapping[str, Mapping[str, Any]]:
        return {"toy": {"name": "toy", "channels": 4, "cells": 2, "partial_channels": 1}}

    @property
    def groups(self) -> tuple[Group, ...]:
        found = []
        for cell, rows in {"up": self.up, "down": self.down}.items():
            for width in sorted({len(row) for row in rows}):
                places = tuple(place for place, row in enumerate(rows) if len(row) == width)
                found.append(
                    Group(
                        name=f"{cell}-{width}", cell=cell, places=places, keep=KEEP[cell],
                        sources=tuple(EDGES[place][0] for place in places),
                        nodes=tuple(EDGES[place][1] for place in places),
                        options=tuple(rows[place] for place in places),
                    )
                )  # fmt: skip
        return tuple(found)

    @property
    def carries_auxiliary(self) -> bool:
        return True

    def discretise(self, weights: Weights, decided: Decided) -> str:
        return "/".join(f"{cell}:{','.join(self._cell(cell, weights, decided))}" for cell in self.cell_types)

    def _cell(self, cell: str, weights: Weights, decided: Decided) -> list[str]:
        terms, ranks = [], []
        for group, row in self.rows(cell):
            chosen, values = decided[group.name][row], weights[group.name][row]
            best = max(range(len(values)), key=values.__getitem__) if chosen < 0 else chosen
            terms.append("-" if chosen == LEFT_OUT else group.options[row][best])
            ranks.append((chosen >= 0, values[best]))
        if KEEP[cell] == 1 and "-" not in terms[1:]:
            terms[1 if ranks[2] > ranks[1] else 2] = "-"
        return terms

    def operations(self, architecture: str) -> dict[str, tuple[Edge, ...]]:
        found = {}
        for part in architecture.split("/"):
            cell, _, text = part.partition(":")
            if cell not in FULL or text.count(",") != 2:
                raise HarnessError(f"architecture {architecture!r}: cannot read {part!r}")
            terms = zip(EDGES, text.split(","), strict=True)
            found[cell] = tuple(Edge(*edge, operation(name).name) for edge, name in terms if name != "-")
        return found

    def narrowed(self, options: Options, cells: int | None = None) -> Self:
        rows = {cell: [list(row) for row in options[cell]] for cell in FULL}
        return type(self).model_validate({**self.model_dump(), **rows, "cells": cells or self.cells})

    def counts(self, architecture: str, size: Size, classes: int, image_size: int) -> Counts:
        names = [edge.operation for edges in self.operations(architecture).values() for edge in edges]
        found = [operation(name) for name in names]
        weights = size.cells * sum(o.weights(size.channels) for o in found)
        work = size.cells * sum(o.multiplications(size.channels, image_size) for o in found)
        rest = 27 * size.channels, size.channels * classes
        return Counts(weights + sum(rest) + classes, work + rest[0] * image_size**2 + rest[1], 0)

    def work(self, image_size: int) -> Work:
        rows = [row for group in self.groups for row in group.options]
        an_image = sum(operation(name).multiplications(self.channels, image_size) for row in rows for name in row)
        return Work(2 * self.cells, 2 * self.cells * prod((2, self.channels, image_size, image_size)), an_image)

    def supernet(self, classes: int, *, auxiliary: bool = False) -> Any:
        from harness.spaces.toy.net import ToySupernet

        return ToySupernet(self, classes)

    def network(self, architecture: str, size: Size, classes: int) -> Any:
        from harness.spaces.toy.net import ToyNetwork

        return ToyNetwork(self.operations(architecture), size, classes)


SPACE = Toy
