"""The supernet of the DARTS space, `forward(x, mixing)`.

It computes the textbook sum over edges and options, rearranged exactly: ReLU, pooling and the pools' batch norms once
per source instead of once per edge; `none` contributes nothing; the mixing weight of what ends in a batch norm (not
affine in a search) is the scale of that batch norm instead of a multiplication of its own.
Shapes: B images, C channels, H = W side, E = 14 edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from harness.spaces.darts.encoding import INPUTS, KINDS
from harness.spaces.darts.layers import POOLS, SIDE, Norm, Norms, Source, build_convolution, preprocess, stem, strided
from harness.spaces.darts.skeleton import Place, checked, places
from harness.spaces.darts.variants import EDGES, NODES
from harness.spaces.space import Group, Size
from harness.spaces.supernet import Mixing, Supernet

if TYPE_CHECKING:
    from harness.spaces.darts.space import DartsSpace

Rows = list[tuple[Tensor, ...]]  # by place, then by option


class Mix:
    """What all cells of one kind and width mix by.

    ``weights[edge][k]``: the weight of an edge's option k, ``scales[edge][k]`` the same for each of the channels;
    ``sums[edge]``: of all options. ``active[edge]``: the one option that is evaluated, None: all.
    """

    def __init__(self, groups: Sequence[Group], mixing: Mixing, channels: int, sampled: bool) -> None:
        matrices = [(group, mixing[group.name]) for group in groups]
        self.weights = by_place([(group, matrix) for group, matrix in matrices])
        # contiguous: torch's channels-last CPU kernel gives wrong gradients for a scale of stride 0
        self.scales = by_place([(group, matrix.unsqueeze(-1).repeat(1, 1, channels)) for group, matrix in matrices])
        self.sums = [sums for (sums,) in by_place([(group, matrix.sum(-1, True)) for group, matrix in matrices])]
        self.active: list[int | None] = [None] * len(self.weights)
        if sampled:
            chosen = by_place([(group, matrix.argmax(-1, True)) for group, matrix in matrices])
            self.active = [int(option) for (option,) in chosen]


def by_place(matrices: Sequence[tuple[Group, Tensor]]) -> Rows:
    """Take groups' matrices [rows, options, ...] apart into edges, in the order of their places."""
    found = {
        place: row.unbind()
        for group, matrix in matrices
        for place, row in zip(group.places, matrix.unbind(), strict=True)
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
        value, mean, inverse = source.normalised[name]
        self._follow(mean.detach(), inverse.detach(), pooled.numel() // pooled.shape[1])
        return value

    def _follow(self, mean: Tensor, inverse: Tensor, count: int) -> None:
        """Move the running statistics to those of a batch; ``inverse``: 1 / sqrt(biased variance + eps)."""
        if self.running_mean is None or self.running_var is None:
            return
        variance = (inverse.to(self.running_var).pow(-2) - self.eps) * (count / max(count - 1, 1))
        self.running_mean.lerp_(mean.to(self.running_mean), self.momentum or 0.0)
        self.running_var.lerp_(variance, self.momentum or 0.0)


class SearchCell(nn.Module):
    """A cell whose every edge carries all its options; the option at position k of an edge has its module at k.

    With ``partial`` K > 1 the first 1/K of the channels pass them; the others pass unchanged, where the edge has stride
    2 by a 2x2 max-pool; a shuffle of all channels follows (PC-DARTS, section 3.2 and code), once per node.
    """

    def __init__(self, place: Place, options: Sequence[Sequence[str]], partial: int, running: bool) -> None:
        super().__init__()
        self.place, self.options, self.partial = place, options, partial
        self.channels = place.channels // partial
        norms = {"affine": False, "track_running_stats": running}
        self.preprocess = preprocess(place, norms)
        self.edges = nn.ModuleList(
            nn.ModuleDict(searched(row, self.channels, place.stride(source), norms))
            for (source, _), row in zip(EDGES, options, strict=True)
        )

    def forward(
        self, before: Tensor, last: Tensor, mix: Mix, drops: Tensor | None, generator: Generator | None
    ) -> Tensor:
        """Map the outputs of the two cells before to this one's; ``drops`` [E, B] multiply the edges' outputs."""
        sources = [
            self._source(module(x), generator) for module, x in zip(self.preprocess, (before, last), strict=True)
        ]
        values = []
        for node in range(INPUTS, INPUTS + NODES):
            values.append(self._node(node, sources, mix, drops))
            sources.append(self._source(values[-1], generator, stride=1))
        return torch.cat(values, 1)

    def _source(self, x: Tensor, generator: Generator | None, stride: int | None = None) -> Source:
        """Prepare a state for the operations that leave it."""
        stride = stride or self.place.stride(0)
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
        modules: nn.ModuleDict = self.edges[edge]  # type: ignore[assignment]
        active = mix.active[edge]
        for option, name in enumerate(self.options[edge]):
            if name == "none" or active not in (None, option):
                continue
            module = modules[str(option)] if str(option) in modules else None  # noqa: SIM401
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


class DartsSupernet(Supernet):
    """The weight-sharing network of the DARTS space. ``generator``: of the noise operation; None: torch's own."""

    def __init__(self, space: DartsSpace, classes: int, *, auxiliary: bool) -> None:
        super().__init__()
        self.size = Size(space.cells, space.channels)
        self.groups = {kind: [group for group in space.groups if group.cell == kind] for kind in KINDS}
        extra = ("skip_connect",) if auxiliary else ()
        options = {kind: [(*row, *extra) for row in getattr(space, kind)] for kind in KINDS}
        running = space.bn_statistics == "running"
        self.generator: Generator | None = None
        self.stem = stem(space.channels)
        self.cells = nn.ModuleList(
            SearchCell(place, options[place.kind], space.partial_channels, running)
            for place in places(self.size, dict.fromkeys(KINDS, NODES), SIDE)
        )
        self.classifier = nn.Linear(self._cells()[-1].place.channels * NODES, classes)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return the kind of every cell."""
        return tuple(cell.place.kind for cell in self._cells())

    @property
    def droppable(self) -> tuple[int, int]:
        """Return (cells, 14)."""
        return len(self.cells), len(EDGES)

    def forward(self, x: Tensor, mixing: Mixing, *, sampled: bool = False, drops: Tensor | None = None) -> Tensor:
        """Map images to logits (`harness.spaces.supernet.Supernet.forward`); the noise operation draws anew."""
        checked(x.shape[-1], self.size)
        first = self.stem(x)
        return self._from_cell(0, first, first, mixing, sampled, drops)

    @torch.no_grad()
    def many(self, x: Tensor, mixings: Sequence[Mixing]) -> list[Tensor]:
        """Return the logits under each of several mixings; cells before the first one that differs are shared.

        In training mode the running statistics of shared cells move once.
        """
        before = last = self.stem(x)
        number, shared = 0, {kind: self._agree(kind, mixings) for kind in KINDS}
        mixes: dict[tuple[str, int], Mix] = {}
        while number < len(self.cells) and shared[self._cells()[number].place.kind]:
            before, last = last, self._through(number, before, last, mixings[0], mixes, False, None)
            number += 1
        return [self._from_cell(number, before, last, mixing, False, None) for mixing in mixings]

    def by_cell(self, x: Tensor, mixings: Sequence[Mixing]) -> Tensor:
        """Return the logits where every cell mixes by weights of its own."""
        before = last = self.stem(x)
        for number, mixing in enumerate(mixings):
            before, last = last, self._through(number, before, last, mixing, {}, False, None)
        logits: Tensor = self.classifier(last.mean((2, 3)))
        return logits

    def _agree(self, kind: str, mixings: Sequence[Mixing]) -> bool:
        names = [group.name for group in self.groups[kind]]
        return all(torch.equal(mixing[name], mixings[0][name]) for mixing in mixings for name in names)

    def _cells(self) -> list[SearchCell]:
        return list(self.cells)  # type: ignore[arg-type]

    def _from_cell(
        self, start: int, before: Tensor, last: Tensor, mixing: Mixing, sampled: bool, drops: Tensor | None
    ) -> Tensor:
        """Map the inputs of cell ``start`` to logits."""
        mixes: dict[tuple[str, int], Mix] = {}
        for number in range(start, len(self.cells)):
            before, last = last, self._through(number, before, last, mixing, mixes, sampled, drops)
        logits: Tensor = self.classifier(last.mean((2, 3)))
        return logits

    def _through(
        self, number: int, before: Tensor, last: Tensor, mixing: Mixing, mixes: dict[tuple[str, int], Mix],
        sampled: bool, drops: Tensor | None,
    ) -> Tensor:  # fmt: skip
        """Return the output of one cell; ``mixes`` collects what cells of one kind and width mix by."""
        cell = self._cells()[number]
        key = (cell.place.kind, cell.channels)
        if key not in mixes:
            mixes[key] = Mix(self.groups[cell.place.kind], mixing, cell.channels, sampled)
        out: Tensor = cell(before, last, mixes[key], None if drops is None else drops[number], self.generator)
        return out
