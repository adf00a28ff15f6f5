"""A cell of the supernet, all operations of all edges, as one step of autograd on top of the compiled kernels.

The same sums as `harness.spaces.nb201.net.MixedCell`, in fewer passes over memory: what enters a node is measured
(batch statistics) and summed up at once, and so are the gradients that leave it. Images are [B, H, W, C].
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from harness.spaces.nb201 import kernels
from harness.spaces.nb201.encoding import CONV1, CONV3, EDGES, NODES, NONE, POOL, SKIP, second
from harness.spaces.nb201.kernels import Term

MERGED = 1 << 19  # bytes of a node up to which convolutions that leave it are one (oneDNN on small tensors)
Again = Callable[..., Tensor]
Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Job:
    """What a cell computes: operations, whether convolutions are merged, epsilon of the batch norms.

    ``weights``: by name, of every operation, edge after edge; then biases, which have no effect in front of a
    normalisation. ``statistics`` [convs, E, 2, C], float64, take up the mean and the biased variance of every
    convolution's output.
    """

    ops: tuple[int, ...]
    merged: bool
    eps: float
    weights: dict[str, Tensor]
    statistics: Tensor

    @property
    def convs(self) -> list[int]:
        """List the operations that have weights."""
        return [op for op in self.ops if op in (CONV1, CONV3, second(CONV1), second(CONV3))]


@dataclass
class Sources:
    """Of every source node: value, positive part, pooled value and outputs of its convolutions, or gradients of them.

    ``convs[op][source]``: one tensor [B, H, W, C] for each edge that leaves, or all of them merged in one [.., m C].
    """

    nodes: list[Tensor]
    relus: list[Tensor]
    pooled: list[Tensor]
    convs: dict[int, list[list[Tensor]]]

    def place(self, op: int, source: int, target: int) -> tuple[int, int]:
        """Return the address and the row stride of what an operation carries from source to target."""
        if op in (SKIP, POOL):
            tensor = (self.nodes if op == SKIP else self.pooled)[source]
            return tensor.data_ptr(), tensor.shape[-1]
        parts, number = self.convs[op][source], target - source - 1
        if len(parts) > 1:
            return parts[number].data_ptr(), parts[number].shape[-1]
        offset = number * self.nodes[source].shape[-1] * parts[0].element_size()
        return parts[0].data_ptr() + offset, parts[0].shape[-1]

    def tensors(self) -> list[Tensor]:
        """List all tensors but the first node."""
        convs = (t for lists in self.convs.values() for parts in lists for t in parts)
        return [*self.nodes[1:], *self.relus, *self.pooled, *convs]

    @classmethod
    def of(cls, x: Tensor, job: Job, tensors: Sequence[Tensor]) -> Sources:
        """Take apart what ``tensors`` listed."""
        rest = iter(tensors)
        nodes = [x, next(rest), next(rest)]
        relus, pooled = [next(rest) for _ in nodes], [next(rest) for _ in nodes]
        counts = [1 if job.merged else NODES - 1 - source for source in range(NODES - 1)]
        return cls(nodes, relus, pooled, {op: [[next(rest) for _ in range(k)] for k in counts] for op in job.convs})

    def empty(self, ops: tuple[int, ...]) -> Sources:
        """Return room for gradients: zeros where no operation writes them."""
        nodes = [torch.empty_like(t) if SKIP in ops else torch.zeros_like(t) for t in self.nodes]
        pooled = [torch.empty_like(t) if POOL in ops else torch.zeros_like(t) for t in self.pooled]
        convs = {op: [[torch.empty_like(t) for t in parts] for parts in lists] for op, lists in self.convs.items()}
        return Sources(nodes, [], pooled, convs)


def leaving(source: int) -> list[int]:
    """List the edges that leave a node, in the order of their targets."""
    return [edge for edge, (_, start) in enumerate(EDGES) if start == source]


def weights_of(weights: Sequence[Tensor], job: Job, op: int, source: int, dtype: torch.dtype) -> list[Tensor]:
    """Return the weights of the convolutions that leave a node: one by one or merged [m C, C, k, k]."""
    first = job.convs.index(op) * len(EDGES)
    chosen = [weights[first + edge].to(dtype) for edge in leaving(source)]
    return [torch.cat(chosen)] if job.merged else chosen


def convolve(x: Tensor, weight: Tensor) -> Tensor:
    """Map [B, H, W, C] to [B, H, W, K] by weights [K, C, k, k]; k = 1 is a matrix product."""
    if weight.shape[-1] == 1:
        return x @ weight.flatten(1).t()
    return F.conv2d(x.permute(0, 3, 1, 2), weight, padding=1).permute(0, 2, 3, 1).contiguous()


def convolve_backward(gradient: Tensor, x: Tensor, weight: Tensor, wanted: bool) -> tuple[Tensor, Tensor | None]:
    """Return the gradients of x and, if wanted, of the weight."""
    if weight.shape[-1] == 1:
        rows = gradient.flatten(0, 2)
        slope = (rows.t() @ x.flatten(0, 2)).view(weight.shape) if wanted else None
        return gradient @ weight.flatten(1), slope
    of_x, of_weight, _ = torch.ops.aten.convolution_backward.default(
        gradient.permute(0, 3, 1, 2), x.permute(0, 3, 1, 2), weight, None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1,
        [True, wanted, False],
    )  # fmt: skip
    return of_x.permute(0, 2, 3, 1).contiguous(), of_weight


def terms_of(
    target: int,
    job: Job,
    rows: Sequence[Sequence[float]],
    values: Sources,
    gradients: Sources | None = None,
) -> tuple[ctypes.Array[Term], list[tuple[int, int]]]:
    """Describe what enters a node, for the kernels, and name each term's edge and column of the mixing matrix."""
    keys = [
        (edge, column, op, source)
        for edge, (end, source) in enumerate(EDGES)
        for column, op in enumerate(job.ops)
        if end == target and op != NONE
    ]
    terms = (Term * len(keys))()
    convs, size = job.convs, job.statistics[0, 0, 0].nbytes
    for term, (edge, column, op, source) in zip(terms, keys, strict=True):
        term.value, term.value_stride = values.place(op, source, target)
        term.weight = rows[edge][column]
        if op in convs:
            term.mean = job.statistics.data_ptr() + (convs.index(op) * len(EDGES) + edge) * 2 * size
            term.var = term.mean + size
        if gradients is not None:
            term.gradient, term.gradient_stride = gradients.place(op, source, target)
            term.add = op not in convs and target < NODES - 1  # the last node wrote first
    return terms, [(edge, column) for edge, column, _, _ in keys]


class FusedCell(torch.autograd.Function):
    """``apply(again, job, x, matrix, *weights)`` -> the last node [B, C, H, W].

    ``x`` [B, C, H, W]; ``matrix`` [E, O]: mixing weights; ``weights``: those of the job.
    ``again(x, matrix, *weights)`` computes the same in torch's operations: second derivatives go through it.
    """

    @staticmethod
    def forward(ctx: Any, again: Again, job: Job, *tensors: Tensor) -> Tensor:
        image, matrix, *weights = tensors
        x = image.permute(0, 2, 3, 1).contiguous()
        rows = matrix.tolist()
        values = Sources([x], [x.clamp_min(0)], [], {op: [] for op in job.convs})
        for source in range(NODES - 1):
            value, positive = values.nodes[source], values.relus[source]
            values.pooled.append(kernels.pool(value) if POOL in job.ops else value)
            for op, outputs in values.convs.items():
                outputs.append([convolve(positive, w) for w in weights_of(weights, job, op, source, x.dtype)])
            node, relu = torch.empty_like(x), None
            terms, _ = terms_of(source + 1, job, rows, values)
            if source < NODES - 2:
                relu = torch.empty_like(x)
                values.nodes.append(node)
                values.relus.append(relu)
            kernels.mix(terms, node, relu, job.eps)
        ctx.again, ctx.job = again, job
        ctx.save_for_backward(image, matrix, *weights, *values.tensors())
        return node.permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        image, matrix, *rest = ctx.saved_tensors
        job, (_, alpha, *of_weights) = ctx.job, ctx.needs_input_grad[2:]
        weights, tensors = rest[: len(of_weights)], rest[len(of_weights) :]
        if torch.is_grad_enabled():
            return None, None, *differentiable(ctx, [image, matrix, *weights], gradient)
        values = Sources.of(image.permute(0, 2, 3, 1).contiguous(), job, tensors)
        gradients = values.empty(job.ops)
        rows, slopes = matrix.tolist(), torch.zeros_like(matrix, dtype=torch.float64)
        found: list[Tensor | None] = [torch.zeros_like(w) if w.dim() == 1 else None for w in weights]
        node = gradient.permute(0, 2, 3, 1).contiguous()
        for target in range(NODES - 1, 0, -1):
            terms, keys = terms_of(target, job, rows, values, gradients)
            kernels.mix_backward(terms, node, job.eps, plain=alpha)
            for term, (edge, column) in zip(terms, keys, strict=True):
                slopes[edge, column] = term.weight_gradient
            node = _through_operations(target - 1, job, values, gradients, weights, found, any(of_weights))
        return None, None, node.permute(0, 3, 1, 2), slopes.to(matrix.dtype) if alpha else None, *found


def _through_operations(
    source: int,
    job: Job,
    values: Sources,
    gradients: Sources,
    weights: Sequence[Tensor],
    found: list[Tensor | None],
    wanted: bool,
) -> Tensor:
    """Complete and return a node's gradient; fill in those of the weights of the convolutions that leave it."""
    relu, passed = values.relus[source], []
    for number, op in enumerate(job.convs):
        parts, gradients.convs[op][source] = gradients.convs[op][source], []
        slopes: list[Tensor] = []
        for part, weight in zip(parts, weights_of(weights, job, op, source, relu.dtype), strict=True):
            of_relu, of_weight = convolve_backward(part, relu, weight, wanted)
            passed.append(of_relu)
            slopes += [] if of_weight is None else torch.split(of_weight, relu.shape[-1])
        for edge, slope in zip(leaving(source), slopes, strict=wanted):
            place = number * len(EDGES) + edge
            found[place] = slope.to(weights[place].dtype)
    total = gradients.nodes[source]
    kernels.pool_backward(total, gradients.pooled[source], relu, passed)
    return total


def differentiable(ctx: Any, inputs: Sequence[Tensor], gradient: Tensor) -> list[Tensor | None]:
    """Return the gradients in a form that can be differentiated again."""
    inputs = [tensor.view_as(tensor) for tensor in inputs]  # x may depend on all others: not through this cell
    wanted = [i for i, needed in enumerate(ctx.needs_input_grad[2:]) if needed]
    chosen = [inputs[i] for i in wanted]
    found = torch.autograd.grad(ctx.again(*inputs), chosen, gradient, create_graph=True, allow_unused=True)
    slopes: list[Tensor | None] = [None] * len(inputs)
    for i, slope in zip(wanted, found, strict=True):
        slopes[i] = slope
    return slopes


def many(job: Job, image: Tensor, matrices: Sequence[Tensor]) -> list[Tensor]:
    """Return the last node under each mixing matrix, without gradients; what they agree on is computed once.

    ``past``: the rows of all edges before a node, which with the image decide it.
    """
    x, weights = image.permute(0, 2, 3, 1).contiguous(), list(job.weights.values())

    @cache
    def source(number: int, past: Rows) -> tuple[Tensor, Tensor, dict[int, list[Tensor]]]:
        value = node(number, past) if number else x
        relu = value.clamp_min(0)
        chosen = {op: weights_of(weights, job, op, number, x.dtype) for op in job.convs}
        pooled = kernels.pool(value) if POOL in job.ops else value
        return value, pooled, {op: [convolve(relu, w) for w in of_op] for op, of_op in chosen.items()}

    def node(number: int, past: Rows) -> Tensor:
        before = [source(start, past[: start * (start + 1) // 2]) for start in range(number)]
        convs = {op: [outputs[op] for _, _, outputs in before] for op in job.convs}
        values = Sources([value for value, _, _ in before], [], [pooled for _, pooled, _ in before], convs)
        out = torch.empty_like(x)
        kernels.mix(terms_of(number, job, past, values)[0], out, None, job.eps)
        return out

    return [node(NODES - 1, tuple(map(tuple, m.tolist()))).permute(0, 3, 1, 2) for m in matrices]
