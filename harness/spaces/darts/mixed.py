"""The edges of a cell, each with all its options: from the cell's two inputs to its four nodes.

The textbook sum over edges and options, rearranged exactly: ReLU, pooling and the pools' batch norms once per source
instead of once per edge; `none` contributes nothing; the mixing weight of what ends in a batch norm (not affine in a
search) is the scale of that batch norm instead of a multiplication of its own.
Shapes: B images, C channels, H = W side, E = 14 edges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from harness.spaces.darts import fused, kernels, layers
from harness.spaces.darts.encoding import INPUTS
from harness.spaces.darts.fused import FusedCell, Job, Option, Plan, Statistics
from harness.spaces.darts.layers import (
    POOLS,
    FactorizedReduce,
    Norm,
    Norms,
    SeparableTwice,
    Source,
    build_convolution,
    strided,
)
from harness.spaces.darts.skeleton import Place
from harness.spaces.darts.variants import EDGES, NODES
from harness.spaces.space import Group
from harness.spaces.supernet import shuffled

Rows = list[tuple[Tensor, ...]]  # by place, then by option
Shapes = tuple[tuple[tuple[int, ...], int], ...]


class Mix:
    """What all cells of one kind and width mix by; ``matrices`` [rows, options] by group.

    ``active[edge]``: the one option that is evaluated, None: all. ``again``: a pass is repeated in torch's operations.
    ``skip_dropout``: see `harness.spaces.supernet.Supernet`.
    """

    def __init__(
        self, groups: Sequence[Group], matrices: Sequence[Tensor], channels: int, *,
        sampled: bool = False, again: bool = False, skip_dropout: float = 0.0,
    ) -> None:  # fmt: skip
        self.skip_dropout = skip_dropout
        self.groups, self.matrices, self.channels, self.sampled, self.again = groups, matrices, channels, sampled, again
        self.active: list[int | None] = [None] * len(EDGES)
        if sampled:
            self.active = [int(option) for (option,) in self._apart(lambda matrix: matrix.argmax(-1, True))]

    @cached_property
    def weights(self) -> Rows:
        """Scalars, edge by edge, option by option."""
        return self._apart(lambda matrix: matrix)

    @cached_property
    def scales(self) -> Rows:
        """Vectors [C], contiguous: torch's channels-last CPU kernel gives wrong gradients for a stride of 0."""
        return self._apart(lambda matrix: matrix.unsqueeze(-1).repeat(1, 1, self.channels))

    @cached_property
    def sums(self) -> list[Tensor]:
        """The sum of an edge's weights."""
        return [total for (total,) in self._apart(lambda matrix: matrix.sum(-1, True))]

    @cached_property
    def flat(self) -> Tensor:
        """All weights [K], group by group."""
        return torch.cat([matrix.flatten() for matrix in self.matrices])

    def of(self, flat: Tensor) -> Mix:
        """Return one to repeat a pass with, its weights out of what lies as `flat` does."""
        parts = torch.split(flat, [matrix.numel() for matrix in self.matrices])
        matrices = [part.view_as(matrix) for part, matrix in zip(parts, self.matrices, strict=True)]
        return Mix(self.groups, matrices, self.channels, again=True)

    @property
    def shapes(self) -> Shapes:
        """Return, group by group, places and options."""
        return tuple((g.places, matrix.shape[1]) for g, matrix in zip(self.groups, self.matrices, strict=True))

    def _apart(self, of: Callable[[Tensor], Tensor]) -> Rows:
        """Take a function of the matrices apart into edges, in the order of their places."""
        found = {
            place: row.unbind()
            for group, matrix in zip(self.groups, self.matrices, strict=True)
            for place, row in zip(group.places, of(matrix).unbind(), strict=True)
        }
        return [found[place] for place in sorted(found)]


def columns_of(shapes: Shapes) -> list[list[int]]:
    """Return, edge by edge and option by option, the places in `Mix.flat`."""
    start, found = 0, {}
    for places, options in shapes:
        for place in places:
            found[place] = list(range(start, start + options))
            start += options
    return [found[place] for place in sorted(found)]


class Sum:
    """A weighted sum of images that grows term by term, in the type of its terms."""

    def __init__(self) -> None:
        self.total: Tensor | None = None

    def add(self, value: Tensor, weight: Tensor | None = None) -> None:
        """Add a value, times a weight that broadcasts."""
        if weight is None:
            self.total = value if self.total is None else self.total + value
        elif self.total is None:
            self.total = value * weight
        else:  # in the type of the values: CUDA's autocast would go on in float32 otherwise
            self.total = torch.addcmul(self.total, value, weight.to(value.dtype))


class PoolNorm(Norm):
    """The batch norm after a pool of one edge: what all edges of a source would compute alike is computed once."""

    def normalise(self, source: Source, name: str) -> Tensor:
        """Return the source pooled and normalised."""
        pooled = source.pool(name)
        if not self.uses_batch:
            out: Tensor = self(pooled)
            return out
        if name not in source.normalised:
            source.normalised[name] = torch.native_batch_norm(pooled, None, None, None, None, True, 0.0, self.eps)
        value, mean, inverse = source.normalised[name]  # inverse: 1 / sqrt(biased variance + eps)
        self.follow(mean.detach(), inverse.detach().pow(-2) - self.eps, pooled.numel() // pooled.shape[1])
        return value


class MixedEdges(nn.ModuleList):
    """All edges of a cell: of edge e the option at position k has its module, where it has one, at [e][k].

    Without a weight for the last option, an auxiliary connection, that one counts as left out.
    With ``partial`` K > 1 the first 1/K of the channels pass the options; the others pass unchanged, where the edge has
    stride 2 by a 2x2 max-pool; a shuffle of all channels follows (PC-DARTS, section 3.2 and code), once per node.
    """

    def __init__(self, place: Place, options: Sequence[Sequence[str]], partial: int, running: bool) -> None:
        self.channels = place.channels // partial
        norms = {"affine": False, "track_running_stats": running}
        super().__init__(
            nn.ModuleDict(searched(row, self.channels, place.stride(source), norms))
            for (source, _), row in zip(EDGES, options, strict=True)
        )
        self.stride, self.options, self.partial = place.stride(0), options, partial
        modules = list(self.named_modules())
        self.plans: dict[Shapes, Plan] = {}
        self.norms = {name: module for name, module in modules if isinstance(module, Norm)}
        self.convolutions = {f"{name}.weight": module for name, module in modules if isinstance(module, nn.Conv2d)}

    def forward(
        self, first: Tensor, second: Tensor, mix: Mix, drops: Tensor | None, generator: Generator | None
    ) -> Sequence[Tensor]:
        """Map the two inputs [B, C, H, W] to the nodes; ``drops`` [E, B] multiply the edges' outputs."""
        torch_alone = drops is not None or mix.sampled or mix.again or mix.skip_dropout
        if not torch_alone and self.fusible(first):
            return self._fused(first, second, mix, generator)
        sources = [self._source(x, generator, self.stride) for x in (first, second)]
        values = []
        for node in range(INPUTS, INPUTS + NODES):
            values.append(self._node(node, sources, mix, drops))
            sources.append(self._source(values[-1], generator, 1))
        return values

    def fusible(self, x: Tensor) -> bool:
        """Tell whether there are kernels for all options on x, on a batch's own statistics."""
        norm = next(iter(self.norms.values()), None)
        return norm is not None and norm.uses_batch and self.partial == 1 and kernels.usable(x, self.channels)

    def _fused(self, first: Tensor, second: Tensor, mix: Mix, generator: Generator | None) -> tuple[Tensor, ...]:
        """Compute in compiled kernels."""

        def again(first: Tensor, second: Tensor, flat: Tensor, *tensors: Tensor) -> Sequence[Tensor]:
            state = dict(zip(self.convolutions, tensors, strict=True))
            with self._still():
                nodes: Sequence[Tensor] = functional_call(self, state, (first, second, mix.of(flat), None, generator))
            return nodes

        weights = [module.weight for module in self.convolutions.values()]
        draw = partial(layers.noise_like, generator=generator)
        job = Job(self._plan(mix.shapes), self.stride, next(iter(self.norms.values())).eps, draw)
        nodes: tuple[Tensor, ...] = FusedCell.apply(again, job, first, second, mix.flat, *weights)  # type: ignore[no-untyped-call]
        self._follow(job.statistics)
        return nodes

    def _follow(self, statistics: Mapping[str, Statistics]) -> None:
        """Move all running statistics at once (`harness.spaces.darts.layers.Norm.follow`)."""
        norms = [self.norms[name] for name in statistics]
        if not norms or norms[0].running_mean is None:
            return
        means = [mean for mean, _, _ in statistics.values()]
        variances = [variance * (count / max(count - 1, 1)) for _, variance, count in statistics.values()]
        for kept, values in (("running_mean", means), ("running_var", variances)):
            buffers = [getattr(norm, kept).data for norm in norms]
            new = torch.from_numpy(np.stack(values)).to(buffers[0].dtype)
            torch._foreach_lerp_(buffers, list(new.unbind()), norms[0].momentum or 0.0)

    @contextmanager
    def _still(self) -> Iterator[None]:
        """Let running statistics be."""
        for norm in self.norms.values():
            norm.still = True
        try:
            yield
        finally:
            for norm in self.norms.values():
                norm.still = False

    def _plan(self, shapes: Shapes) -> Plan:
        """Describe all options that contribute, for the kernels; ``shapes``: see `Mix.shapes`."""
        if shapes not in self.plans:
            columns = columns_of(shapes)
            options = [
                self._option(edge, position, name, columns[edge][position])
                for edge, names in enumerate(self.options)
                for position, name in enumerate(names[: len(columns[edge])])
                if name != "none"
            ]
            self.plans[shapes] = Plan(options)
        return self.plans[shapes]

    def _option(self, edge: int, position: int, name: str, column: int) -> Option:
        module, prefix = self._module(edge, position), f"{edge}.{position}"
        if module is None:
            return Option(edge, column, fused.NOISE if name == "noise" else fused.SKIP)
        weights = tuple(i for i, weight in enumerate(self.convolutions) if weight.startswith(f"{prefix}."))
        norms = tuple(norm for norm in self.norms if norm == prefix or norm.startswith(f"{prefix}."))
        match module:
            case PoolNorm():
                return Option(edge, column, fused.POOL, largest=name.startswith("max"), norms=norms)
            case FactorizedReduce():
                return Option(edge, column, fused.REDUCE, weights, norms=norms)
            case SeparableTwice():
                return Option(edge, column, fused.TWICE, weights, norms=norms)
        return Option(edge, column, fused.SEPARABLE, weights, dilation=2, norms=norms)

    def _module(self, edge: int, position: int) -> nn.Module | None:
        modules: nn.ModuleDict = self[edge]  # type: ignore[assignment]
        return modules[str(position)] if str(position) in modules else None  # noqa: SIM401

    def _source(self, x: Tensor, generator: Generator | None, stride: int) -> Source:
        """Prepare a state for the operations that leave it."""
        if self.partial == 1:
            return Source(x, stride, generator)
        rest = x[:, self.channels :]
        return Source(x[:, : self.channels], stride, generator, rest if stride == 1 else F.max_pool2d(rest, 2))

    def _node(self, node: int, sources: Sequence[Source], mix: Mix, drops: Tensor | None) -> Tensor:
        """Sum up what enters a node."""
        mixed, rest = Sum(), Sum()
        idle: list[Tensor] = []
        for edge, (number, target) in enumerate(EDGES):
            if target != node:
                continue
            source, drop = sources[number], None if drops is None else drops[edge, :, None, None, None]
            idle += self._edge(edge, source, mix, drop, mixed)
            if source.rest is not None:
                rest.add(source.rest, mix.sums[edge] if drop is None else mix.sums[edge] * drop)
        first = sources[0]
        total = torch.zeros_like(strided(first.value, first.stride)) if mixed.total is None else mixed.total
        if idle and idle[0].requires_grad:
            total = total + torch.stack(idle).sum()
        return total if rest.total is None else shuffled(total, rest.total, self.partial)

    def _edge(self, edge: int, source: Source, mix: Mix, drop: Tensor | None, mixed: Sum) -> list[Tensor]:
        """Add what an edge carries to the sum; return the weights of the options that are not evaluated."""
        active = mix.active[edge]
        for option, name in enumerate(self.options[edge][: len(mix.weights[edge])]):
            if name == "none" or active not in (None, option):
                continue
            module = self._module(edge, option)
            if module is None or isinstance(module, PoolNorm):
                value = source.plain(name) if module is None else module.normalise(source, name)
                if name == "skip_connect" and mix.skip_dropout:
                    value = value * source.kept(1 - mix.skip_dropout)
                weight = mix.weights[edge][option]
                mixed.add(value, weight if drop is None else weight * drop)
            else:
                value = module(source.relu, mix.scales[edge][option])
                mixed.add(value if drop is None else value * drop)
        return [weight for option, weight in enumerate(mix.weights[edge]) if active not in (None, option)]


def searched(options: Sequence[str], channels: int, stride: int, norms: Norms) -> dict[str, nn.Module]:
    """Build the modules of an edge by the positions of its options."""
    found = {}
    for position, name in enumerate(options):
        module = PoolNorm(channels, **norms) if name in POOLS else build_convolution(name, channels, stride, norms)
        if module is not None:
            found[str(position)] = module
    return found
