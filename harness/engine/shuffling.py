"""DARTS-PT, Table 1: the test accuracy of a network before and after two of its layers, or edges, change places.

In a VGG-like and a ResNet-like network two layers of every stage are swapped, of those with as many channels before as
after; in the supernet of the DARTS space two edges of every cell, of those with the same stride, each with its weights
and statistics. Mixing weights stay at their places. The paper does not describe its networks, nor their training: all
of it is chosen here, and small (`LayerShuffling`).
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from harness.data.augment import augment, average_pool_images, normalise
from harness.data.batches import draw_with_replacement, epoch_batches
from harness.data.images import Dataset
from harness.engine.optimisers import build_optimiser
from harness.errors import HarnessError
from harness.methods.computed import LayerShuffling
from harness.seeds import derive_seed, global_stream
from harness.spaces.registry import published
from harness.spaces.supernet import Supernet

STAGES = 3
TEST_BATCH = 500
Logits = Callable[[Tensor], Tensor]
Weights = dict[str, Tensor]


class Residual(nn.Module):
    """Two convolutions beside an identity, which is a convolution where the map is halved."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.main = nn.Sequential(*convolution(inputs, outputs, stride), *convolution(outputs, outputs, 1)[:2])
        self.shortcut = nn.Sequential() if stride == 1 else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, inputs, H, W] to [B, outputs, H / stride, W / stride]."""
        return F.relu(self.main(x) + self.shortcut(x))


def convolution(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
    """List a convolution, its batch norm and ReLU."""
    conv = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
    return [conv, nn.BatchNorm2d(outputs), nn.ReLU()]


class Stages(nn.Module):
    """A stem and three stages of ``depth`` layers; the first layer of a stage changes the channels, the others can be
    swapped. ``residual``: layers are residual blocks.
    """

    def __init__(self, channels: int, depth: int, classes: int, *, residual: bool) -> None:
        super().__init__()
        self.stem = nn.Sequential(*convolution(3, channels, 1))
        self.stages = nn.ModuleList()
        before = channels
        for stage in range(STAGES):
            outputs, layers = channels << stage, nn.ModuleList()
            for number in range(depth):
                stride = 2 if stage and not number else 1
                layers.append(
                    Residual(before, outputs, stride)
                    if residual
                    else nn.Sequential(*convolution(before, outputs, stride))
                )
                before = outputs
            self.stages.append(layers)
        self.classifier = nn.Linear(before, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map images [B, 3, H, W] to logits [B, classes]."""
        x = self.stem(x)
        for stage in self.stages:
            for layer in stage:  # type: ignore[attr-defined]
                x = layer(x)
        logits: Tensor = self.classifier(x.mean((2, 3)))
        return logits


def measure(settings: LayerShuffling, dataset: Dataset, seed: int) -> Mapping[str, list[float]]:
    """Train a network and return its accuracies (percent): ``before``, ``after`` (mean of the shufflings), ``drop``.

    All of it is done on the host's processor. Raises `HarnessError` where there are too few images.
    """
    if settings.images > len(dataset.train) or settings.evaluated > len(dataset.test):
        raise HarnessError(f"shuffling needs {settings.images} training and {settings.evaluated} test images")
    feed = _Feed(settings, dataset, seed)
    network, logits = _trained(settings, feed, dataset.classes, seed)
    before = _accuracy(network, logits, feed)
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    draws = torch.Generator().manual_seed(derive_seed(seed, "shuffling"))
    after = []
    for _ in range(settings.shuffles):
        network.load_state_dict(swapped(weights, swaps(network, draws)))
        after.append(_accuracy(network, logits, feed))
    mean = statistics.fmean(after)
    return {"before": [before], "after": [mean], "drop": [before - mean]}


def swaps(network: nn.Module, draws: Generator) -> list[tuple[str, str]]:
    """Draw which two layers of every stage, or edges of every cell, change places: the beginnings of their names."""
    if isinstance(network, Supernet):
        places = [[f"cells.{number}.edges" for number in range(len(network.kinds))], list(network.kinds)]
        return [_two(prefix, _alike(network, kind, draws), draws) for prefix, kind in zip(*places, strict=True)]
    assert isinstance(network, Stages)
    alike = [range(1, len(stage)) for stage in network.stages]  # type: ignore[arg-type]
    return [_two(f"stages.{number}", layers, draws) for number, layers in enumerate(alike)]


def _alike(network: Supernet, kind: str, draws: Generator) -> Sequence[int]:
    """Return edges of a cell with equal strides; of a reduction cell those from its inputs, or the others."""
    first, *others = network.edges_alike(kind)  # type: ignore[operator]
    if not others:
        return list(first)
    edge = int(torch.randint(sum(map(len, (first, *others))), (), generator=draws))
    return next(list(edges) for edges in (first, *others) if edge in edges)


def _two(prefix: str, layers: Sequence[int], draws: Generator) -> tuple[str, str]:
    first, second = torch.randperm(len(layers), generator=draws)[:2].tolist()
    return f"{prefix}.{layers[first]}.", f"{prefix}.{layers[second]}."


def swapped(weights: Mapping[str, Tensor], pairs: Sequence[tuple[str, str]]) -> Weights:
    """Return the weights with those whose names begin alike exchanged, pair by pair."""
    found = dict(weights)
    for first, second in pairs:
        for name in [name for name in weights if name.startswith(first)]:
            other = second + name.removeprefix(first)
            found[name], found[other] = weights[other], weights[name]
    return found


class _Feed:
    """The images of one training, and those of its test."""

    def __init__(self, settings: LayerShuffling, dataset: Dataset, seed: int) -> None:
        self.settings, self.dataset = settings, dataset
        self.images = average_pool_images(dataset.train.images[: settings.images], settings.image_size)
        self.labels = dataset.train.labels
        self.tests = average_pool_images(dataset.test.images[: settings.evaluated], settings.image_size)
        self.test_labels = dataset.test.labels[: settings.evaluated]
        names = ("batches", "other-batches", "augmentation")
        self.streams = {n: torch.Generator().manual_seed(derive_seed(seed, f"shuffling-{n}")) for n in names}

    def augmented(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Return images [B, 3, H, W] and labels [B]."""
        images = augment(
            self.images[indices], padding=self.settings.crop_padding, flip=True, mean=self.dataset.mean,
            std=self.dataset.std, generator=self.streams["augmentation"],
        )  # fmt: skip
        return images, self.labels[indices]

    def batches(self, count: int) -> list[Tensor]:
        """Return the batches of a pass over the first ``count`` images, the last one left out unless it is full."""
        return list(epoch_batches(count, self.settings.batch_size, self.streams["batches"], drop_last=True))


def _trained(settings: LayerShuffling, feed: _Feed, classes: int, seed: int) -> tuple[nn.Module, Logits]:
    if settings.network == "darts-supernet":
        return _trained_supernet(settings, feed, classes, seed)
    with _initial(seed):
        network = Stages(settings.channels, settings.depth, classes, residual=settings.network == "residual")
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    _train(settings, feed, network, network, settings.images, None)
    return network, network


def _trained_supernet(settings: LayerShuffling, feed: _Feed, classes: int, seed: int) -> tuple[nn.Module, Logits]:
    space = published("darts").model_copy(update={"channels": settings.channels, "cells": settings.depth})
    with _initial(seed):
        supernet = space.supernet(classes)
        alpha = {g.name: nn.Parameter(settings.alpha_scale * torch.randn(g.shape)) for g in space.groups}
    supernet.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def logits(images: Tensor) -> Tensor:
        mixed: Tensor = supernet(images, {name: values.softmax(-1) for name, values in alpha.items()})
        return mixed

    mover = build_optimiser(settings.architecture_optimiser, list(alpha.values()))
    _train(settings, feed, supernet, logits, settings.images // 2, mover)
    return supernet, logits


def _initial(seed: int) -> AbstractContextManager[None]:
    """Give initialisers a stream of their own; it keeps other threads waiting, so no training belongs into it."""
    return global_stream(derive_seed(seed, "shuffling-weights"))


def _train(
    settings: LayerShuffling,
    feed: _Feed,
    network: nn.Module,
    logits: Logits,
    images: int,
    architecture: torch.optim.Optimizer | None,
) -> None:
    """Move the weights on the first images; ``architecture``: on the others first, DARTS' first order."""
    optimiser = build_optimiser(settings.weight_optimiser, list(network.parameters()))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.epochs)
    network.train()
    for _ in range(settings.epochs):
        for batch in feed.batches(images):
            if architecture is not None:
                drawn = draw_with_replacement(settings.images - images, len(batch), feed.streams["other-batches"])
                _step(architecture, logits, feed.augmented(images + drawn))
                optimiser.zero_grad()
            _step(optimiser, logits, feed.augmented(batch), settings.clip)
        schedule.step()


def _step(
    optimiser: torch.optim.Optimizer, logits: Logits, batch: tuple[Tensor, Tensor], clip: float | None = None
) -> None:
    images, labels = batch
    optimiser.zero_grad()
    torch.autograd.backward(F.cross_entropy(logits(images), labels))
    if clip is not None:
        nn.utils.clip_grad_norm_((p for group in optimiser.param_groups for p in group["params"]), clip)
    optimiser.step()


@torch.no_grad()
def _accuracy(network: nn.Module, logits: Logits, feed: _Feed) -> float:
    """Return the accuracy on the test images (percent), by running statistics."""
    network.eval()
    right = 0
    for start in range(0, len(feed.tests), TEST_BATCH):
        part = slice(start, start + TEST_BATCH)
        images = normalise(feed.tests[part], feed.dataset.mean, feed.dataset.std)
        right += int((logits(images).argmax(1) == feed.test_labels[part]).sum())
    return 100 * right / len(feed.tests)
