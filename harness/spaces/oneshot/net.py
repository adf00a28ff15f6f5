"""The networks of NAS-Bench-1Shot1 and NAS-Bench-101. Shapes: B images, C channels, H = W side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from harness.spaces.oneshot.encoding import Cell, widths
from harness.spaces.oneshot.skeleton import STACKS, checked
from harness.spaces.space import Size
from harness.spaces.supernet import Mixing, Network, Supernet, shuffled

if TYPE_CHECKING:
    from harness.spaces.oneshot.space import OneshotSpace, Wiring

KERNELS = {"conv3x3-bn-relu": 3, "conv1x1-bn-relu": 1}
MOMENTUM = 0.003  # NAS-Bench-101's 0.997, as torch counts it


def added(parts: Iterable[Tensor]) -> Tensor:
    """Return the sum of one or more."""
    return reduce(torch.add, parts)


def convolution(inputs: int, outputs: int, kernel: int, momentum: float) -> nn.Sequential:
    """Build a convolution, an affine batch norm and a ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs, momentum=momentum),
        nn.ReLU(),
    )


def build_operation(name: str, channels: int, momentum: float) -> nn.Module:
    """Build an operation C -> C."""
    if name in KERNELS:
        return convolution(channels, channels, KERNELS[name], momentum)
    return nn.MaxPool2d(3, 1, 1)


class Mix:
    """What cells mix by: ``operations[node]`` and ``sources[node]`` hold weights [options]; no sources: all count."""

    def __init__(self, space: OneshotSpace, mixing: Mixing, sampled: bool) -> None:
        self.operations: dict[int, Tensor] = {}
        self.sources: dict[int, Tensor] = {}
        self.active: dict[int, int] = {}
        for group in space.groups:
            found = self.sources if group.links else self.operations
            for number, row in zip(group.nodes, mixing[group.name].unbind(), strict=True):
                found[(number + 1) // 2] = row
        if sampled:
            self.active = {node: int(row.argmax()) for node, row in self.operations.items()}

    def read(self, node: int, values: Sequence[Tensor]) -> list[Tensor]:
        """Weigh what a node reads."""
        if node not in self.sources:
            return [*values]
        return [value * weight for value, weight in zip(values, self.sources[node], strict=True)]


class MixedNode(nn.ModuleList):
    """All operations of a node; 1/``partial`` of the channels pass them, the others pass unchanged (PC-DARTS)."""

    def __init__(self, options: Sequence[str], channels: int, partial: int, momentum: float) -> None:
        self.partial, self.channels = partial, channels // partial
        super().__init__(build_operation(name, self.channels, momentum) for name in options)

    def forward(self, x: Tensor, weights: Tensor, active: int | None) -> Tensor:
        """Mix [B, C, H, W] by weights [options]; ``active``: the one that is evaluated."""
        part = x[:, : self.channels] if self.partial > 1 else x
        chosen = range(len(self)) if active is None else [active]
        mixed = added(self[option](part) * weights[option] for option in chosen)
        if active is not None and weights.requires_grad:
            mixed = mixed + (weights.sum() - weights[active])  # 0, whose gradient reaches the others
        return shuffled(mixed, x[:, self.channels :], self.partial) if self.partial > 1 else mixed


class OneshotCell(nn.Module):
    """A cell: a projection on every edge that leaves its input, nodes that mix, a weighted concatenation."""

    def __init__(self, space: OneshotSpace, inputs: int, channels: int) -> None:
        super().__init__()
        self.wires: Wiring = space.wires
        nodes, momentum = self.wires.nodes, space.bn_momentum
        self.nodes = nn.ModuleList(MixedNode(row, channels, space.partial_channels, momentum) for row in space.ops)
        self.projections = nn.ModuleList(
            convolution(inputs, width, 1, momentum) for width in [channels] * nodes + [nodes * channels]
        )

    def forward(self, x: Tensor, mix: Mix, drops: Tensor | None) -> list[Tensor]:
        """Return the values by the numbers of `Group.nodes`, the output last; ``drops`` [nodes, B]."""
        found, given = [x], list[Tensor]()
        for node, (mixed, project) in enumerate(zip(self.nodes, self.projections, strict=False), start=1):
            before = added(mix.read(node, [project(x), *given]))
            value = mixed(before, mix.operations[node], mix.active.get(node))
            given.append(value if drops is None else value * drops[node - 1, :, None, None, None])
            found += [before, given[-1]]
        straight, *rest = mix.read(len(given) + 1, [self.projections[-1](x), *given])
        return [*found, straight + torch.cat(rest, 1)]


class OneshotSupernet(Supernet):
    """The weight-sharing network of a space of NAS-Bench-1Shot1 (its ``optimizers/darts/model_search.py``)."""

    def __init__(self, space: OneshotSpace, classes: int) -> None:
        super().__init__()
        self.space = space
        self.stem = convolution(3, space.channels, 3, space.bn_momentum)
        self.cells, inputs = nn.ModuleList(), space.channels
        for number in range(space.cells):
            channels = space.channels << space.stack(number)
            self.cells.append(OneshotCell(space, inputs, channels))
            inputs = channels * space.wires.nodes
        self.last = nn.Sequential(nn.ReLU(), nn.Conv2d(inputs, channels, 1, bias=False),
                                  nn.BatchNorm2d(channels, affine=False))  # fmt: skip
        self.classifier = nn.Linear(channels, classes)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return the one cell type, for every cell."""
        return self.space.cell_types * len(self.cells)

    @property
    def droppable(self) -> tuple[int, int]:
        """Return (cells, nodes): drop-path leaves out nodes' operations, and no links."""
        return len(self.cells), self.space.wires.nodes

    def forward(self, x: Tensor, mixing: Mixing, *, sampled: bool = False, drops: Tensor | None = None) -> Tensor:
        """Map images to logits (`harness.spaces.supernet.Supernet.forward`); links are not sampled, only mixed."""
        return self._through(x, [Mix(self.space, mixing, sampled)] * len(self.cells), drops)[0]

    def by_cell(self, x: Tensor, mixings: Sequence[Mixing]) -> Tensor:
        """Return the logits where every cell mixes by weights of its own."""
        return self._through(x, [Mix(self.space, mixing, False) for mixing in mixings], None)[0]

    def nodes(self, x: Tensor, mixing: Mixing) -> tuple[Tensor, list[list[Tensor]]]:
        """Return the logits and the values of all cells, by the numbers of `Group.nodes`."""
        return self._through(x, [Mix(self.space, mixing, False)] * len(self.cells), None)

    def _through(self, x: Tensor, mixes: Sequence[Mix], drops: Tensor | None) -> tuple[Tensor, list[list[Tensor]]]:
        value, found = self.stem(x), []
        for number, (cell, mix) in enumerate(zip(self.cells, mixes, strict=True)):
            if self.space.pools(number):
                value = F.max_pool2d(value, 2, 2, self.space.pool_padding)
            found.append(cell(value, mix, None if drops is None else drops[number]))
            value = found[-1][-1]
        return self.classifier(self.last(value).mean((2, 3))), found


class OneshotNetworkCell(nn.Module):
    """A cell of NAS-Bench-101's network: what vertices read is cut to their width and added (its ``model_builder``)."""

    def __init__(self, cell: Cell, inputs: int, outputs: int) -> None:
        super().__init__()
        self.cell, self.widths = cell, widths(cell, inputs, outputs)
        inner = zip(cell.operations, self.widths[1:-1], strict=True)
        self.operations = nn.ModuleList(build_operation(name, width, MOMENTUM) for name, width in inner)
        self.projections = nn.ModuleDict(
            {str(node): convolution(inputs, self.widths[node], 1, MOMENTUM)
             for node, sources in enumerate(cell.parents, start=1) if 0 in sources}
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, inputs, H, W] to [B, outputs, H, W]."""
        found, last = [x], self.cell.vertices - 1
        for node, operation in enumerate(self.operations, start=1):
            parts = [found[source][:, : self.widths[node]] for source in self.cell.parents[node - 1] if source]
            found.append(operation(added([*parts, *self._projected(x, node)])))
        read = [found[source] for source in self.cell.parents[-1] if source]
        return added([*([torch.cat(read, 1)] if read else []), *self._projected(x, last)])

    def _projected(self, x: Tensor, node: int) -> list[Tensor]:
        return [self.projections[str(node)](x)] if str(node) in self.projections else []


class OneshotNetwork(Network):
    """The stand-alone network of a cell of NAS-Bench-101."""

    def __init__(self, cell: Cell, size: Size, classes: int) -> None:
        super().__init__()
        self.stem, self.stacks = convolution(3, size.channels, 3, MOMENTUM), nn.ModuleList()
        inputs = size.channels
        for stack in range(STACKS):
            cells = nn.Sequential()
            for _ in range(size.cells):
                cells.append(OneshotNetworkCell(cell, inputs, size.channels << stack))
                inputs = size.channels << stack
            self.stacks.append(cells)
        self.classifier = nn.Linear(inputs, classes)

    def forward(self, x: Tensor, *, drops: Tensor | None = None) -> Tensor:
        """Map images [B, 3, H, W] to logits [B, classes]."""
        checked(x.shape[-1])
        value = self.stem(x)
        for number, cells in enumerate(self.stacks):
            value = cells(F.max_pool2d(value, 2) if number else value)
        logits: Tensor = self.classifier(value.mean((2, 3)))
        return logits
