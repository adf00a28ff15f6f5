"""The toy's networks, in the plainest form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from harness.spaces.space import Edge, Size
from harness.spaces.supernet import Mixing, Network, Supernet


class Zero(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 0


def build(name: str, channels: int) -> nn.Module:
    kernel = {"conv_a": 1, "conv_b": 3}.get(name)
    if kernel is None:
        return {"zero": Zero, "identity": nn.Identity}[name]()
    conv = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(channels))


class ToySupernet(Supernet):
    def __init__(self, space: Any, classes: int) -> None:
        super().__init__()
        self.types = space.cell_types * space.cells
        self.rows = {cell: space.rows(cell) for cell in space.cell_types}
        self.stem = nn.Conv2d(3, space.channels, 3, padding=1, bias=False)
        self.cells = nn.ModuleList(
            nn.ModuleList(
                nn.ModuleList(build(name, space.channels) for name in group.options[row])
                for group, row in self.rows[cell]
            )
            for cell in self.types
        )
        self.head = nn.Linear(space.channels, classes)

    def by_cell(self, x: Tensor, mixings: Sequence[Mixing]) -> Tensor:
        return self._through(x, mixings, False, None)

    @property
    def kinds(self) -> tuple[str, ...]:
        return self.types

    @property
    def droppable(self) -> tuple[int, int]:
        return len(self.kinds), 3

    def forward(self, x: Tensor, mixing: Mixing, *, sampled: bool = False, drops: Tensor | None = None) -> Tensor:
        return self._through(x, [mixing] * len(self.kinds), sampled, drops)

    def nodes(self, x: Tensor, mixing: Mixing) -> tuple[Tensor, list[list[Tensor]]]:
        found: list[list[Tensor]] = []
        return self._through(x, [mixing] * len(self.kinds), False, None, found), found

    def _through(
        self, x: Tensor, mixings: Sequence[Mixing], sampled: bool, drops: Tensor | None, found: Any = None
    ) -> Tensor:
        x = self.stem(x)
        for number, (kind, edges, mixing) in enumerate(zip(self.kinds, self.cells, mixings, strict=True)):
            nodes: list[Any] = [x, 0, 0]
            for place, ((group, row), options) in enumerate(zip(self.rows[kind], edges, strict=True)):
                weights = mixing[group.name][row]
                term = self._edge(nodes[group.sources[row]], options, weights, sampled)
                term = term if drops is None else term * drops[number, place, :, None, None, None]
                nodes[group.nodes[row]] = nodes[group.nodes[row]] + term
            x = torch.relu(nodes[2]) + nodes[1]
            if found is not None:
                found.append(nodes)
        return self.head(x.mean((2, 3)))

    def _edge(self, x: Tensor, options: Any, weights: Tensor, sampled: bool) -> Tensor:
        if sampled:
            chosen = int(weights.argmax())
            idle = weights.sum() - weights[chosen]
            return weights[chosen] * options[chosen](x) + idle
        total = sum(weight * option(x) for weight, option in zip(weights, options, strict=False))
        return total + weights[-1] * x if len(weights) > len(options) else total  # an auxiliary skip connection


class ToyNetwork(Network):
    def __init__(self, cells: dict[str, tuple[Edge, ...]], size: Size, classes: int) -> None:
        super().__init__()
        self.edges = [edges for _ in range(size.cells) for edges in cells.values()]
        self.stem = nn.Conv2d(3, size.channels, 3, padding=1, bias=False)
        self.cells = nn.ModuleList(
            nn.ModuleList(build(edge.operation, size.channels) for edge in edges) for edges in self.edges
        )
        self.head = nn.Linear(size.channels, classes)

    def forward(self, x: Tensor, *, drops: Tensor | None = None) -> Tensor:
        x = self.stem(x)
        for edges, options in zip(self.edges, self.cells, strict=True):
            nodes: list[Any] = [x, 0, 0]
            for edge, option in zip(edges, options, strict=True):
                nodes[edge.node] = nodes[edge.node] + option(nodes[edge.source])
            x = torch.relu(nodes[2]) + nodes[1]
        return self.head(x.mean((2, 3)))
