"""The DARTS space and its published variants: groups, parse, counts. No torch here.

Cells have two inputs and four nodes; an edge leads from every earlier source to every node, 14 in all (Liu et al.,
"DARTS", section 2). Two cells are searched, ``normal`` and ``reduce``. An architecture keeps two edges of a node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator

from harness.config import validate
from harness.documents import KeyPath
from harness.errors import HarnessError, nearest
from harness.spaces.darts import encoding
from harness.spaces.darts.encoding import INPUTS, KINDS, TERMS, Cell, Term
from harness.spaces.darts.skeleton import count, places
from harness.spaces.darts.variants import EDGES, NODES, OPERATIONS, PRESETS
from harness.spaces.operations import of_kind, operation
from harness.spaces.space import LEFT_OUT, Counts, Decided, Edge, Group, Options, Size, Space, Weights, Work

if TYPE_CHECKING:
    from harness.spaces.darts.network import DartsNetwork
    from harness.spaces.darts.supernet import DartsSupernet

EdgeOptions = tuple[tuple[str, ...], ...]


class DartsSpace(Space):
    """The DARTS supernet; ``normal`` and ``reduce`` list the options of every edge, or one list for all of them.

    ``parse``: which edges of a node are kept, those of the largest mixing weight or those of the largest alpha, `none`
    aside; the option of an edge is the largest of either kind (StacNAS' code compares alphas, DARTS' weights).
    """

    standard: ClassVar[Size] = Size(cells=20, channels=36)
    large: ClassVar[Size | None] = Size(cells=14, channels=48, stem="imagenet")
    telling: ClassVar[tuple[str, str]] = ("skip_connect", "sep_conv_3x3")

    name: Literal["darts"]
    normal: EdgeOptions
    reduce: EdgeOptions
    parse: Literal["weights", "alpha"]
    bn_statistics: Literal["running", "batch"] = Field(description="of the cells' batch norms")

    @classmethod
    def presets(cls) -> Mapping[str, Mapping[str, Any]]:
        """Return the published variants: "darts", "s5", "s1" to "s4", StacNAS' three."""
        return PRESETS

    @property
    def groups(self) -> tuple[Group, ...]:
        """Return one group per cell and number of options."""
        return _groups("normal", self.normal) + _groups("reduce", self.reduce)

    @property
    def reads_alpha(self) -> bool:
        """Tell whether `discretise` asks for alpha itself instead of mixing weights."""
        return self.parse == "alpha"

    def discretise(self, weights: Weights, decided: Decided) -> str:
        """Keep two edges of every node, decided ones first, then by their best option; `none` is never the best."""
        return encoding.to_string({kind: self._cell(kind, weights, decided) for kind in KINDS})

    def operations(self, architecture: str) -> dict[str, tuple[Edge, ...]]:
        """Return the edges of both cells."""
        found = encoding.parse(architecture)
        return {
            kind: tuple(
                Edge(source, number, name)
                for number, terms in enumerate(found[kind].nodes, start=INPUTS)
                for name, source in terms
            )
            for kind in KINDS
        }

    def narrowed(self, options: Options, cells: int | None = None) -> Self:
        """Return the space with other options and depth."""
        new = {**{kind: [list(row) for row in options[kind]] for kind in KINDS}, "cells": cells or self.cells}
        return validate(type(self), self.model_dump() | new, _narrowing)

    def counts(self, architecture: str, size: Size, classes: int, image_size: int) -> Counts:
        """Count the stand-alone network."""
        return count(encoding.parse(architecture), size, classes, image_size)

    def work(self, image_size: int) -> Work:
        """Return what one image costs in the supernet."""
        elements = multiplications = 0.0
        for place in places(Size(self.cells, self.channels), dict.fromkeys(KINDS, NODES), image_size):
            channels = place.channels // self.partial_channels
            out = place.side_of(INPUTS)
            elements += NODES * place.channels * out**2
            multiplications += (place.before + place.last) * place.channels * place.side**2
            for (source, _), options in zip(EDGES, getattr(self, place.kind), strict=True):
                stride, side = place.stride(source), place.side_of(source)
                multiplications += sum(operation(o).multiplications(channels, side, stride=stride) for o in options)
        return Work(self.cells, elements, multiplications)

    def supernet(self, classes: int, *, auxiliary: bool = False) -> DartsSupernet:
        """Build the supernet."""
        from harness.spaces.darts.supernet import DartsSupernet

        return DartsSupernet(self, classes, auxiliary=auxiliary)

    def compiled(self, device: str) -> bool:
        """Tell whether there are kernels for it here."""
        from harness.spaces.darts import kernels

        return device == "cpu" and kernels.library() is not None

    @property
    def carries_auxiliary(self) -> bool:
        """Tell that DARTS-' skip connections are there."""
        return True

    @property
    def drops_paths(self) -> bool:
        """Tell that its networks have drop-path, an auxiliary head and squeeze-and-excitation."""
        return True

    @property
    def drops_skips(self) -> bool:
        """Tell that its skip connections know dropout."""
        return True

    def network(self, architecture: str, size: Size, classes: int) -> DartsNetwork:
        """Build the stand-alone network."""
        from harness.spaces.darts.network import DartsNetwork

        return DartsNetwork(encoding.parse(architecture), size, classes)

    def _cell(self, kind: str, weights: Weights, decided: Decided) -> Cell:
        rows = self.rows(kind)
        nodes = []
        for node in range(INPUTS, INPUTS + NODES):
            edges = [
                _Choice.of(group, row, weights[group.name][row], decided[group.name][row])
                for group, row in rows
                if group.nodes[row] == node
            ]
            present = [edge for edge in edges if not edge.left_out]
            kept = sorted(present, key=lambda edge: (not edge.decided, -edge.strength))[:TERMS]
            first, second = sorted((edge.term for edge in kept), key=lambda term: term[1])
            nodes.append((first, second))
        return Cell(tuple(nodes), tuple(range(INPUTS, INPUTS + NODES)))

    @field_validator("cells")
    @classmethod
    def _both_kinds(cls, cells: int) -> int:
        if cells < 3:
            raise ValueError("must be at least 3, for one cell of each kind")
        return cells

    @field_validator("normal", "reduce", mode="before")
    @classmethod
    def _for_every_edge(cls, options: Any) -> Any:
        whole = isinstance(options, Sequence) and options and all(isinstance(option, str) for option in options)
        return (tuple(options),) * len(EDGES) if whole else options

    @field_validator("normal", "reduce")
    @classmethod
    def _known(cls, options: EdgeOptions) -> EdgeOptions:
        if len(options) != len(EDGES) or not all(options):
            raise ValueError(f"must list options for each of {len(EDGES)} edges, or one list for all")
        for name in dict.fromkeys(name for row in options for name in row):
            if name not in OPERATIONS:
                raise ValueError(f"unknown operation {name!r}{nearest(name, OPERATIONS)}")
        return options


SPACE = DartsSpace


def _narrowing(path: KeyPath, text: str) -> HarnessError:
    return HarnessError(f"space 'darts', narrowed: {'.'.join(map(str, path))}: {text}")


class _Choice:
    """One edge as the parse sees it."""

    def __init__(self, term: Term, strength: float, decided: bool, left_out: bool) -> None:
        self.term, self.strength, self.decided, self.left_out = term, strength, decided, left_out

    @classmethod
    def of(cls, group: Group, row: int, weights: Sequence[float], decided: int) -> _Choice:
        """Take the decided option, else the one that weighs most; the first of equals."""
        options = group.options[row]
        none = of_kind("none", options)
        real = [index for index in range(len(options)) if index not in none] or list(none)
        best = max(real, key=lambda index: weights[index])
        chosen = decided if decided >= 0 else best
        strength = float("-inf") if real == list(none) else weights[best]
        return cls((options[chosen], group.sources[row]), strength, decided >= 0, decided == LEFT_OUT)


@cache
def _groups(kind: str, options: EdgeOptions) -> tuple[Group, ...]:
    """Split the edges of a cell by the number of their options."""
    widths = sorted({len(row) for row in options}, reverse=True)
    found = []
    for width in widths:
        places = tuple(place for place, row in enumerate(options) if len(row) == width)
        found.append(
            Group(
                name=kind if len(widths) == 1 else f"{kind}-{width}", cell=kind, places=places,
                sources=tuple(EDGES[place][0] for place in places), nodes=tuple(EDGES[place][1] for place in places),
                options=tuple(options[place] for place in places), keep=TERMS,
            )
        )  # fmt: skip
    return tuple(found)
