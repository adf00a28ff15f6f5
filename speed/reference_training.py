"""The ordinary implementation of final training, as published code writes it: stand-alone networks and one step.

One module per term of a cell, images in NCHW, ReLU anew before every convolution, weights moved by torch's optimiser
with its default settings, loss and accuracies read in every step. Own code: what speed is measured against, and an
oracle of the tests. Of our networks it takes the architecture alone, term by term.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speed.reference import Batch, ReluConvNorm, ResNetBlock, accuracy
from speed.reference_darts import NODES, FactorizedReduce, separable

Term = tuple[str, int]  # operation, source


class PlainCell(nn.Module):
    """A cell of NAS-Bench-201: for each of its three nodes the terms that are summed; `none` is left out."""

    def __init__(self, nodes: Sequence[Sequence[Term]], channels: int) -> None:
        super().__init__()
        self.nodes = [[(name, source) for name, source in terms if name != "none"] for terms in nodes]
        self.ops = nn.ModuleList(self._build(name, channels) for terms in self.nodes for name, _ in terms)

    @staticmethod
    def _build(name: str, channels: int) -> nn.Module:
        if name == "skip_connect":
            return nn.Identity()
        if name == "avg_pool_3x3":
            return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
        return ReluConvNorm(channels, channels, int(name[-1]), 1, True, True)

    def forward(self, x: Tensor) -> Tensor:
        states, ops = [x], iter(self.ops)
        for terms in self.nodes:
            states.append(sum(next(ops)(states[source]) for _, source in terms) if terms else torch.zeros_like(x))
        return states[-1]


class BenchNetwork(nn.Sequential):
    """NAS-Bench-201's network."""

    def __init__(self, nodes: Sequence[Sequence[Term]], channels: int, cells: int, classes: int) -> None:
        layers: list[nn.Module] = [nn.Conv2d(3, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)]
        for stage in range(3):
            layers += [ResNetBlock(channels << (stage - 1))] if stage else []
            layers += [PlainCell(nodes, channels << stage) for _ in range(cells)]
        width = channels << 2
        layers += [nn.BatchNorm2d(width), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        super().__init__(*layers, nn.Linear(width, classes))


def relu_conv_norm(inputs: int, outputs: int) -> nn.Sequential:
    """ReLU, pointwise convolution, batch norm."""
    return nn.Sequential(nn.ReLU(inplace=False), nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))


def operation(name: str, channels: int, stride: int) -> nn.Module:
    """Build one term of a cell."""
    kernel = int(name[-1]) if name[-1].isdigit() else 0
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels, True)
    if name.startswith("sep"):
        return nn.Sequential(
            *separable(channels, kernel, stride, affine=True), *separable(channels, kernel, 1, affine=True)
        )
    if name.startswith("dil"):
        return nn.Sequential(*separable(channels, kernel, stride, dilation=2, affine=True))
    if name.startswith("avg"):
        return nn.AvgPool2d(3, stride, 1, count_include_pad=False)
    return nn.MaxPool2d(3, stride, 1)


def drop_path(x: Tensor, probability: float) -> Tensor:
    """Drop the images' paths of a batch, each for itself."""
    kept = 1 - probability
    mask = torch.empty(x.size(0), 1, 1, 1).bernoulli_(kept)
    return x.div_(kept).mul_(mask)


class PlainDartsCell(nn.Module):
    """A cell of the DARTS space."""

    def __init__(
        self, nodes: Sequence[Sequence[Term]], before: int, last: int, channels: int, reduces: bool, reduced: bool
    ) -> None:
        super().__init__()
        self.nodes = nodes
        self.preprocess0: nn.Module = (
            FactorizedReduce(before, channels, True) if reduced else relu_conv_norm(before, channels)
        )
        self.preprocess1 = relu_conv_norm(last, channels)
        self.ops = nn.ModuleList(
            operation(name, channels, 2 if reduces and source < 2 else 1) for terms in nodes for name, source in terms
        )

    def forward(self, before: Tensor, last: Tensor, probability: float) -> Tensor:
        states, ops = [self.preprocess0(before), self.preprocess1(last)], iter(self.ops)
        for terms in self.nodes:
            values = []
            for _, source in terms:
                module = next(ops)
                value = module(states[source])
                dropped = self.training and probability > 0 and not isinstance(module, nn.Identity)
                values.append(drop_path(value, probability) if dropped else value)
            states.append(values[0] + values[1])
        return torch.cat(states[2:], dim=1)


class DartsNetwork(nn.Module):
    """The stand-alone network of two cells with its auxiliary head. ``probability``: of drop-path."""

    def __init__(
        self, cells: Mapping[str, Sequence[Sequence[Term]]], channels: int, count: int, classes: int, *, auxiliary: bool
    ) -> None:
        super().__init__()
        self.probability = 0.0
        self.stem = nn.Sequential(nn.Conv2d(3, 3 * channels, 3, padding=1, bias=False), nn.BatchNorm2d(3 * channels))
        self.cells = nn.ModuleList()
        before = last = 3 * channels
        reduced, self.tapped = False, 2 * count // 3
        for number in range(count):
            reduces = number in (count // 3, 2 * count // 3)
            channels *= 2 if reduces else 1
            nodes = cells["reduce" if reduces else "normal"]
            self.cells.append(PlainDartsCell(nodes, before, last, channels, reduces, reduced))
            before, last, reduced = last, NODES * channels, reduces
        self.auxiliary = nn.Sequential(
            nn.ReLU(inplace=False), nn.AvgPool2d(5, 3, 0, count_include_pad=False),
            nn.Conv2d(last, 128, 1, bias=False), nn.BatchNorm2d(128), nn.ReLU(inplace=True),
            nn.Conv2d(128, 768, 2, bias=False), nn.BatchNorm2d(768), nn.ReLU(inplace=True),
            nn.Flatten(), nn.Linear(768, classes),
        ) if auxiliary else None  # fmt: skip
        self.classifier = nn.Linear(last, classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        before = last = self.stem(x)
        extra = None
        for number, cell in enumerate(self.cells):
            before, last = last, cell(before, last, self.probability)
            if number == self.tapped and self.training and self.auxiliary is not None:
                extra = self.auxiliary(last)
        return self.classifier(F.adaptive_avg_pool2d(last, 1).flatten(1)), extra


class Trainer:
    """SGD with momentum, as the two spaces' code sets it up."""

    def __init__(self, network: nn.Module, *, lr: float, nesterov: bool, decay: float, clip: float | None) -> None:
        self.network, self.clip = network, clip
        self.optimiser = torch.optim.SGD(network.parameters(), lr, 0.9, weight_decay=decay, nesterov=nesterov)

    def step(self, batch: Batch) -> float:
        """Move the weights; return the loss."""
        images, labels = batch
        self.optimiser.zero_grad()
        out = self.network(images)
        logits, extra = out if isinstance(out, tuple) else (out, None)
        loss = F.cross_entropy(logits, labels)
        if extra is not None:
            loss = loss + 0.4 * F.cross_entropy(extra, labels)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.clip is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.clip)
        self.optimiser.step()
        accuracy(logits.detach(), labels)
        return loss.item()
