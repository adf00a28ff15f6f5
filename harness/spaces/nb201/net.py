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
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from harness.spaces.nb201 import encoding, kernels, triton_cell
from harness.spaces.nb201.encoding import (
    CONV1,
    CONV3,
    EDGES,
    GROUP,
    NODES,
    NONE,
    POOL,
    SKIP,
    STAGES,
    Architecture,
    second,
)
from harness.spaces.nb201.fused import MERGED, FusedCell, Job, many
from harness.spaces.nb201.triton_cell import TritonCell
from harness.spaces.supernet import Mixing, Network, Supernet, average_pool, shuffled

KERNELS = {CONV1: 1, CONV3: 3, second(CONV1): 1, second(CONV3): 3}


def pool(x: Tensor) -> Tensor:
    """Average 3x3 neighbourhoods at stride 1; padding does not count in the divisor."""
    return average_pool(x, 3)


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

    @property
    def uses_batch(self) -> bool:
        """Tell whether the statistics are those of the batch."""
        return self.training or self.bn.running_mean is None

    def forward(self, activated: Tensor, scale: Tensor, *, again: bool = False) -> Tensor:
        """Map ReLU'd [B, C, H, W] to scale [C] times the normalised convolution; ``again``: see `Mix`."""
        bn = self.bn
        kept = (bn.running_mean, bn.running_var) if not (again and self.uses_batch) else (None, None)
        return F.batch_norm(self.conv(activated), *kept, scale, None, self.uses_batch, bn.momentum or 0.0, bn.eps)


def incoming(node: int) -> list[tuple[int, int]]:
    """List the edges that enter a node, each with the node it leaves."""
    return [(edge, source) for edge, (target, source) in enumerate(EDGES) if target == node]


class Mix:
    """What the cells of one stage mix by: ``matrix`` [E, O] for channels C, edge e and operation o.

    ``weights[e, o]`` are scalars, ``scales[e, o]`` the same for every channel, ``rows[e]`` their sums over o.
    ``active``: the one operation of each edge that is evaluated; None: all. The weights of the others, zeros, are
    then added as numbers, which gives them a gradient as in GDAS' official code. ``again``: a pass is
    repeated for its second derivatives, in torch's operations, and leaves running statistics alone.
    """

    def __init__(
        self, matrix: Tensor, ops: Sequence[int], channels: int, *, sampled: bool = False, again: bool = False
    ) -> None:
        self.matrix, self.channels, self.again = matrix, channels, again
        self.keys = [(edge, op) for edge in range(len(EDGES)) for op in ops]
        self.active = [ops[i] for i in matrix.argmax(-1).tolist()] if sampled else None

    @cached_property
    def weights(self) -> dict[tuple[int, int], Tensor]:
        """Scalars."""
        return dict(zip(self.keys, self.matrix.flatten().unbind(), strict=True))

    @cached_property
    def scales(self) -> dict[tuple[int, int], Tensor]:
        """Vectors [C], contiguous: torch's channels-last CPU kernel gives wrong gradients for stride 0."""
        repeated = self.matrix.flatten().unsqueeze(1).repeat(1, self.channels)
        return dict(zip(self.keys, repeated.unbind(), strict=True))

    @cached_property
    def rows(self) -> tuple[Tensor, ...]:
        """Sums over the operations, edge by edge."""
        return self.matrix.sum(-1).unbind()


@dataclass(frozen=True)
class Source:
    """A node, and what the edges that leave it need of it; ``rest``: the channels that bypass operations."""

    mixed: Tensor
    relu: Tensor
    pooled: Tensor
    rest: Tensor | None


def weighted(total: Tensor | None, value: Tensor, weight: Tensor) -> Tensor:
    """Return total + value * weight, in the type of the values: CUDA's autocast would go on in float32 otherwise."""
    return value * weight if total is None else torch.addcmul(total, value, weight.to(value.dtype))


class MixedCell(nn.Module):
    """A cell whose every edge carries all operations.

    With ``partial`` K > 1 the first 1/K of the channels pass them, the others pass unchanged; a shuffle of all channels
    follows (PC-DARTS, section 3.2), once per node instead of once per edge.
    """

    def __init__(self, channels: int, ops: tuple[int, ...], bias: bool, running: bool, partial: int) -> None:
        super().__init__()
        self.channels, self.ops, self.partial = channels // partial, ops, partial
        kernels = {op: KERNELS[op] for op in ops if op in KERNELS}
        self.convs = nn.ModuleDict(
            {
                f"{edge}_{op}": MixedConv(self.channels, k, bias, running)
                for edge in range(len(EDGES))
                for op, k in kernels.items()
            }
        )

    def forward(self, x: Tensor, mix: Mix, drops: Tensor | None) -> Tensor:
        """Map [B, C, H, W] to the last node; ``drops`` [E, B] multiply the edges' outputs."""
        if drops is None and mix.active is None and not mix.again and self._dense:
            if triton_cell.usable(x) and not any(second(op) in self.ops for op in self.ops):
                return self._fused(x, mix, TritonCell, self._job(x, torch.float32))
            if kernels.usable(x):
                return self._fused(x, mix, FusedCell, self._job(x))
        return self._plain(x, mix, drops)

    @property
    def _dense(self) -> bool:
        """Tell whether all channels pass all operations, of which some convolve, on a batch's own statistics."""
        conv = next(iter(self.convs.values()), None)
        return isinstance(conv, MixedConv) and conv.uses_batch and self.partial == 1

    def fusible(self, x: Tensor) -> bool:
        """Tell whether there are compiled kernels for all operations on x."""
        return self._dense and kernels.usable(x)

    def many(self, x: Tensor, matrices: Sequence[Tensor]) -> list[Tensor]:
        """Return the last node under each mixing matrix [E, O], without gradients; x must be fusible."""
        job = self._job(x)
        values = many(job, x, matrices)
        self._move_statistics(job, x)
        return values

    def _fused(self, x: Tensor, mix: Mix, form: type[torch.autograd.Function], job: Job) -> Tensor:
        def again(x: Tensor, matrix: Tensor, *weights: Tensor) -> Tensor:
            mix = Mix(matrix, self.ops, self.channels, again=True)
            out: Tensor = functional_call(self, dict(zip(job.weights, weights, strict=True)), (x, mix, None))
            return out

        out: Tensor = form.apply(again, job, x, mix.matrix, *job.weights.values())  # type: ignore[no-untyped-call]
        self._move_statistics(job, x)
        return out

    def _job(self, x: Tensor, statistics: torch.dtype = torch.float64) -> Job:
        """Collect weights in the order of operations, then edges; biases last."""
        convs = self._convs()
        weights = {f"convs.{key}.conv.weight": conv.conv.weight for key, conv in convs.items()}
        weights |= {
            f"convs.{key}.conv.bias": conv.conv.bias for key, conv in convs.items() if conv.conv.bias is not None
        }
        count = len(convs) // len(EDGES)
        room = torch.empty(count, len(EDGES), 2, self.channels, dtype=statistics, device=x.device)
        return Job(self.ops, x.nbytes <= MERGED, next(iter(convs.values())).bn.eps, weights, room)

    def _convs(self) -> dict[str, MixedConv]:
        keys = [f"{edge}_{op}" for op in self.ops if op in KERNELS for edge in range(len(EDGES))]
        return {key: cast(MixedConv, self.convs[key]) for key in keys}

    def _move_statistics(self, job: Job, x: Tensor) -> None:
        """Move running statistics, where there are any, towards those of a job."""
        convs = list(self._convs().values())
        if convs[0].bn.running_mean is None:
            return
        means, variances = job.statistics.flatten(0, 1).unbind(1)
        biases = [conv.conv.bias for conv in convs if conv.conv.bias is not None]
        if biases:
            means = means + torch.stack(biases).detach()
        count = x.numel() // x.shape[1]
        variances = variances * (count / max(count - 1, 1))  # unbiased
        running = [getattr(conv.bn, name) for name in ("running_mean", "running_var") for conv in convs]
        new = [row for rows in (means, variances) for row in rows.to(running[0].dtype).unbind()]
        torch._foreach_lerp_(running, new, convs[0].bn.momentum or 0.0)

    def _plain(self, x: Tensor, mix: Mix, drops: Tensor | None) -> Tensor:
        return self.nodes(x, mix, drops)[-1]

    def nodes(self, x: Tensor, mix: Mix, drops: Tensor | None) -> list[Tensor]:
        """Compute all nodes, x the first, in torch's operations."""
        found, sources = [x], list[Source]()
        for target in range(1, NODES):
            sources.append(self._source(found[-1], target - 1, mix.active))
            found.append(self._node(target, sources, mix, drops))
        return found

    def _source(self, x: Tensor, number: int, active: Sequence[int] | None) -> Source:
        """Prepare node ``number`` for the operations that leave it."""
        leaving = [edge for edge, (_, source) in enumerate(EDGES) if source == number]
        used = {op for edge in leaving for op in (self.ops if active is None else (active[edge],))}
        mixed, rest = x, None
        if self.partial > 1:
            mixed, rest = x[:, : self.channels], x[:, self.channels :]
        relu = F.relu(mixed) if used & KERNELS.keys() else mixed
        return Source(mixed, relu, pool(mixed) if POOL in used else mixed, rest)

    def _node(self, target: int, sources: list[Source], mix: Mix, drops: Tensor | None) -> Tensor:
        """Sum up what enters a node."""
        total: Tensor | None = None
        rest: Tensor | None = None
        idle: list[Tensor] = []
        for edge, source in incoming(target):
            drop = None if drops is None else drops[edge, :, None, None, None]
            for op in self.ops:
                weight = mix.weights[edge, op]
                if mix.active is not None and mix.active[edge] != op:
                    idle.append(weight)
                    continue
                if op == NONE:
                    continue
                if op in KERNELS:
                    conv = self.convs[f"{edge}_{op}"]
                    term = conv(sources[source].relu, mix.scales[edge, op], again=mix.again)
                    term = term if drop is None else term * drop
                    total = term if total is None else total + term
                    continue
                value = sources[source].mixed if op == SKIP else sources[source].pooled
                total = weighted(total, value, weight if drop is None else weight * drop)
            bypass = sources[source].rest
            if bypass is not None:
                row = mix.rows[edge]
                rest = weighted(rest, bypass, row if drop is None else row * drop)
        node = torch.zeros_like(sources[0].mixed) if total is None else total
        if idle and idle[0].requires_grad:
            node = node + torch.stack(idle).sum()
        return node if rest is None else shuffled(node, rest, self.partial)


class Nb201Supernet(Supernet):
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
        partial_channels: int,
    ) -> None:
        super().__init__()
        codes = [encoding.OPS.index(op) for op in ops]
        self.ops = tuple(second(op) if op in codes[:place] else op for place, op in enumerate(codes))
        self.partial = partial_channels
        running = bn_statistics == "running"
        self.stem = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
        self.reductions = nn.ModuleList(ResidualBlock(channels << s) for s in range(STAGES - 1))
        self.stages = nn.ModuleList(
            nn.ModuleList(
                MixedCell(channels << s, self.ops, conv_bias, running, partial_channels) for _ in range(cells)
            )
            for s in range(STAGES)
        )
        self.head = head(channels << (STAGES - 1), classes)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return the one cell type as often as there are cells."""
        return (GROUP,) * len(self._cells())

    @property
    def droppable(self) -> tuple[int, int]:
        """Return cells through all stages, and their edges."""
        return len(self._cells()), len(EDGES)

    def forward(self, x: Tensor, mixing: Mixing, *, sampled: bool = False, drops: Tensor | None = None) -> Tensor:
        """Map images [B, 3, H, W] and mixing weights ``{"cell": [E, O]}`` to logits [B, classes]."""
        return self._from_cell(0, self.stem(x), [self._matrix(mixing)] * len(self.kinds), sampled, drops)

    def by_cell(self, x: Tensor, mixings: Sequence[Mixing]) -> Tensor:
        """Return the logits where every cell mixes by weights of its own."""
        return self._from_cell(0, self.stem(x), [self._matrix(mixing) for mixing in mixings], False, None)

    def nodes(self, x: Tensor, mixing: Mixing) -> tuple[Tensor, list[list[Tensor]]]:
        """Return the logits and the four nodes of every cell."""
        found: list[list[Tensor]] = []
        return self._from_cell(0, self.stem(x), [self._matrix(mixing)] * len(self.kinds), False, None, found), found

    @torch.no_grad()
    def many(self, x: Tensor, mixings: Sequence[Mixing]) -> list[Tensor]:
        """Return the logits under each of several mixings, without gradients.

        Shared are the stem and, with kernels, parts of the first cell: from the first differing edge on, all differs.
        """
        x, matrices, first = self.stem(x), [self._matrix(mixing) for mixing in mixings], self._cells()[0]
        shared = first.fusible(x)
        values = first.many(x, matrices) if shared else [x] * len(matrices)
        cells = len(self.kinds)
        return [
            self._from_cell(int(shared), v, [m] * cells, False, None) for v, m in zip(values, matrices, strict=True)
        ]

    def _matrix(self, mixing: Mixing) -> Tensor:
        """Return [E, O]: an auxiliary skip connection, the identity, counts with the operation."""
        matrix = mixing[GROUP]
        if matrix.shape[-1] == len(self.ops):
            return matrix
        skip = torch.arange(len(self.ops), device=matrix.device) == self.ops.index(SKIP)
        return matrix[:, :-1] + matrix[:, -1:] * skip.to(matrix)

    def _cells(self) -> list[MixedCell]:
        return [cell for cells in self.stages for cell in cells]  # type: ignore[attr-defined]

    def _from_cell(
        self, start: int, x: Tensor, matrices: Sequence[Tensor], sampled: bool, drops: Tensor | None,
        found: list[list[Tensor]] | None = None,
    ) -> Tensor:  # fmt: skip
        """Map the input of cell ``start`` to logits; ``matrices``: of all cells; ``found`` takes their nodes."""
        cells = self._cells()
        a_stage = len(cells) // STAGES
        mix: Mix | None = None
        for number, cell in enumerate(cells[start:], start=start):
            if number and number % a_stage == 0:
                x = self.reductions[number // a_stage - 1](x)
            if mix is None or number % a_stage == 0 or matrices[number] is not mix.matrix:
                mix = Mix(matrices[number], self.ops, cell.channels, sampled=sampled)
            if found is None:
                x = cell(x, mix, None if drops is None else drops[number])
            else:
                found.append(cell.nodes(x, mix, None))
                x = found[-1][-1]
        logits: Tensor = self.head(x)
        return logits


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
            total: Tensor | None = None
            for edge, (to, source) in enumerate(EDGES):
                if to == target and self.architecture[edge] != NONE:
                    value = self._value(edge, nodes[source])
                    total = value if total is None else total + value
            nodes.append(torch.zeros_like(x) if total is None else total)
        return nodes[-1]

    def _value(self, edge: int, x: Tensor) -> Tensor:
        """Return what an edge gives."""
        op = self.architecture[edge]
        if op == SKIP:
            return x
        value: Tensor = pool(x) if op == POOL else self.convs[str(edge)](x)
        return value


def head(channels: int, classes: int) -> nn.Sequential:
    """Build BN-ReLU-global average pool-linear."""
    return nn.Sequential(
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(channels, classes),
    )


class Nb201Network(nn.Sequential, Network):
    """Stem, cells and residual blocks, head, one after the other."""

    def forward(self, x: Tensor, *, drops: Tensor | None = None) -> Tensor:
        """Map images [B, 3, H, W] to logits [B, classes]; the benchmark drops no paths."""
        logits: Tensor = super().forward(x)  # type: ignore[no-untyped-call]
        return logits


def build_network(architecture: str, *, channels: int, cells: int, classes: int) -> Nb201Network:
    """Build the stand-alone network [B, 3, H, W] -> [B, classes] of an architecture string."""
    ops = encoding.parse(architecture)
    layers: list[nn.Module] = [nn.Conv2d(3, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)]
    for stage in range(STAGES):
        if stage:
            layers.append(ResidualBlock(channels << (stage - 1)))
        layers += [Cell(ops, channels << stage) for _ in range(cells)]
    return Nb201Network(*layers, head(channels << (STAGES - 1), classes))
