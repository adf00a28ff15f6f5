"""The edges of a cell, each with all its options: from the cell's two inputs to its four nodes.

The textbook sum over edges and options, rearranged exactly: ReLU, pooling and the pools' batch norms once per source
instead of once per edge; `none` contributes nothing; the mixing weight of what ends in a batch norm (not affine in a
search) is the scale of that batch norm instead of a multiplication of its own.
Shapes: B images, C channels, H = W side, E = 14 edges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from harness.spaces.darts import fused, kernels, layers
from harness.spaces.darts.encoding import INPUTS
from harness.spaces.darts.fused import FusedCell, Job, Option
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

Rows = list[tuple[Tensor, ...]]  # by place, then by option


class Mix:
    """What all cells of one kind and width mix by; ``matrices`` [rows, options] by group.

    ``active[edge]``: the one option that is evaluated, None: all. ``again``: a pass is repeated in torch's operations.
    """

    def __init__(
        self, groups: Sequence[Group], matrices: Sequence[Tensor], channels: int, *,
        sampled: bool = False, again: bool = False,
    ) -> None:  # fmt: skip
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

    def columns(self) -> list[list[int]]:
        """Return, edge by edge and option by option, the places in `flat`."""
        start, found = 0, {}
        for group, matrix in zip(self.groups, self.matrices, strict=True):
            for row, place in enumerate(group.places):
                found[place] = list(range(start + row * matrix.shape[1], start + (row + 1) * matrix.shape[1]))
            start += matrix.numel()
        return [found[place] for place in sorted(found)]

    def _apart(self, of: Callable[[Tensor], Tensor]) -> Rows:
        """Take a function of the matrices apart into edges, in the order of their places."""
        found = {
            place: row.unbind()
            for group, matrix in zip(self.groups, self.matrices, strict=True)
            for place, row in zip(group.places, of(matrix).unbind(), strict=True)
        }
        return [found[place] for place in sorted(found)]


def shuffled(mixed: Tensor, rest: Tensor, groups: int) -> Tensor:
    """Concatenate channels and deal them out in turn, one from each of ``groups`` blocks."""
    whole = torch.cat([mixed, rest], 1).permute(0, 2, 3, 1)  # channels last, and it stays so
    dealt = whole.reshape(*whole.shape[:3], groups, mixed.shape[1]).transpose(-1, -2)
    return dealt.reshape(whole.shape).permute(0, 3, 1, 2)


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

    def forward(
        self, first: Tensor, second: Tensor, mix: Mix, drops: Tensor | None, generator: Generator | None
    ) -> Sequence[Tensor]:
        """Map the two inputs [B, C, H, W] to the nodes; ``drops`` [E, B] multiply the edges' outputs."""
        if drops is None and not mix.sampled and not mix.again and self.fusible(first):
            return self._fused(first, second, mix, generator)
        sources = [self._source(x, generator, self.stride) for x in (first, second)]
        values = []
        for node in range(INPUTS, INPUTS + NODES):
            values.append(self._node(node, sources, mix, drops))
            sources.append(self._source(values[-1], generator, 1))
        return values

    def fusible(self, x: Tensor) -> bool:
        """Tell whether there are kernels for all options on x, on a batch's own statistics."""
        norm = next(iter(self._norms().values()), None)
        return norm is not None and norm.uses_batch and self.partial == 1 and kernels.usable(x, self.channels)

    def _fused(self, first: Tensor, second: Tensor, mix: Mix, generator: Generator | None) -> tuple[Tensor, ...]:
        """Compute in compiled kernels."""
        options, weights, norms = self._options(mix), dict(self.named_parameters()), self._norms()

        def again(first: Tensor, second: Tensor, flat: Tensor, *tensors: Tensor) -> Sequence[Tensor]:
            state = dict(zip(weights, tensors, strict=True))
            with self._still():
                nodes: Sequence[Tensor] = functional_call(self, state, (first, second, mix.of(flat), None, generator))
            return nodes

        draw = partial(layers.noise_like, generator=generator)
        job = Job(options, self.stride, next(iter(norms.values())).eps, draw)
        nodes: tuple[Tensor, ...] = FusedCell.apply(again, job, first, second, mix.flat, *weights.values())  # type: ignore[no-untyped-call]
        for name, (mean, variance, count) in job.statistics.items():
            norms[name].follow(torch.from_numpy(mean), torch.from_numpy(variance), count)
        return nodes

    def _norms(self) -> dict[str, Norm]:
        return {name: module for name, module in self.named_modules() if isinstance(module, Norm)}

    @contextmanager
    def _still(self) -> Iterator[None]:
        """Let running statistics be."""
        norms = list(self._norms().values())
        for norm in norms:
            norm.still = True
        try:
            yield
        finally:
            for norm in norms:
                norm.still = False

    def _options(self, mix: Mix) -> tuple[Option, ...]:
        """Describe all options that contribute, for the kernels."""
        places = {name: place for place, (name, _) in enumerate(self.named_parameters())}
        columns, found = mix.columns(), []
        for edge, names in enumerate(self.options):
            for position, name in enumerate(names[: len(columns[edge])]):
                if name != "none":
                    found.append(self._option(edge, position, name, columns[edge][position], places))
        return tuple(found)

    def _option(self, edge: int, position: int, name: str, column: int, places: dict[str, int]) -> Option:
        module, prefix = self._module(edge, position), f"{edge}.{position}"
        if module is None:
            return Option(edge, column, fused.NOISE if name == "noise" else fused.SKIP)
        weights = tuple(place for weight, place in places.items() if weight.startswith(f"{prefix}."))
        norms = tuple(norm for norm in self._norms() if norm == prefix or norm.startswith(f"{prefix}."))
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
