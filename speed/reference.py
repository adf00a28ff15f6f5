"""The ordinary implementation of the supernet and its search steps, as published search code writes it.

One module per edge and operation, images in NCHW, `none` as x * 0, ReLU and pooling anew on every edge, outputs
times mixing weights, then summed; every backward pass computes both gradients. Own code: what speed is measured
against, and an oracle of the tests. It shares nothing with `harness.spaces.nb201.net`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

OPS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
Batch = tuple[Tensor, Tensor]


class Zero(nn.Module):
    """`none`."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mul(0.0)


class ReluConvNorm(nn.Sequential):
    """ReLU, convolution, batch norm."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, affine: bool, track: bool) -> None:
        super().__init__(
            nn.ReLU(inplace=False),
            nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=not affine),
            nn.BatchNorm2d(outputs, affine=affine, track_running_stats=track),
        )


def operation(name: str, channels: int, track: bool) -> nn.Module:
    """Build one operation of one edge."""
    return {
        "none": Zero,
        "skip_connect": nn.Identity,
        "nor_conv_1x1": lambda: ReluConvNorm(channels, channels, 1, 1, False, track),
        "nor_conv_3x3": lambda: ReluConvNorm(channels, channels, 3, 1, False, track),
        "avg_pool_3x3": lambda: nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),
    }[name]()


class SearchCell(nn.Module):
    """A cell of four nodes: every edge a list of operations."""

    def __init__(self, channels: int, track: bool) -> None:
        super().__init__()
        self.edges = nn.ModuleDict(
            {
                f"{target}<-{source}": nn.ModuleList(operation(name, channels, track) for name in OPS)
                for target in range(1, 4)
                for source in range(target)
            }
        )

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        nodes = [x]
        edge = 0
        for target in range(1, 4):
            incoming = []
            for source in range(target):
                ops: Sequence[nn.Module] = self.edges[f"{target}<-{source}"]  # type: ignore[assignment]
                incoming.append(sum(op(nodes[source]) * w for op, w in zip(ops, weights[edge], strict=True)))
                edge += 1
            nodes.append(sum(incoming))  # type: ignore[arg-type]
        return nodes[-1]


class ResNetBlock(nn.Module):
    """Halve the image, double the channels."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.conv_a = ReluConvNorm(inputs, 2 * inputs, 3, 2, True, True)
        self.conv_b = ReluConvNorm(2 * inputs, 2 * inputs, 3, 1, True, True)
        self.downsample = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(inputs, 2 * inputs, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.downsample(x) + self.conv_b(self.conv_a(x))
        return out


class Network(nn.Module):
    """The search network with its architecture parameters [6, 5]; mixing weights are their softmax."""

    def __init__(self, channels: int, cells: int, classes: int, track: bool = False) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
        self.cells = nn.ModuleList()
        for stage in range(3):
            if stage:
                self.cells.append(ResNetBlock(channels << (stage - 1)))
            self.cells.extend(SearchCell(channels << stage, track) for _ in range(cells))
        self.lastact = nn.Sequential(nn.BatchNorm2d(channels << 2), nn.ReLU(inplace=True))
        self.classifier = nn.Linear(channels << 2, classes)
        self.arch_parameters = nn.Parameter(1e-3 * torch.randn(6, len(OPS)))

    def weights(self) -> list[nn.Parameter]:
        """List all but the architecture parameters."""
        return [p for name, p in self.named_parameters() if name != "arch_parameters"]

    def forward(self, x: Tensor) -> Tensor:
        mixing = F.softmax(self.arch_parameters, dim=-1)
        x = self.stem(x)
        for cell in self.cells:
            x = cell(x, mixing) if isinstance(cell, SearchCell) else cell(x)
        x = F.adaptive_avg_pool2d(self.lastact(x), 1)
        logits: Tensor = self.classifier(x.flatten(1))
        return logits


class Steps:
    """The steps of a search: SGD with Nesterov momentum for weights, Adam for the architecture."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.weight_optimiser = torch.optim.SGD(network.weights(), 0.025, 0.9, weight_decay=5e-4, nesterov=True)
        arch = [network.arch_parameters]
        self.architecture_optimiser = torch.optim.Adam(arch, 3e-4, (0.5, 0.999), weight_decay=1e-3)

    def _backward(self, batch: Batch) -> float:
        images, labels = batch
        self.network.zero_grad()
        logits = self.network(images)
        loss = F.cross_entropy(logits, labels)
        loss.backward()  # type: ignore[no-untyped-call]
        accuracy(logits.detach(), labels)
        return loss.item()

    def weight_step(self, batch: Batch) -> float:
        """Move the weights; return the loss."""
        loss = self._backward(batch)
        nn.utils.clip_grad_norm_(self.network.parameters(), 5)
        self.weight_optimiser.step()
        return loss

    def architecture_step(self, batch: Batch) -> float:
        """Move the architecture; return the loss."""
        loss = self._backward(batch)
        self.architecture_optimiser.step()
        return loss

    def bilevel_step(self, weight_batch: Batch, architecture_batch: Batch) -> None:
        """Move one, then the other."""
        self.weight_step(weight_batch)
        self.architecture_step(architecture_batch)


def accuracy(logits: Tensor, labels: Tensor) -> tuple[float, float]:
    """Return top-1 and top-5 accuracy in percent, as search code logs it in every step."""
    hits = logits.topk(min(5, logits.shape[1]), 1).indices.eq(labels[:, None])
    top1, top5 = (100 * hits[:, :k].float().sum().item() / len(labels) for k in (1, 5))
    return top1, top5


def pairs_of_weights(reference: Network, supernet: nn.Module) -> Iterator[tuple[nn.Parameter, nn.Parameter]]:
    """Yield the parameters that correspond, by what the two networks call them."""
    cells = sum(len(stage) for stage in supernet.stages) // 3  # type: ignore[arg-type,union-attr]
    edges = [f"{target}<-{source}" for target in range(1, 4) for source in range(target)]
    theirs = dict(reference.named_parameters())
    for name, ours in supernet.named_parameters():
        if found := re.fullmatch(r"stages\.(\d)\.(\d+)\.convs\.(\d)_(\d)\.conv\.(\w+)", name):
            stage, cell, edge, op = map(int, found.groups()[:-1])
            other = f"cells.{stage * (cells + 1) + cell}.edges.{edges[edge]}.{op}.1.{found[5]}"
        elif found := re.fullmatch(r"reductions\.(\d)\.main\.(\d)\.(.+)", name):
            other = f"cells.{int(found[1]) * (cells + 1) + cells}.conv_{'ab'[int(found[2])]}.{found[3]}"
        elif found := re.fullmatch(r"reductions\.(\d)\.shortcut\.(.+)", name):
            other = f"cells.{int(found[1]) * (cells + 1) + cells}.downsample.{found[2]}"
        else:
            other = name.replace("head.0", "lastact.0").replace("head.4", "classifier")
        yield theirs[other], ours
