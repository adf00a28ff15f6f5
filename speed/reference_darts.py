"""The ordinary implementation of the DARTS supernet and its bi-level step, as published search code writes it.

One module per edge and operation, images in NCHW, `none` as x * 0, ReLU, pooling and its batch norm anew on every edge,
outputs times mixing weights, then summed; every backward pass computes both gradients. Own code: what speed is measured
against, and an oracle of the tests. It shares nothing with `harness.spaces.darts`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speed.reference import accuracy

OPS = (
    "none", "max_pool_3x3", "avg_pool_3x3", "skip_connect",
    "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5",
)  # fmt: skip
NODES = 4
Batch = tuple[Tensor, Tensor]


class Zero(nn.Module):
    """`none`."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, :: self.stride, :: self.stride].mul(0.0)


class ReluConvNorm(nn.Sequential):
    """ReLU, pointwise convolution, batch norm."""

    def __init__(self, inputs: int, outputs: int) -> None:
        conv = nn.Conv2d(inputs, outputs, 1, bias=False)
        super().__init__(nn.ReLU(inplace=False), conv, nn.BatchNorm2d(outputs, affine=False))


class FactorizedReduce(nn.Module):
    """Halve the map by two pointwise convolutions."""

    def __init__(self, inputs: int, outputs: int, affine: bool = False) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=False)
        self.conv_1 = nn.Conv2d(inputs, outputs // 2, 1, stride=2, bias=False)
        self.conv_2 = nn.Conv2d(inputs, outputs // 2, 1, stride=2, bias=False)
        self.bn = nn.BatchNorm2d(outputs, affine=affine)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(x)
        out: Tensor = self.bn(torch.cat([self.conv_1(x), self.conv_2(x[:, :, 1:, 1:])], dim=1))
        return out


def separable(channels: int, kernel: int, stride: int, dilation: int = 1, affine: bool = False) -> list[nn.Module]:
    """List ReLU, depthwise and pointwise convolution, batch norm."""
    padding = dilation * (kernel // 2)
    return [
        nn.ReLU(inplace=False),
        nn.Conv2d(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels, affine=affine),
    ]


def operation(name: str, channels: int, stride: int) -> nn.Module:
    """Build one operation of one edge."""
    kernel = int(name[-1]) if name[-1].isdigit() else 0
    if name == "none":
        return Zero(stride)
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels)
    if name.startswith("sep"):
        return nn.Sequential(*separable(channels, kernel, stride), *separable(channels, kernel, 1))
    if name.startswith("dil"):
        return nn.Sequential(*separable(channels, kernel, stride, dilation=2))
    pool: nn.Module = nn.MaxPool2d(3, stride, 1)
    if name.startswith("avg"):
        pool = nn.AvgPool2d(3, stride, 1, count_include_pad=False)
    return nn.Sequential(pool, nn.BatchNorm2d(channels, affine=False))


class MixedOperation(nn.ModuleList):
    """All operations of one edge."""

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        return sum(w * op(x) for w, op in zip(weights, self, strict=True))  # type: ignore[return-value]


class SearchCell(nn.Module):
    """A cell of two inputs and four nodes."""

    def __init__(self, before: int, last: int, channels: int, reduces: bool, reduced: bool, ops: Sequence[str]) -> None:
        super().__init__()
        self.reduces = reduces
        self.preprocess0: nn.Module = (FactorizedReduce if reduced else ReluConvNorm)(before, channels)
        self.preprocess1 = ReluConvNorm(last, channels)
        self.edges = nn.ModuleList(
            MixedOperation(operation(name, channels, 2 if reduces and source < 2 else 1) for name in ops)
            for node in range(NODES)
            for source in range(2 + node)
        )

    def forward(self, before: Tensor, last: Tensor, weights: Tensor) -> Tensor:
        states = [self.preprocess0(before), self.preprocess1(last)]
        edge = 0
        for _ in range(NODES):
            edges = range(edge, edge + len(states))
            states.append(sum(self.edges[e](x, weights[e]) for e, x in zip(edges, states, strict=True)))
            edge += len(states) - 1
        return torch.cat(states[2:], dim=1)


class Network(nn.Module):
    """The search network with its architecture parameters [14, ops] per kind; mixing weights are their softmax."""

    def __init__(self, channels: int, cells: int, classes: int, ops: Sequence[str] = OPS) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 3 * channels, 3, padding=1, bias=False), nn.BatchNorm2d(3 * channels))
        self.cells = nn.ModuleList()
        before, last, reduced = 3 * channels, 3 * channels, False
        for number in range(cells):
            reduces = number in (cells // 3, 2 * cells // 3)
            channels *= 2 if reduces else 1
            self.cells.append(SearchCell(before, last, channels, reduces, reduced, ops))
            before, last, reduced = last, NODES * channels, reduces
        self.classifier = nn.Linear(last, classes)
        self.alphas = nn.ParameterList(1e-3 * torch.randn(14, len(ops)) for _ in range(2))  # normal, reduce

    def weights(self) -> list[nn.Parameter]:
        """List all but the architecture parameters."""
        return [p for name, p in self.named_parameters() if not name.startswith("alphas")]

    def forward(self, x: Tensor) -> Tensor:
        before = last = self.stem(x)
        for cell in self.cells:
            mixing = F.softmax(self.alphas[int(cell.reduces)], dim=-1)
            before, last = last, cell(before, last, mixing)
        logits: Tensor = self.classifier(F.adaptive_avg_pool2d(last, 1).flatten(1))
        return logits


class Steps:
    """The steps of a search: SGD with momentum for weights, Adam for the architecture, which moves first."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.weight_optimiser = torch.optim.SGD(network.weights(), 0.025, 0.9, weight_decay=3e-4)
        self.architecture_optimiser = torch.optim.Adam(network.alphas, 3e-4, (0.5, 0.999), weight_decay=1e-3)

    def _backward(self, batch: Batch) -> float:
        images, labels = batch
        self.network.zero_grad()
        logits = self.network(images)
        loss = F.cross_entropy(logits, labels)
        loss.backward()  # type: ignore[no-untyped-call]
        accuracy(logits.detach(), labels)
        return loss.item()

    def bilevel_step(self, weight_batch: Batch, architecture_batch: Batch) -> None:
        """Move the architecture, then the weights."""
        self._backward(architecture_batch)
        self.architecture_optimiser.step()
        self._backward(weight_batch)
        nn.utils.clip_grad_norm_(self.network.weights(), 5)
        self.weight_optimiser.step()


def pairs_of_weights(reference: Network, supernet: nn.Module) -> Iterator[tuple[nn.Parameter, nn.Parameter]]:
    """Yield the parameters that correspond, by what the two networks call them."""
    theirs = dict(reference.named_parameters())
    places = {"first.depthwise": 1, "first.pointwise": 2, "second.depthwise": 5, "second.pointwise": 6}
    places |= {"depthwise": 1, "pointwise": 2}
    for name, ours in supernet.named_parameters():
        other = re.sub(r"preprocess\.(\d)", r"preprocess\1", name).replace("conv.weight", "1.weight")
        if found := re.fullmatch(r"(cells\.\d+\.edges\.\d+\.\d+)\.([a-z.]+?)\.weight", name):
            other = f"{found[1]}.{places[found[2]]}.weight"
        yield theirs[other], ours
