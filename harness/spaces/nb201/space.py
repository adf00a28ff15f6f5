"""NAS-Bench-201 as a space: one cell type, one group of six edges."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator

from harness.errors import HarnessError, nearest
from harness.spaces.nb201 import encoding
from harness.spaces.nb201.encoding import EDGES, GROUP, OPS, STAGES
from harness.spaces.operations import operation
from harness.spaces.space import Counts, Decided, Edge, Group, Options, Size, Space, Weights, Work

if TYPE_CHECKING:
    from harness.spaces.supernet import Network, Supernet


class Nb201(Space):
    """The NAS-Bench-201 supernet; ``ops`` may leave operations out (Delve, Exp. 6). ``cells``: of each stage.

    A convolution may be there twice, each with weights of its own: what StacNAS says of like operations. The table maps
    both to one.
    """

    standard: ClassVar[Size] = Size(cells=5, channels=16)
    telling: ClassVar[tuple[str, str]] = ("skip_connect", "nor_conv_3x3")

    name: Literal["nb201"]
    ops: tuple[str, ...]
    conv_bias: bool = Field(description="bias of the cells' convolutions (current AutoDL: yes, older copies: no)")
    bn_statistics: Literal["running", "batch"] = Field(description="of the cells' batch norms (AutoDL BN = 1 or 0)")

    @field_validator("ops")
    @classmethod
    def _known_operations(cls, ops: tuple[str, ...]) -> tuple[str, ...]:
        for op in ops:
            if op not in OPS:
                raise ValueError(f"unknown operation {op!r}{nearest(op, OPS)}")
        if not ops or any(ops.count(op) > 1 + (operation(op).kind == "conv") for op in ops):
            raise ValueError("must name at least one operation, each only once, convolutions twice")
        return ops

    @classmethod
    def presets(cls) -> Mapping[str, Mapping[str, Any]]:
        """Return the one that the benchmark describes, with AutoDL's supernet."""
        return {"nb201": {"name": "nb201", "channels": 16, "cells": 5, "ops": OPS, "conv_bias": True,
                          "bn_statistics": "batch", "partial_channels": 1}}  # fmt: skip

    @property
    def groups(self) -> tuple[Group, ...]:
        """Return the one group."""
        return _groups(self.ops)

    @property
    def carries_auxiliary(self) -> bool:
        """Tell whether there is a skip connection whose weight takes up an auxiliary one: all have stride 1."""
        return "skip_connect" in self.ops

    def compiled(self, device: str) -> bool:
        """Tell whether there are kernels for it here."""
        from harness.spaces.nb201 import kernels, triton_cell

        return (kernels if device == "cpu" else triton_cell).library() is not None

    def discretise(self, weights: Weights, decided: Decided) -> str:
        """Take what is decided, else the largest weight (`none` may win, as in NAS-Bench-201)."""
        rows = zip(weights[GROUP], decided[GROUP], strict=True)
        chosen = (option if option >= 0 else list(row).index(max(row)) for row, option in rows)
        a, b, c, d, e, f = (OPS.index(self.ops[option]) for option in chosen)
        return encoding.to_string((a, b, c, d, e, f))

    def operations(self, architecture: str) -> dict[str, tuple[Edge, ...]]:
        """Return all six edges, those without an operation as `none`."""
        codes = encoding.parse(architecture)
        edges = (Edge(source, node, OPS[code]) for code, (node, source) in zip(codes, EDGES, strict=True))
        return {GROUP: tuple(edges)}

    def canonical(self, architecture: str) -> str:
        """Return the benchmark's isomorphism key."""
        return encoding.canonical(encoding.parse(architecture))

    def narrowed(self, options: Options, cells: int | None = None) -> Self:
        """Return the space with other operations, the same on every edge: its cells have no others."""
        rows = [tuple(row) for row in options[GROUP]]
        if len(rows) != len(EDGES) or len(set(rows)) != 1:
            raise HarnessError(f"space {self.name!r} has the same operations on each of its {len(EDGES)} edges")
        changed = {"ops": rows[0], "cells": self.cells if cells is None else cells}
        return type(self).model_validate({**dict(self), **changed})

    def counts(self, architecture: str, size: Size, classes: int, image_size: int) -> Counts:
        """Count as the benchmark does: the linear layer's bias is a multiply-add, batch norms are none."""
        codes, shape = encoding.parse(architecture), {"channels": size.channels, "cells": size.cells}
        return Counts(
            parameters=encoding.parameters(codes, classes=classes, **shape),
            multiplications=encoding.flops(codes, classes=classes, image_size=image_size, **shape),
            elementwise=encoding.elementwise(codes, image_size=image_size, **shape),
        )

    def work(self, image_size: int) -> Work:
        """Count cells, their four nodes and all operations; of the rest stem and residual blocks."""
        mixed, cells = self.channels // self.partial_channels, STAGES * self.cells
        # Every stage halves the side and doubles the channels: equal work, half the elements.
        elements = self.cells * mixed * image_size**2 * sum(0.5**stage for stage in range(STAGES))
        an_edge = sum(operation(op).multiplications(mixed, image_size) for op in self.ops)
        rest = encoding.flops((0,) * 6, classes=10, image_size=image_size, channels=self.channels, cells=0)
        return Work(cells, elements, cells * len(EDGES) * an_edge + rest)

    def supernet(self, classes: int, *, auxiliary: bool = False) -> Supernet:
        """Build the supernet; an auxiliary skip connection needs no module of its own."""
        from harness.spaces.nb201.net import Nb201Supernet

        return Nb201Supernet(
            channels=self.channels, cells=self.cells, classes=classes, ops=self.ops, conv_bias=self.conv_bias,
            bn_statistics=self.bn_statistics, partial_channels=self.partial_channels,
        )  # fmt: skip

    def network(self, architecture: str, size: Size, classes: int) -> Network:
        """Build the benchmark's network."""
        from harness.spaces.nb201.net import build_network

        if size.stem != "cifar":
            raise HarnessError(f"space {self.name!r} has no network with the stem {size.stem!r}")
        return build_network(architecture, channels=size.channels, cells=size.cells, classes=classes)


@cache
def _groups(ops: tuple[str, ...]) -> tuple[Group, ...]:
    nodes, sources = zip(*EDGES, strict=True)
    places = tuple(range(len(EDGES)))
    return (Group(name=GROUP, cell=GROUP, places=places, sources=sources, nodes=nodes, options=(ops,) * len(EDGES)),)


SPACE = Nb201
