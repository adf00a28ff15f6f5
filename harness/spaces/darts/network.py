"""The stand-alone network of one architecture of the DARTS space and its ancestors, with auxiliary head and drop-path.

Shapes: B images, C channels, H = W side.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from harness.errors import HarnessError
from harness.spaces.darts.encoding import KINDS, TERMS, Cell
from harness.spaces.darts.layers import AFFINE, SIDE, Source, build_convolution, preprocess, stems
from harness.spaces.darts.skeleton import Place, checked, places, reductions, squeezed
from harness.spaces.space import Size
from harness.spaces.supernet import Network


class AuxiliaryHead(nn.Sequential):
    """Logits from the map of the second reduction cell, for training.

    On ImageNet the second batch norm is left out, as in the published code, which keeps it so for its checkpoints.
    """

    def __init__(self, channels: int, classes: int, stem: str) -> None:
        self.stride, norm = (3, [nn.BatchNorm2d(768)]) if stem == "cifar" else (2, [])
        super().__init__(
            nn.ReLU(), nn.AvgPool2d(5, self.stride, count_include_pad=False),
            nn.Conv2d(channels, 128, 1, bias=False), nn.BatchNorm2d(128), nn.ReLU(),
            nn.Conv2d(128, 768, 2, bias=False), *norm, nn.ReLU(), nn.Flatten(), nn.Linear(768, classes),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, 8, 8] (ImageNet: [B, C, 7, 7]) to logits [B, classes]."""
        if (x.shape[-1] - 5) // self.stride != 1:
            raise HarnessError(f"the auxiliary head is made for maps of 8 pixels (ImageNet: 7), not of {x.shape[-1]}")
        out: Tensor = super().forward(x)  # type: ignore[no-untyped-call]
        return out


class SqueezeExcitation(nn.Sequential):
    """Scales channels by factors within 0..1 that their means give (Hu et al. 2018), without biases, as XNAS."""

    def __init__(self, channels: int, narrow: int) -> None:
        super().__init__(
            nn.Linear(channels, narrow, bias=False), nn.ReLU(), nn.Linear(narrow, channels, bias=False), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to the same shape."""
        factors: Tensor = super().forward(x.mean((2, 3)))  # type: ignore[no-untyped-call]
        return x * factors[:, :, None, None]


class StandAloneCell(nn.Module):
    """A cell with two terms per node."""

    def __init__(self, cell: Cell, place: Place) -> None:
        super().__init__()
        self.cell, self.place = cell, place
        self.preprocess = preprocess(place, AFFINE)
        built = {
            str(number): build_convolution(name, place.channels, place.stride(source), AFFINE)
            for number, (name, source) in enumerate(cell.terms)
        }
        self.ops = nn.ModuleDict({number: module for number, module in built.items() if module is not None})

    def forward(self, before: Tensor, last: Tensor, drops: Tensor | None, generator: Generator | None) -> Tensor:
        """Map the two cells before, which ReLU has passed, to this one; ``drops`` [terms, B] spare identities alone."""
        inputs = [module(x) for module, x in zip(self.preprocess, (before, last), strict=True)]
        sources = [Source(x, self.place.stride(0), generator) for x in inputs]
        for node, terms in enumerate(self.cell.nodes):
            first, second = (
                self._term(TERMS * node + side, name, sources[source], drops)
                for side, (name, source) in enumerate(terms)
            )
            sources.append(Source(first + second, 1, generator))
        return torch.cat([sources[number].value for number in self.cell.returned], 1)

    def _term(self, number: int, name: str, source: Source, drops: Tensor | None) -> Tensor:
        convolution = str(number) in self.ops
        value: Tensor = self.ops[str(number)](source.relu) if convolution else source.plain(name)
        identity = name == "skip_connect" and not convolution
        return value if drops is None or identity else value * drops[number, :, None, None, None]


class DartsNetwork(Network):
    """The stand-alone network."""

    def __init__(self, architecture: Mapping[str, Cell], size: Size, classes: int) -> None:
        super().__init__()
        self.size = size
        returned = {kind: len(architecture[kind].returned) for kind in KINDS}
        self.stem, self.stem_1 = stems(size)
        self.cells = nn.ModuleList(
            StandAloneCell(architecture[place.kind], place) for place in places(size, returned, SIDE)
        )
        cells: list[StandAloneCell] = list(self.cells)  # type: ignore[arg-type]
        outputs = [cell.place.channels * returned[cell.place.kind] for cell in cells]
        self.counts = [len(cell.cell.terms) for cell in cells]
        narrow = [squeezed(size, cell.place, number, outputs[number]) for number, cell in enumerate(cells)]
        self.excited = nn.ModuleDict(
            {str(number): SqueezeExcitation(outputs[number], few) for number, few in enumerate(narrow) if few}
        )
        self.auxiliary = AuxiliaryHead(outputs[max(reductions(size.cells))], classes, size.stem)
        self.classifier = nn.Linear(outputs[-1], classes)

    @property
    def droppable(self) -> int:
        """Return the number of terms of all cells."""
        return sum(self.counts)

    def forward(self, x: Tensor, *, drops: Tensor | None = None) -> Tensor:
        """Map images [B, 3, H, W] to logits [B, classes]; identities are never dropped."""
        return self._logits(x, drops)[0]

    def with_auxiliary(self, x: Tensor, *, drops: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return logits and those of the auxiliary head."""
        logits, tapped = self._logits(x, drops)
        extra: Tensor = self.auxiliary(tapped)
        return logits, extra

    def _logits(self, x: Tensor, drops: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return logits and the map that the auxiliary head reads."""
        checked(x.shape[-1], self.size)
        out = self.stem(x)
        before = F.relu(out)  # once for the two cells that read it
        last = before if self.stem_1 is None else F.relu(self.stem_1(out))
        parts = [None] * len(self.cells) if drops is None else torch.split(drops, self.counts)
        tapped = out
        for number, (cell, part) in enumerate(zip(self.cells, parts, strict=True)):
            out = cell(before, last, part, self.generator)
            if str(number) in self.excited:
                out = self.excited[str(number)](out)
            before, last = last, F.relu(out)
            tapped = out if number == max(reductions(self.size.cells)) else tapped
        return self.classifier(out.mean((2, 3))), tapped
