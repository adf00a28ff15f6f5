"""The supernet of the DARTS space, `forward(x, mixing)`. Shapes: B images, C channels, H = W side, E = 14 edges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from harness.spaces.darts.encoding import INPUTS, KINDS
from harness.spaces.darts.layers import SIDE, preprocess, stem
from harness.spaces.darts.mixed import Mix, MixedEdges
from harness.spaces.darts.skeleton import Place, checked, places
from harness.spaces.darts.variants import EDGES, NODES
from harness.spaces.space import Size
from harness.spaces.supernet import Mixing, Supernet

if TYPE_CHECKING:
    from harness.spaces.darts.space import DartsSpace


class SearchCell(nn.Module):
    """A cell that reads the two cells before it, which ReLU has passed, and returns its four nodes side by side."""

    def __init__(self, place: Place, options: Sequence[Sequence[str]], partial: int, running: bool) -> None:
        super().__init__()
        self.place = place
        self.preprocess = preprocess(place, {"affine": False, "track_running_stats": running})
        self.edges = MixedEdges(place, options, partial, running)

    def forward(
        self, before: Tensor, last: Tensor, mix: Mix, drops: Tensor | None, generator: Generator | None
    ) -> Tensor:
        """Map the two cells before, which ReLU has passed, to this one; ``drops`` [E, B] multiply edges' outputs."""
        return torch.cat(self.nodes(before, last, mix, drops, generator)[INPUTS:], 1)

    def nodes(
        self, before: Tensor, last: Tensor, mix: Mix, drops: Tensor | None, generator: Generator | None
    ) -> list[Tensor]:
        """Return the two inputs and the four nodes."""
        first, second = (module(x) for module, x in zip(self.preprocess, (before, last), strict=True))
        return [first, second, *self.edges(first, second, mix, drops, generator)]


class DartsSupernet(Supernet):
    """The weight-sharing network of the DARTS space."""

    def __init__(self, space: DartsSpace, classes: int, *, auxiliary: bool) -> None:
        super().__init__()
        self.size = Size(space.cells, space.channels)
        self.groups = {kind: [group for group in space.groups if group.cell == kind] for kind in KINDS}
        extra = ("skip_connect",) if auxiliary else ()
        options = {kind: [(*row, *extra) for row in getattr(space, kind)] for kind in KINDS}
        running = space.bn_statistics == "running"
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

    @staticmethod
    def edges_alike(kind: str) -> list[list[int]]:
        """Return the edges of a kind of cell by their stride: in a reduction cell those from its inputs, the others."""
        from_inputs = [number for number, (source, _) in enumerate(EDGES) if source < INPUTS]
        others = [number for number in range(len(EDGES)) if number not in from_inputs]
        return [list(range(len(EDGES)))] if kind == "normal" else [from_inputs, others]

    @property
    def droppable(self) -> tuple[int, int]:
        """Return (cells, 14)."""
        return len(self.cells), len(EDGES)

    def forward(self, x: Tensor, mixing: Mixing, *, sampled: bool = False, drops: Tensor | None = None) -> Tensor:
        """Map images to logits (`harness.spaces.supernet.Supernet.forward`); the noise operation draws anew."""
        checked(x.shape[-1], self.size)
        first = F.relu(self.stem(x))
        return self._from_cell(0, first, first, mixing, sampled, drops)

    @torch.no_grad()
    def many(self, x: Tensor, mixings: Sequence[Mixing]) -> list[Tensor]:
        """Return the logits under each of several mixings; cells before the first one that differs are shared.

        In training mode the running statistics of shared cells move once.
        """
        before = last = F.relu(self.stem(x))
        number, shared = 0, {kind: self._agree(kind, mixings) for kind in KINDS}
        mixes: dict[tuple[str, int], Mix] = {}
        while number < len(self.cells) - 1 and shared[self._cells()[number].place.kind]:  # the classifier sees no ReLU
            out = self._through(number, before, last, mixings[0], mixes, False, None)
            before, last, number = last, F.relu(out), number + 1
        return [self._from_cell(number, before, last, mixing, False, None) for mixing in mixings]

    def by_cell(self, x: Tensor, mixings: Sequence[Mixing]) -> Tensor:
        """Return the logits where every cell mixes by weights of its own."""
        before = last = out = F.relu(self.stem(x))
        for number, mixing in enumerate(mixings):
            out = self._through(number, before, last, mixing, {}, False, None)
            before, last = last, F.relu(out)
        logits: Tensor = self.classifier(out.mean((2, 3)))
        return logits

    def nodes(self, x: Tensor, mixing: Mixing) -> tuple[Tensor, list[list[Tensor]]]:
        """Return the logits, and the two inputs and four nodes of every cell, in torch's operations."""
        before = last = out = F.relu(self.stem(x))
        whole, mixes = x.new_ones(len(EDGES), len(x)), dict[tuple[str, int], Mix]()
        found = []
        for number, cell in enumerate(self._cells()):
            mix = self._mix(number, mixing, mixes, False)
            found.append(cell.nodes(before, last, mix, whole, self.generator))  # kernels give no inner gradients
            out = torch.cat(found[-1][INPUTS:], 1)
            before, last = last, F.relu(out)
        return self.classifier(out.mean((2, 3))), found

    def _agree(self, kind: str, mixings: Sequence[Mixing]) -> bool:
        names = [group.name for group in self.groups[kind]]
        return all(torch.equal(mixing[name], mixings[0][name]) for mixing in mixings for name in names)

    def _cells(self) -> list[SearchCell]:
        return list(self.cells)  # type: ignore[arg-type]

    def _from_cell(
        self, start: int, before: Tensor, last: Tensor, mixing: Mixing, sampled: bool, drops: Tensor | None
    ) -> Tensor:
        """Map the inputs of cell ``start``, which ReLU has passed, to logits; each is passed once for two cells."""
        mixes: dict[tuple[str, int], Mix] = {}
        out = last
        for number in range(start, len(self.cells)):
            out = self._through(number, before, last, mixing, mixes, sampled, drops)
            before, last = last, F.relu(out) if number + 1 < len(self.cells) else out
        logits: Tensor = self.classifier(out.mean((2, 3)))
        return logits

    def _through(
        self, number: int, before: Tensor, last: Tensor, mixing: Mixing, mixes: dict[tuple[str, int], Mix],
        sampled: bool, drops: Tensor | None,
    ) -> Tensor:  # fmt: skip
        """Return the output of one cell; ``mixes`` collects what cells of one kind and width mix by."""
        mix = self._mix(number, mixing, mixes, sampled)
        dropped = None if drops is None else drops[number]
        out: Tensor = self._cells()[number](before, last, mix, dropped, self.generator)
        return out

    def _mix(self, number: int, mixing: Mixing, mixes: dict[tuple[str, int], Mix], sampled: bool) -> Mix:
        cell = self._cells()[number]
        key = (cell.place.kind, cell.edges.channels)
        if key not in mixes:
            groups = self.groups[cell.place.kind]
            matrices = [mixing[group.name] for group in groups]
            mixes[key] = Mix(groups, matrices, cell.edges.channels, sampled=sampled, skip_dropout=self.skip_dropout)
        return mixes[key]
