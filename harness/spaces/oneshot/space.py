"""The three spaces of NAS-Bench-1Shot1, whose architectures are cells of NAS-Bench-101. No torch here.

Nodes 1, 2, ... choose an operation each; most choose what they read from, and so does the output, each a number of
earlier nodes that the space sets (Zela et al., "NAS-Bench-1Shot1", section 3 and its code).

As a graph of edges: node j is an edge from what it has added up, 2j - 1, to what it gives, 2j; 0 is the cell's input,
the last number its output. What it adds up is a row of links.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Self

from pydantic import Field, ValidationInfo, field_validator

from harness.config import validate
from harness.documents import KeyPath
from harness.errors import HarnessError, nearest
from harness.spaces.oneshot import encoding, skeleton
from harness.spaces.oneshot.encoding import OPS, Cell
from harness.spaces.operations import operation
from harness.spaces.space import Counts, Decided, Edge, Group, Options, Size, Space, Weights, Work

if TYPE_CHECKING:
    from harness.spaces.oneshot.net import OneshotNetwork, OneshotSupernet

NodeOptions = tuple[tuple[str, ...], ...]
CELL = "cell"


class Wiring(NamedTuple):
    """``takes``: how many earlier nodes every node reads from, the output last."""

    takes: tuple[int, ...]

    @property
    def nodes(self) -> int:
        """Return how many choose operations."""
        return len(self.takes) - 1

    def chooses(self, node: int) -> bool:
        """Tell whether a node has more to read from than it takes."""
        return self.takes[node - 1] < node

    @property
    def choosing(self) -> list[int]:
        """Return the nodes that choose what they read from, the output last."""
        return [node for node in range(1, self.nodes + 2) if self.chooses(node)]


WIRINGS = {1: Wiring((1, 2, 2, 2, 2)), 2: Wiring((1, 1, 2, 2, 3)), 3: Wiring((1, 1, 1, 2, 2, 2))}


class OneshotSpace(Space):
    """The supernet of NAS-Bench-1Shot1; ``ops`` lists the options of every node, or one list for all of them."""

    standard: ClassVar[Size] = Size(cells=3, channels=128)  # cells of each stack
    telling: ClassVar[tuple[str, str]] = ("maxpool3x3", "conv3x3-bn-relu")

    name: Literal["oneshot"]
    wiring: Literal[1, 2, 3]
    ops: NodeOptions
    pool_padding: Literal[0, 1] = Field(description="of the max-pools between cells: 1 in the official code, 32-17-9")
    bn_momentum: float = Field(gt=0, le=1, description=".997 in the official code, which is TensorFlow's 1 - momentum")

    @classmethod
    def presets(cls) -> Mapping[str, Mapping[str, Any]]:
        """Return the three, with the official code's supernet."""
        same = {"name": "oneshot", "channels": 16, "cells": 9, "ops": OPS, "pool_padding": 1, "bn_momentum": 0.997,
                "partial_channels": 1}  # fmt: skip
        return {f"oneshot-{number}": {**same, "wiring": number} for number in WIRINGS}

    @property
    def wires(self) -> Wiring:
        """Return how many nodes there are and what they take."""
        return WIRINGS[self.wiring]

    @property
    def groups(self) -> tuple[Group, ...]:
        """Return the operations, by their number, then what each node that chooses reads from."""
        return _groups(self.wiring, self.ops)

    def discretise(self, weights: Weights, decided: Decided) -> str:
        """Take what is decided, else the option or the sources of largest weight; nodes that nothing reads stay."""
        chosen = {}
        for group, row in self.rows(CELL):
            best = sorted(range(group.shape[1]), key=weights[group.name][row].__getitem__, reverse=True)[: group.take]
            number = decided[group.name][row]
            chosen[group.nodes[row], group.links] = sorted(best) if number < 0 else group.choices[number]
        ops = (self.ops[node - 1][chosen[2 * node, False][0]] for node in range(1, self.wires.nodes + 1))
        fixed = {node: range(node) for node in range(1, self.wires.nodes + 2)}
        parents = (tuple(chosen.get((2 * node - 1, True), sources)) for node, sources in fixed.items())
        return encoding.to_string(Cell(tuple(ops), tuple(parents)))

    def operations(self, architecture: str) -> dict[str, tuple[Edge, ...]]:
        """Return operations and links of all nodes, those that nothing reads as well."""
        cell = encoding.parse(architecture)
        edges = []
        for node, (label, parents) in enumerate(zip(cell.labels[1:], cell.parents, strict=True), start=1):
            edges += [Edge(2 * source, 2 * node - 1, f"from-{source}") for source in parents]
            edges += [Edge(2 * node - 1, 2 * node, label)] * (label != encoding.OUTPUT)
        return {CELL: tuple(edges)}

    def canonical(self, architecture: str) -> str:
        """Return NAS-Bench-101's hash."""
        return encoding.module_hash(encoding.parse(architecture))

    def narrowed(self, options: Options, cells: int | None = None) -> Self:
        """Return the space with other operations; what nodes read from stays."""
        rows, nodes = [list(row) for row in options[CELL]], self.wires.nodes
        links = [list(group.options[row]) for group, row in self.rows(CELL) if group.links]
        if rows[nodes:] != links:
            raise HarnessError(f"space {self.name!r}: what nodes read from cannot be narrowed")
        return validate(type(self), self.model_dump() | {"ops": rows[:nodes], "cells": cells or self.cells}, _narrowing)

    def counts(self, architecture: str, size: Size, classes: int, image_size: int) -> Counts:
        """Count NAS-Bench-101's network of the pruned cell."""
        return skeleton.count(encoding.pruned(encoding.parse(architecture)), size, classes, image_size)

    def work(self, image_size: int) -> Work:
        """Count every node's options and every projection; of the rest the stem."""
        nodes, elements, multiplications = self.wires.nodes, 0.0, 27.0 * self.channels * image_size**2
        inputs, side = self.channels, image_size
        for number in range(self.cells):
            channels = self.channels << self.stack(number)
            side = (side + 2 * self.pool_padding) // 2 if self.pools(number) else side
            mixed = channels // self.partial_channels
            elements += nodes * channels * side**2
            multiplications += 2 * nodes * inputs * channels * side**2
            multiplications += sum(operation(o).multiplications(mixed, side) for row in self.ops for o in row)
            inputs = nodes * channels
        return Work(self.cells, elements, multiplications)

    def pools(self, cell: int) -> bool:
        """Tell whether a max-pool halves the map before a cell."""
        return cell in (self.cells // skeleton.STACKS, 2 * self.cells // skeleton.STACKS)

    def stack(self, cell: int) -> int:
        """Return how often the channels have doubled in a cell."""
        return sum(self.pools(number) for number in range(cell + 1))

    def supernet(self, classes: int, *, auxiliary: bool = False) -> OneshotSupernet:
        """Build the supernet."""
        from harness.spaces.oneshot.net import OneshotSupernet

        return OneshotSupernet(self, classes)

    def network(self, architecture: str, size: Size, classes: int) -> OneshotNetwork:
        """Build NAS-Bench-101's network of the pruned cell."""
        from harness.spaces.oneshot.net import OneshotNetwork

        if size.stem != "cifar":
            raise HarnessError(f"space {self.name!r} has no network with the stem {size.stem!r}")
        return OneshotNetwork(encoding.pruned(encoding.parse(architecture)), size, classes)

    @field_validator("cells")
    @classmethod
    def _a_cell_in_every_stack(cls, cells: int) -> int:
        if cells < skeleton.STACKS:
            raise ValueError(f"must be at least {skeleton.STACKS}, for a cell in every stack")
        return cells

    @field_validator("ops", mode="before")
    @classmethod
    def _for_every_node(cls, options: Any, info: ValidationInfo) -> Any:
        whole = isinstance(options, Sequence) and options and all(isinstance(option, str) for option in options)
        return (tuple(options),) * WIRINGS[info.data["wiring"]].nodes if whole and "wiring" in info.data else options

    @field_validator("ops")
    @classmethod
    def _known(cls, options: NodeOptions, info: ValidationInfo) -> NodeOptions:
        nodes = WIRINGS[info.data["wiring"]].nodes if "wiring" in info.data else len(options)
        if len(options) != nodes or not all(options):
            raise ValueError(f"must list options for each of {nodes} nodes, or one list for all")
        for row in options:
            for name in row:
                if name not in OPS:
                    raise ValueError(f"unknown operation {name!r}{nearest(name, OPS)}")
            if len(set(row)) < len(row):
                raise ValueError("must name each operation of a node only once")
        return options


SPACE = OneshotSpace


def _narrowing(path: KeyPath, text: str) -> HarnessError:
    return HarnessError(f"space 'oneshot', narrowed: {'.'.join(map(str, path))}: {text}")


@cache
def _groups(wiring: int, ops: NodeOptions) -> tuple[Group, ...]:
    wires, found = WIRINGS[wiring], []
    widths = sorted({len(row) for row in ops}, reverse=True)
    for width in widths:
        chosen = [node for node, row in enumerate(ops, start=1) if len(row) == width]
        found.append(
            Group(
                name="operations" if len(widths) == 1 else f"operations-{width}", cell=CELL,
                places=tuple(node - 1 for node in chosen), sources=tuple(2 * node - 1 for node in chosen),
                nodes=tuple(2 * node for node in chosen), options=tuple(ops[node - 1] for node in chosen),
            )
        )  # fmt: skip
    for place, node in enumerate(wires.choosing, start=wires.nodes):
        name = f"sources-{node}" if node <= wires.nodes else "output"
        links = tuple(f"from-{source}" for source in range(node))
        found.append(
            Group(
                name=name, cell=CELL, places=(place,), sources=(0,), nodes=(2 * node - 1,), options=(links,),
                links=True, take=wires.takes[node - 1],
            )
        )  # fmt: skip
    return tuple(found)
