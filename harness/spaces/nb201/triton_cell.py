"""A cell of the supernet as one step of autograd on Triton kernels and merged convolutions, for CUDA.

At batch 64 a kernel costs its latency, about 2 us, and hardly more: the same sums as those of
`harness.spaces.nb201.fused`, in as few kernels as possible. Nothing here reads a tensor on the host, so that steps can
be recorded; the mixing matrix stays on the device. HARNESS_TRITON=0 leaves all to torch's operations.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import torch
from torch import Tensor

from harness.spaces.nb201.encoding import CONV1, CONV3, EDGES, NODES, NONE, POOL, SKIP
from harness.spaces.nb201.fused import Again, Job, convolve, convolve_backward, differentiable, leaving

TYPES = (torch.float32, torch.bfloat16)
TILE, LOOPS, PARTS = 2048, 4, 128  # elements of a tile, least tiles of a part, most parts
WARPS = 8  # of 32 threads: 8 elements of a tile each
WIDEST, LARGEST = 512, 1 << 31  # channels of a tile, elements that 32 bits count


@cache
def library() -> Any:
    """Return the module of kernels; None where there is no Triton, or it cannot compile for the device."""
    if os.environ.get("HARNESS_TRITON") == "0":
        return None
    try:
        from harness.spaces.nb201 import triton_kernels

        if torch.cuda.is_available():
            _try(triton_kernels)
    except ImportError:
        return None
    except Exception as error:  # no compiler of its launchers, too old a device: Triton's errors have no base
        warnings.warn(f"no kernels of Triton, but torch's operations: {error}", RuntimeWarning, stacklevel=2)
        return None
    return triton_kernels


def _try(kernels: Any) -> None:
    x = torch.zeros(1, 1, 1, 16, device="cuda")
    launch(kernels.gather, (1,), Shape((SKIP,), x.shape), *[x] * 7, torch.empty_like(x), 1, S=2)


def interpreted() -> bool:
    """Tell whether Triton's interpreter stands in for a device."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def usable(x: Tensor) -> bool:
    """Tell whether there are kernels for an image [B, C, H, W]."""
    kind = x.device.type
    if not (kind == "cuda" or (kind == "cpu" and interpreted())) or x.dtype not in TYPES:
        return False
    if torch.is_autocast_enabled(kind) and x.dtype != torch.get_autocast_dtype(kind):
        return False
    return x.shape[1] <= WIDEST and x.numel() * (NODES - 1) < LARGEST and library() is not None


@dataclass(frozen=True)
class Shape:
    """Operations and images [B, H, W, C] that kernels are compiled for."""

    ops: tuple[int, ...]
    size: torch.Size

    @cached_property
    def constants(self) -> dict[str, int]:
        """Return the kernels' constants (`triton_kernels`) by name."""
        _, height, width, channels = self.size
        convs = [op for op in self.ops if op in (CONV1, CONV3)]
        columns = {"SKIP": SKIP, "POOL": POOL, "NONE": NONE, "W3": CONV3, "W1": CONV1}
        constants = {name: _place(op, self.ops) for name, op in columns.items()}
        constants |= {"CONV3": _place(CONV3, convs), "CONV1": _place(CONV1, convs), "OPS": len(self.ops)}
        constants |= {"H": height, "W": width, "C": channels, "CB": _power(channels), "ROWS": self.rows}
        return constants | {"LOOPS": self.loops, "PARTS": self.parts, "PB": _power(self.parts)}

    @property
    def pixels(self) -> int:
        """Return B H W."""
        return self.size[:-1].numel()

    @property
    def rows(self) -> int:
        """Return the pixels of a tile."""
        return TILE // _power(self.size[-1])

    @property
    def tiles(self) -> int:
        """Return how many tiles there are."""
        return -(-self.pixels // self.rows)

    @property
    def loops(self) -> int:
        """Return the tiles of a part."""
        return max(LOOPS, _power(-(-self.tiles // PARTS)))

    @property
    def parts(self) -> int:
        """Return how many parts there are."""
        return -(-self.tiles // self.loops)


def _place(op: int, ops: Sequence[int]) -> int:
    return ops.index(op) if op in ops else -1


def _power(count: int) -> int:
    """Return the least power of two that is not below a count."""
    return 1 << max(count - 1, 0).bit_length()


def launch(kernel: Any, grid: tuple[int, ...], shape: Shape, *arguments: Any, **constants: int) -> None:
    """Launch a kernel with those of a shape's constants that it names."""
    named = {name: shape.constants[name] for name in kernel.arg_names if name in shape.constants}
    kernel[grid](*arguments, **(named | constants), num_warps=WARPS)


@dataclass
class Values:
    """Of every source node: value, positive part, pooled value and merged convolutions' outputs, or their gradients."""

    nodes: list[Tensor]
    relus: list[Tensor]
    pooled: list[Tensor]
    convs: dict[int, list[Tensor]]

    def merged(self) -> list[Tensor]:
        """List what the convolutions of both kinds give, three sources each; what is not there is never read."""
        return [t for op in (CONV3, CONV1) for t in self._three(self.convs.get(op, []))]

    def all(self) -> list[Tensor]:
        """List values, pooled values and outputs, three sources each."""
        return [*self._three(self.nodes), *self._three(self.pooled), *self.merged()]

    def _three(self, tensors: list[Tensor]) -> list[Tensor]:
        return [*tensors, *self.nodes[:1] * (NODES - 1)][: NODES - 1]


def merged_weights(weights: Sequence[Tensor], job: Job, dtype: torch.dtype) -> dict[int, list[Tensor]]:
    """Return for each operation and source the weights [m C, C, k, k] of all that leave it, in one type."""
    chosen = [[weights[place] for place in places] for places in _places(job)]
    joined = _converted([weight for group in chosen for weight in group], dtype)
    shapes = [(len(group) * group[0].shape[0], *group[0].shape[2:], group[0].shape[1]) for group in chosen]
    parts = torch.split(joined, [torch.Size(shape).numel() for shape in shapes])
    found = iter([part.view(shape).permute(0, 3, 1, 2) for part, shape in zip(parts, shapes, strict=True)])
    return {op: [next(found) for _ in range(NODES - 1)] for op in job.convs}


def _places(job: Job) -> list[list[int]]:
    """List the places of a job's weights, source after source of each operation."""
    numbers = range(len(job.convs))
    return [[number * len(EDGES) + edge for edge in leaving(s)] for number in numbers for s in range(NODES - 1)]


def _converted(tensors: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
    """Join [.., C, k, k] to one vector, channels last."""
    return torch.cat([tensor.permute(0, 2, 3, 1).flatten() for tensor in tensors]).to(dtype)


def _apart(slopes: Sequence[Tensor], weights: Sequence[Tensor], job: Job) -> list[Tensor | None]:
    """Return the gradients of all weights, given those of merged ones in the order of `_places`."""
    found: list[Tensor | None] = [torch.zeros_like(w) if w.dim() == 1 else None for w in weights]
    dtype = weights[0].dtype
    if slopes[0].dtype != dtype:  # all at once
        parts = torch.split(_converted(slopes, dtype), [slope.numel() for slope in slopes])
        sizes = [(s.shape[0], *s.shape[2:], s.shape[1]) for s in slopes]
        slopes = [part.view(size).permute(0, 3, 1, 2) for part, size in zip(parts, sizes, strict=True)]
    for places, slope in zip(_places(job), slopes, strict=True):
        for place, part in zip(places, slope.chunk(len(places)), strict=True):
            found[place] = part
    return found


class TritonCell(torch.autograd.Function):
    """``apply(again, job, x, matrix, *weights)`` -> the last node [B, C, H, W]: see `FusedCell`.

    The job's ``statistics`` are float32, on the device of x.
    """

    @staticmethod
    def forward(ctx: Any, again: Again, job: Job, *tensors: Tensor) -> Tensor:
        image, matrix, *weights = tensors
        x = image.permute(0, 2, 3, 1).contiguous()
        shape, kernels, rows = Shape(job.ops, x.shape), library(), matrix.float().contiguous()
        moments = job.statistics.new_empty(job.statistics.numel() * shape.parts)
        ctx.merged = merged_weights(weights, job, x.dtype)
        values = Values([x], [x.clamp_min(0)], [], {op: [] for op in job.convs})
        for source in range(NODES - 1):
            _measured(source, values, ctx.merged, moments, shape)
            node = torch.empty_like(x)
            relu = torch.empty_like(x) if source < NODES - 2 else node
            inputs = (*values.all(), rows, moments, job.statistics)
            launch(kernels.mix, (shape.tiles,), shape, *inputs, node, relu, shape.pixels, job.eps, T=source + 1)
            if source < NODES - 2:
                values.nodes.append(node)
                values.relus.append(relu)
        ctx.again, ctx.job, ctx.values = again, job, values
        ctx.save_for_backward(image, matrix, *weights)
        return node.permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        image, matrix, *weights = ctx.saved_tensors
        of_image, alpha, *of_weights = ctx.needs_input_grad[2:]
        if torch.is_grad_enabled():
            return None, None, *differentiable(ctx, [image, matrix, *weights], gradient)
        wanted = any(of_weights)
        back = Backward(ctx.job, ctx.values, ctx.merged, matrix.float().contiguous(), alpha, wanted)
        nodes = [gradient.permute(0, 2, 3, 1).contiguous()]  # of the last node, then of those before it
        for target in range(NODES - 1, 0, -1):
            back.through_norms(target, nodes[-1])
            if target > 1 or of_image or wanted:
                nodes.append(back.through_operations(target - 1, nodes))
        found = _apart(back.slopes, weights, ctx.job) if wanted else [None] * len(weights)
        of_matrix = back.of_matrix.to(matrix.dtype) if alpha else None
        return None, None, nodes[-1].permute(0, 3, 1, 2) if of_image else None, of_matrix, *found


def _measured(source: int, values: Values, merged: dict[int, list[Tensor]], moments: Tensor, shape: Shape) -> None:
    """Compute and measure the convolutions that leave a node, and pool it."""
    node, relu, pools = values.nodes[source], values.relus[source], POOL in shape.ops
    for op, outputs in values.convs.items():
        outputs.append(convolve(relu, merged[op][source]))
    values.pooled.append(torch.empty_like(node) if pools else node)
    three, one = (values.convs[op][source] if op in values.convs else node for op in (CONV3, CONV1))
    grid = shape.parts, len(values.convs) * (NODES - 1 - source) + (shape.loops if pools else 0)
    arguments = three, one, node, values.pooled[source], moments, shape.pixels
    launch(library().measure, grid, shape, *arguments, S=source)


class Backward:
    """Gradients on their way back through a cell, node by node.

    ``alpha``, ``wanted``: whether those of the matrix and of weights are asked for; ``slopes``: of merged weights.
    """

    def __init__(
        self, job: Job, values: Values, merged: dict[int, list[Tensor]], rows: Tensor, alpha: bool, wanted: bool
    ) -> None:
        self.job, self.values, self.merged, self.rows, self.wanted = job, values, merged, rows, wanted
        self.shape, self.kernels = Shape(job.ops, values.nodes[0].shape), library()
        self.skipped = {} if alpha else {"SKIP": -1, "POOL": -1}
        self.of_matrix = torch.empty_like(rows)
        self.sums = rows.new_empty(5 * len(EDGES) * self.shape.parts * self.shape.size[-1])
        convs = {op: [torch.empty_like(t) for t in outputs] for op, outputs in values.convs.items()}
        self.gradients = Values(values.nodes, [], [], convs)
        self.found: dict[tuple[int, int], Tensor] = {}

    @property
    def slopes(self) -> list[Tensor]:
        """List the gradients of merged weights, source after source of each operation."""
        return [self.found[op, source] for op in self.job.convs for source in range(NODES - 1)]

    def through_norms(self, target: int, gradient: Tensor) -> None:
        """Write gradients of the convolutions that enter a node, and of its rows of the matrix."""
        shape, job, values = self.shape, self.job, self.values
        measured = job.statistics, self.sums, shape.pixels, job.eps
        grid, skipped = (shape.parts, target), self.skipped
        launch(self.kernels.reduce, grid, shape, *values.all(), gradient, *measured, T=target, **skipped)
        outputs = *values.merged(), *self.gradients.merged()
        arguments = *outputs, gradient, self.rows, self.of_matrix, *measured
        launch(self.kernels.spread, (shape.tiles,), shape, *arguments, T=target, **skipped)

    def through_operations(self, source: int, nodes: Sequence[Tensor]) -> Tensor:
        """Return a node's gradient, given those of later nodes, the last one's first."""
        relu, passed = self.values.relus[source], {CONV3: nodes[0], CONV1: nodes[0]}
        for op in self.job.convs:
            weight, gradient = self.merged[op][source], self.gradients.convs[op][source]
            passed[op], slope = convolve_backward(gradient, relu, weight, self.wanted)
            if slope is not None:
                self.found[op, source] = slope
        out, last = torch.empty_like(relu), nodes[0]
        third, second, first = [*nodes, last, last][: NODES - 1]
        arguments = first, second, third, passed[CONV3], passed[CONV1], relu, self.rows, out, self.shape.pixels
        launch(self.kernels.gather, (self.shape.tiles,), self.shape, *arguments, S=source)
        return out
