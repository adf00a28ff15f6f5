"""NAS-Bench-201 networks: the supernet `forward(x, mixing)` and the stand-alone network of one architecture.

Skeleton (NAS-Bench-201, Fig. 1): stem, then three stages of N cells at C, 2C, 4C channels with a residual block
of stride 2 before the second and third, then BN-ReLU-pool-linear. Shapes: B batch, C channels, H = W image side,
E = 6 edges, O operations.

The supernet computes the textbook sum over edges and operations, rearranged exactly: ReLU and pooling once per
source node instead of once per edge; `none` contributes nothing; the mixing weight of a convolution is the scale
of its (otherwise not affine) batch norm instead of a multiplication of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from harness.spaces import nb201
from harness.spaces.nb201 import CONV1, CONV3, EDGES, NODES, NONE, POOL, SKIP, STAGES, Architecture

KERNELS = {CONV1: 1, CONV3: 3}
GROUP = "cell"  # the one alpha matrix, shared by all cells


def pool(x: Tensor) -> Tensor:
    """Average 3x3 neighbourhoods at stride 1; padding does not count in the divisor."""
    return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


def conv_bn(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Build ReLU-Conv-BN without convolution bias (stand-alone cells and residual blocks)."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(nn.ReLU(), conv, nn.BatchNorm2d(outputs))


class ResidualBlock(nn.Module):
    """Halve the image, double the channels; its batch norms are affine with running statistics everywhere."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.main = nn.Sequential(conv_bn(inputs, 2 * inputs, 3, stride=2), conv_bn(2 * inputs, 2 * inputs, 3))
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(inputs, 2 * inputs, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to [B, 2C, H/2, W/2]."""
        out: Tensor = self.main(x) + self.shortcut(x)
        return out


class MixedConv(nn.Module):
    """One convolution of one edge: Conv-BN whose batch norm is scaled by the mixing weight."""

    def __init__(self, channels: int, kernel: int, bias: bool, running: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, bias=bias)
        self.bn = nn.BatchNorm2d(channels, affine=False, track_running_stats=running)

    def forward(self, activated: Tensor, scale: Tensor) -> Tensor:
        """Map ReLU'd [B, C, H, W] to scale [C] times the normalised convolution.

        ``scale`` must be contiguous: torch's channels-last CPU kernel gives wrong gradients for stride 0.
        """
        bn = self.bn
        use_batch = self.training or bn.running_mean is None
        return F.batch_norm(
            self.conv(activated),
            bn.running_mean,
            bn.running_var,
            scale,
            None,
            use_batch,
            bn.momentum or 0.0,
            bn.eps,
        )


class MixedCell(nn.Module):
    """A cell whose every edge carries all operations."""

    def __init__(self, channels: int, ops: tuple[int, ...], bias: bool, running: bool) -> None:
        super().__init__()
        self.channels, self.ops = channels, ops
        kernels = {op: KERNELS[op] for op in ops if op in KERNELS}
        self.convs = nn.ModuleDict(
            {
                f"{edge}_{op}": MixedConv(channels, k, bias, running)
                for edge in range(len(EDGES))
                for op, k in kernels.items()
            }
        )

    def forward(
        self,
        x: Tensor,
        weights: dict[tuple[int, int], Tensor],
        scales: dict[tuple[int, int], Tensor],
        active: Sequence[int] | None,
    ) -> Tensor:
        """Map [B, C, H, W] to the last node; ``weights[edge, op]`` are scalars, ``scales`` the same as [C].

        ``active``: the one operation of each edge that is evaluated; None: all. The weights of the others, zeros,
        are then added as numbers, which gives them a gradient as in GDAS' official code.
        """
        carried = [set(self.ops)] * len(EDGES) if active is None else [{op} for op in active]
        nodes: list[Tensor] = []
        activated: list[Tensor] = []
        pooled: list[Tensor] = []

        def add(node: Tensor) -> None:
            """Keep a node together with what the edges that leave it need of it."""
            used = {op for (_, source), ops in zip(EDGES, carried, strict=True) if source == len(nodes) for op in ops}
            nodes.append(node)
            activated.append(F.relu(node) if used & KERNELS.keys() else node)
            pooled.append(pool(node) if POOL in used else node)

        add(x)
        edge = 0
        for target in range(1, NODES):
            total: Tensor | None = None
            idle: list[Tensor] = []
            for source in range(target):
                for op in self.ops:
                    if op not in carried[edge]:
                        idle.append(weights[edge, op])
                        continue
                    if op == NONE:
                        continue
                    if op in KERNELS:
                        term = self.convs[f"{edge}_{op}"](activated[source], scales[edge, op])
                        total = term if total is None else total + term
                        continue
                    value, weight = (nodes if op == SKIP else pooled)[source], weights[edge, op]
                    total = value * weight if total is None else torch.addcmul(total, value, weight)
                edge += 1
            node = torch.zeros_like(x) if total is None else total
            if idle and idle[0].requires_grad:
                node = node + torch.stack(idle).sum()
            add(node)
        return nodes[-1]


class Supernet(nn.Module):
    """The weight-sharing network of NAS-Bench-201 (AutoDL's DARTS search model)."""

    def __init__(
        self,
        *,
        channels: int,
        cells: int,
        classes: int,
        ops: tuple[str, ...],
        conv_bias: bool,
        bn_statistics: str,
    ) -> None:
        super().__init__()
        self.ops = tuple(nb201.OPS.index(op) for op in ops)
        running = bn_statistics == "running"
        self.stem = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
        self.reductions = nn.ModuleList(ResidualBlock(channels << s) for s in range(STAGES - 1))
        self.stages = nn.ModuleList(
            nn.ModuleList(MixedCell(channels << s, self.ops, conv_bias, running) for _ in range(cells))
            for s in range(STAGES)
        )
        self.head = head(channels << (STAGES - 1), classes)

    @property
    def groups(self) -> dict[str, tuple[int, int]]:
        """Shapes [edges, ops] of the architecture parameters."""
        return {GROUP: (len(EDGES), len(self.ops))}

    def forward(self, x: Tensor, mixing: dict[str, Tensor], *, sampled: bool = False) -> Tensor:
        """Map images [B, 3, H, W] and mixing weights ``{"cell": [E, O]}`` to logits [B, classes].

        ``sampled``: the weights are one-hot, and only the chosen operation of each edge is evaluated and paid for.
        The others count as the constant 1, so that their weights, which are 0, have a gradient.
        """
        active = [self.ops[i] for i in mixing[GROUP].argmax(-1).tolist()] if sampled else None
        keys = [(edge, op) for edge in range(len(EDGES)) for op in self.ops]
        flat = mixing[GROUP].flatten()
        weights = dict(zip(keys, flat.unbind(), strict=True))
        x = self.stem(x)
        for stage, cells in enumerate(self.stages):
            if stage:
                x = self.reductions[stage - 1](x)
            scales = dict(zip(keys, flat.unsqueeze(1).repeat(1, x.shape[1]).unbind(), strict=True))
            assert isinstance(cells, nn.ModuleList)
            for cell in cells:
                x = cell(x, weights, scales, active)
        logits: Tensor = self.head(x)
        return logits

    def discretise(self, mixing: dict[str, Tensor]) -> str:
        """Take the operation of largest weight on each edge (`none` may win, as in NAS-Bench-201)."""
        best = mixing[GROUP].argmax(-1).tolist()
        a, b, c, d, e, f = (self.ops[i] for i in best)
        return nb201.to_string((a, b, c, d, e, f))


class Cell(nn.Module):
    """A cell with one operation per edge."""

    def __init__(self, architecture: Architecture, channels: int) -> None:
        super().__init__()
        self.architecture = architecture
        self.convs = nn.ModuleDict(
            {
                str(edge): conv_bn(channels, channels, KERNELS[op])
                for edge, op in enumerate(architecture)
                if op in KERNELS
            }
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to the last node."""
        nodes = [x]
        for target in range(1, NODES):
            total = torch.zeros_like(x)
            for edge, (to, source) in enumerate(EDGES):
                op = self.architecture[edge]
                if to != target or op == NONE:
                    continue
                value = nodes[source]
                if op == POOL:
                    value = pool(value)
                elif op != SKIP:
                    value = self.convs[str(edge)](value)
                total = total + value
            nodes.append(total)
        return nodes[-1]


def head(channels: int, classes: int) -> nn.Sequential:
    """Build BN-ReLU-global average pool-linear."""
    return nn.Sequential(
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(channels, classes),
    )


def build_network(architecture: str, *, channels: int, cells: int, classes: int) -> nn.Sequential:
    """Build the stand-alone network [B, 3, H, W] -> [B, classes] of an architecture string."""
    ops = nb201.parse(architecture)
    layers: list[nn.Module] = [nn.Conv2d(3, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)]
    for stage in range(STAGES):
        if stage:
            layers.append(ResidualBlock(channels << (stage - 1)))
        layers += [Cell(ops, channels << stage) for _ in range(cells)]
    return nn.Sequential(*layers, head(channels << (STAGES - 1), classes))
