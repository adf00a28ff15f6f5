"""A cell of the supernet, all options of all edges, as one step of autograd on top of the compiled kernels.

The same sums as `harness.spaces.darts.mixed.MixedEdges`, in fewer passes over memory: all separable convolutions that
leave a source read it once; batch norm, mixing weight and sum are one pass, and so are their gradients, which are never
written out term by term. Images are [B, H, W, C]. A *term* is what one option of one edge adds to a node.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from harness.spaces.darts import kernels
from harness.spaces.darts.encoding import INPUTS
from harness.spaces.darts.kernels import Branch
from harness.spaces.darts.variants import EDGES, NODES

Array = NDArray[np.float64]
Statistics = tuple[Array, Array, int]
Again = Callable[..., Sequence[Tensor]]
SEPARABLE, TWICE, REDUCE, POOL, SKIP, NOISE = "separable", "separable twice", "reduce", "pool", "skip", "noise"


@dataclass(frozen=True, eq=False)
class Option:
    """One option that contributes. ``column``: its place among all mixing weights of the cell's kind.

    ``weights``: places of its tensors among all of the cell; ``dilation``: of separable convolutions; ``largest``: of
    pools; ``norms``: names of its batch norms.
    """

    edge: int
    column: int
    kind: str
    weights: tuple[int, ...] = ()
    dilation: int = 1
    largest: bool = False
    norms: tuple[str, ...] = ()

    @property
    def source(self) -> int:
        """Return where its edge begins."""
        return EDGES[self.edge][0]

    @property
    def target(self) -> int:
        """Return where its edge ends."""
        return EDGES[self.edge][1]


class Plan:
    """The options of a cell, by where their edges begin and end."""

    def __init__(self, options: Sequence[Option]) -> None:
        nodes = range(INPUTS + NODES)
        self.leaving = {node: [option for option in options if option.source == node] for node in nodes}
        self.entering = {node: [option for option in options if option.target == node] for node in nodes}


@dataclass(frozen=True)
class Job:
    """What a cell computes. ``stride``: of what leaves its inputs; ``noise``: draws like a tensor [B, H, W, C].

    ``statistics``: takes up mean and biased variance of what every batch norm saw, by name, with their count.
    """

    plan: Plan
    stride: int
    eps: float
    noise: Callable[[Tensor], Tensor]
    statistics: dict[str, Statistics] = field(default_factory=dict)

    def stride_of(self, source: int) -> int:
        """Return the stride of what leaves a source."""
        return self.stride if source < INPUTS else 1


@dataclass
class Term:
    """What an option adds: ``value``, normalised by ``mean`` and ``inverse`` [C] unless these are None.

    Of separable convolutions ``middle`` is what lies between depthwise and pointwise (kept for gradients of weights),
    and ``before`` the term of the first half of two.
    """

    value: Tensor
    mean: Array | None = None
    inverse: Array | None = None
    middle: Tensor | None = None
    before: Term | None = None

    def normalise(self, sums: Any, eps: float) -> tuple[Array, Array, int]:
        """Take up the statistics of sums [2, C] of the value and its square; return mean, variance, count."""
        count = self.value.numel() // self.value.shape[-1]
        self.mean = sums[0] / count
        variance = np.maximum(sums[1] / count - self.mean**2, 0)
        self.inverse = 1 / np.sqrt(variance + eps)
        return self.mean, variance, count

    def factors(self, weight: float) -> tuple[Array, Array]:
        """Return gain and level [C] that map the value to what is added."""
        if self.mean is None or self.inverse is None:
            return np.full(self.value.shape[-1], weight), np.zeros(self.value.shape[-1])
        gain = weight * self.inverse
        return gain, -gain * self.mean

    def slopes(self, weight: float, total: Array, product: Array) -> tuple[Array, float]:
        """Return the factors [3, C] of the gradient of the value and the gradient of the weight.

        ``total``, ``product``: sums [C] over all positions of the sum's gradient, and of it times the value. The
        gradient is factors[0] * the sum's gradient + factors[1] * value + factors[2].
        """
        channels = self.value.shape[-1]
        if self.mean is None or self.inverse is None:
            zero = np.zeros(channels)
            return np.stack([np.full(channels, weight), zero, zero]), float(product.sum())
        count = self.value.numel() // channels
        along = self.inverse * (product - self.mean * total)
        gain = weight * self.inverse
        bend = -gain * self.inverse * along / count
        return np.stack([gain, bend, -gain * total / count - bend * self.mean]), float(along.sum())


def typed(values: Array, like: Tensor) -> Any:
    """Return factors in the type of images."""
    return np.ascontiguousarray(values, dtype=np.float32 if like.dtype == torch.float32 else np.float64)


class FusedCell(torch.autograd.Function):
    """``apply(again, job, first, second, mixing, *weights)`` -> the four nodes [B, C, H, W].

    ``first``, ``second`` [B, C, H, W]: the inputs; ``mixing`` [K]: all mixing weights of the cell's kind; ``weights``:
    those that the options name. ``again(first, second, mixing, *weights)`` computes the same in torch's operations:
    second derivatives go through it.
    """

    @staticmethod
    def forward(ctx: Any, again: Again, job: Job, *tensors: Tensor) -> tuple[Tensor, ...]:
        first, second, mixing, *weights = tensors
        run = Forward(job, mixing.tolist(), weights, keep=any(ctx.needs_input_grad[5:]))
        nodes = run.nodes([first.permute(0, 2, 3, 1).contiguous(), second.permute(0, 2, 3, 1).contiguous()])
        ctx.again, ctx.run = again, run
        ctx.save_for_backward(*tensors)
        return tuple(node.permute(0, 3, 1, 2) for node in nodes[INPUTS:])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            return None, None, *_again(ctx, gradients)
        _, _, mixing, *weights = ctx.saved_tensors
        of_weights = ctx.needs_input_grad[5:]
        run = Backward(ctx.run, [torch.empty_like(w) if n else None for w, n in zip(weights, of_weights, strict=True)])
        inputs = run.inputs([gradient.permute(0, 2, 3, 1).contiguous() for gradient in gradients])
        slopes = torch.tensor(run.mixing, dtype=mixing.dtype) if ctx.needs_input_grad[4] else None
        return None, None, *(value.permute(0, 3, 1, 2) for value in inputs), slopes, *run.found


def _again(ctx: Any, gradients: Sequence[Tensor]) -> list[Tensor | None]:
    """Return the gradients in a form that can be differentiated again."""
    inputs = [
        tensor.view_as(tensor) for tensor in ctx.saved_tensors
    ]  # inputs may depend on one another: not through here
    wanted = [i for i, needed in enumerate(ctx.needs_input_grad[2:]) if needed]
    found = torch.autograd.grad(
        list(ctx.again(*inputs)), [inputs[i] for i in wanted], gradients, create_graph=True, allow_unused=True
    )
    slopes: list[Tensor | None] = [None] * len(inputs)
    for i, slope in zip(wanted, found, strict=True):
        slopes[i] = slope
    return slopes


class Forward:
    """One pass through a cell; ``terms`` by option stay for the gradients, if ``keep`` with those of weights."""

    def __init__(self, job: Job, mixing: Sequence[float], weights: Sequence[Tensor], *, keep: bool) -> None:
        self.job, self.mixing, self.weights, self.keep = job, mixing, weights, keep
        self.terms: dict[Option, Term] = {}
        self.values: list[Tensor] = []

    def nodes(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Return inputs and nodes."""
        self.values = list(inputs)
        for node in range(INPUTS, INPUTS + NODES):
            for source in range(INPUTS) if node == INPUTS else (node - 1,):
                self._leave(source)
            self.values.append(self._sum(node))
        return self.values

    def _sum(self, node: int) -> Tensor:
        """Sum up what enters a node."""
        options = self.job.plan.entering[node]
        if not options:
            return torch.zeros_like(self.values[0][:, :: self.job.stride, :: self.job.stride])
        for option in options:
            if option.kind == NOISE:
                source = option.source
                self.terms[option] = Term(self.job.noise(strided(self.values[source], self.job.stride_of(source))))
        terms = [self.terms[option] for option in options]
        factors = [term.factors(self.mixing[o.column]) for term, o in zip(terms, options, strict=True)]
        gains, levels = zip(*factors, strict=True)
        like = self.values[0]
        return kernels.combine([t.value for t in terms], typed(np.stack(gains), like), typed(sum(levels), like))

    def _leave(self, source: int) -> None:
        """Compute all terms of the edges that leave a source."""
        x, options = self.values[source], self.job.plan.leaving[source]
        self._separables(x, [option for option in options if option.kind in (SEPARABLE, TWICE)])
        pooled: dict[bool, Term] = {}
        for option in options:
            if option.kind == POOL:
                if option.largest not in pooled:
                    pooled[option.largest] = self._pool(x, option)
                self.terms[option] = pooled[option.largest]
                mean, inverse = pooled[option.largest].mean, pooled[option.largest].inverse
                assert mean is not None and inverse is not None
                count = self.terms[option].value.numel() // mean.size
                self.job.statistics[option.norms[0]] = mean, inverse**-2 - self.job.eps, count
            elif option.kind == REDUCE:
                self.terms[option] = self._measured(Term(reduce(x, *self._of(option))), option.norms[0])
            elif option.kind == SKIP:
                self.terms[option] = Term(x)

    def _of(self, option: Option) -> list[Tensor]:
        return [self.weights[place] for place in option.weights]

    def _pool(self, x: Tensor, option: Option) -> Term:
        value = kernels.pool(x, self.job.stride_of(option.source), largest=option.largest)
        return self._measured(Term(value), option.norms[0])

    def _measured(self, term: Term, norm: str) -> Term:
        """Normalise a value that no kernel has measured."""
        sums = np.empty((2, term.value.shape[-1]))
        kernels.products([term.value], term.value, sums)
        self.job.statistics[norm] = term.normalise(sums[::-1], self.job.eps)
        return term

    def _separables(self, x: Tensor, options: Sequence[Option]) -> None:
        """Compute the separable convolutions of one source: the first ones together, then the second ones."""
        if not options:
            return
        firsts = [self._branch(x, option, 0) for option in options]
        kernels.separable(x, None, firsts)
        for option, branch in zip(options, firsts, strict=True):
            term = self._term(branch, option.norms[0])
            if option.kind == TWICE:
                second = self._branch(term.value, option, 1)
                kernels.separable(term.value, typed(np.stack(term.factors(1.0)), x), [second])
                before, term = term, self._term(second, option.norms[1])
                term.before = before
            self.terms[option] = term

    def _branch(self, x: Tensor, option: Option, half: int) -> Branch:
        batch, height, width, channels = x.shape
        stride = self.job.stride_of(option.source) if half == 0 else 1
        depth, point = self._of(option)[2 * half : 2 * half + 2]
        out = x.new_empty(batch, height // stride, width // stride, channels)
        middle = torch.empty_like(out) if self.keep else None
        return Branch(option.dilation, stride, depth, point, middle, out, np.empty((2, channels)))

    def _term(self, branch: Branch, norm: str) -> Term:
        term = Term(branch.out, middle=branch.middle)
        self.job.statistics[norm] = term.normalise(branch.sums, self.job.eps)
        return term


class Backward:
    """The gradients of a pass: ``mixing`` [K], and ``found`` for the weights, None where not wanted."""

    def __init__(self, run: Forward, found: list[Tensor | None]) -> None:
        self.run, self.job, self.found = run, run.job, found
        self.mixing = [0.0] * len(run.mixing)
        self.factors: dict[Option, Array] = {}
        self.nodes: list[Tensor] = []

    def inputs(self, gradients: Sequence[Tensor]) -> list[Tensor]:
        """Return the gradients of the inputs from those of the nodes."""
        self.nodes = [torch.empty(0)] * INPUTS + list(gradients)
        for node in reversed(range(INPUTS, INPUTS + NODES)):
            self._enter(node)
            source = node - 1
            if source >= INPUTS:
                self.nodes[source] = self._leave(source, self.nodes[source])
        return [self._leave(source, None) for source in range(INPUTS)]

    def _enter(self, node: int) -> None:
        """Find the gradients of the mixing weights and the factors of all terms of a node."""
        options, gradient = self.job.plan.entering[node], self.nodes[node]
        terms = [self.run.terms[option] for option in options]
        sums = np.empty((len(terms) + 1, gradient.shape[-1]))
        kernels.products([term.value for term in terms], gradient, sums)
        for option, term, product in zip(options, terms, sums, strict=False):
            weight = self.run.mixing[option.column]
            self.factors[option], self.mixing[option.column] = term.slopes(weight, sums[-1], product)

    def _leave(self, source: int, gradient: Tensor | None) -> Tensor:
        """Return the gradient of a source; ``gradient``: what it has from elsewhere."""
        x, options = self.run.values[source], self.job.plan.leaving[source]
        parts = [] if gradient is None else [(gradient, np.ones(x.shape[-1]))]
        parts += [(self.nodes[o.target], self.factors[o][0]) for o in options if o.kind == SKIP]
        separables = [option for option in options if option.kind in (SEPARABLE, TWICE)]
        if separables:
            parts.append((self._separables(x, separables), np.ones(x.shape[-1])))
        for option in options:
            if option.kind == REDUCE:
                parts.append((self._reduce(x, option), np.ones(x.shape[-1])))
        if not parts:
            parts.append((x, np.zeros(x.shape[-1])))
        values, gains = zip(*parts, strict=True)
        total = kernels.combine(values, typed(np.stack(gains), x), typed(np.zeros(x.shape[-1]), x))
        for largest in (True, False):
            self._pools(x, [o for o in options if o.kind == POOL and o.largest == largest], total)
        return total

    def _pools(self, x: Tensor, options: Sequence[Option], total: Tensor) -> None:
        """Add what comes through the one pool of a source, whichever edges it left by."""
        if not options:
            return
        term, factors = self.run.terms[options[0]], [self.factors[option] for option in options]
        gains = [f[0] for f in factors] + [sum(f[1] for f in factors)]
        values = [*(self.nodes[option.target] for option in options), term.value]
        slopes = kernels.combine(values, typed(np.stack(gains), total), typed(sum(f[2] for f in factors), total))
        stride, largest = self.job.stride_of(options[0].source), options[0].largest
        kernels.pool_backward(x, term.value, slopes, total, stride, largest=largest)

    def _reduce(self, x: Tensor, option: Option) -> Tensor:
        """Return what comes through a FactorizedReduce."""
        term, factors = self.run.terms[option], self.factors[option]
        level = typed(factors[2], x)
        slope = kernels.combine([self.nodes[option.target], term.value], typed(factors[:2], x), level)
        weights = [self.run.weights[place] for place in option.weights]
        with torch.enable_grad():
            inputs = [tensor.detach().requires_grad_() for tensor in (x, *weights)]
            found = torch.autograd.grad(reduce(*inputs), inputs, slope)
        for place, value in zip(option.weights, found[1:], strict=True):
            self.found[place] = value if self.found[place] is not None else None
        return found[0].contiguous()

    def _separables(self, x: Tensor, options: Sequence[Option]) -> Tensor:
        """Return what comes through the separable convolutions of a source."""
        branches = []
        for option in options:
            term, slope, factors = self.run.terms[option], self.nodes[option.target], self.factors[option]
            if option.kind == TWICE:
                slope, factors = self._second(option, term, slope, factors)
                assert term.before is not None
                term = term.before
            branches.append(self._branch(option, 0, term, slope, typed(factors, x)))
        return kernels.separable_backward(x, None, branches, None)

    def _second(self, option: Option, term: Term, slope: Tensor, factors: Array) -> tuple[Tensor, Array]:
        """Go back through the second half of two; return gradient and factors for the first."""
        before = term.before
        assert before is not None
        x, sums = before.value, np.empty((2, slope.shape[-1]))
        branch = self._branch(option, 1, term, slope, typed(factors, x))
        out = kernels.separable_backward(x, typed(np.stack(before.factors(1.0)), x), [branch], sums)
        return out, before.slopes(1.0, *sums)[0]

    def _branch(self, option: Option, half: int, term: Term, slope: Tensor, factors: Array) -> Branch:
        places = option.weights[2 * half : 2 * half + 2]
        depth, point = (self.run.weights[place] for place in places)
        first, second = (self.found[place] for place in places)
        slopes = None if first is None or second is None else (first, second)
        stride = self.job.stride_of(option.source) if half == 0 else 1
        sums = np.empty(0)
        return Branch(option.dilation, stride, depth, point, term.middle, term.value, sums, slope, factors, slopes)


def strided(x: Tensor, stride: int) -> Tensor:
    """Keep every ``stride``-th row and column of [B, H, W, C]."""
    return x if stride == 1 else x[:, ::stride, ::stride].contiguous()


def reduce(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Compute a FactorizedReduce without its batch norm on [B, H, W, C]."""
    relu = F.relu(x).permute(0, 3, 1, 2)
    halves = F.conv2d(relu, first, stride=2), F.conv2d(relu[:, :, 1:, 1:], second, stride=2)
    return torch.cat(halves, 1).permute(0, 2, 3, 1).contiguous()
