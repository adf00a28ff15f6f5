"""Steps of a search of the DARTS space against the bi-level step of the ordinary implementation, one thread each.

``torch alone``: the exact rearrangement in torch's operations, without compiled kernels. At full size on two threads
too, where cores share the way to memory.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from harness.runner.environment import cores
from harness.spaces.darts import kernels
from harness.spaces.registry import published
from speed.conftest import Against
from speed.reference_darts import Network, Steps

CLASSES, BATCH = 10, 64
SIZES = {"full": (16, 8, 32), "reduced": (8, 5, 16), "tiny": (4, 5, 16)}  # channels, cells, pixels a side
Threads = Callable[[int], None]
Step = Callable[[], None]


@pytest.fixture
def space_kernels() -> ModuleType:
    """Return the module of the space's compiled kernels."""
    return kernels


def batches(side: int) -> tuple[Any, Any]:
    """Make two random batches."""
    torch.manual_seed(1)
    first, second = ((torch.randn(BATCH, 3, side, side), torch.randint(CLASSES, (BATCH,))) for _ in range(2))
    return first, second


def ordinary_step(size: str, space: str) -> Step:
    """Return the bi-level step of the ordinary implementation."""
    channels, cells, side = SIZES[size]
    torch.manual_seed(0)
    steps = Steps(Network(channels, cells, CLASSES, published(space).groups[0].options[0]))
    weight_batch, architecture_batch = batches(side)
    return lambda: steps.bilevel_step(weight_batch, architecture_batch)


class Ours:
    """The same step on our supernet: architecture first, each side with its own gradients only."""

    def __init__(self, size: str, space: str) -> None:
        channels, cells, side = SIZES[size]
        torch.manual_seed(0)
        shape = published(space).model_copy(update={"channels": channels, "cells": cells})
        self.net = shape.supernet(CLASSES).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.alpha = {g.name: torch.nn.Parameter(1e-3 * torch.randn(g.shape)) for g in shape.groups}
        self.weights = list(self.net.parameters())
        self.weight_optimiser = torch.optim.SGD(self.weights, 0.025, 0.9, weight_decay=3e-4)
        alphas = list(self.alpha.values())
        self.architecture_optimiser = torch.optim.Adam(alphas, 3e-4, (0.5, 0.999), weight_decay=1e-3)
        self.batches = [(x.contiguous(memory_format=torch.channels_last), y) for x, y in batches(side)]

    def loss(self, batch: int, *, detached: bool) -> torch.Tensor:
        images, labels = self.batches[batch]
        mixing = {name: alpha.softmax(-1) for name, alpha in self.alpha.items()}
        return F.cross_entropy(self.net(images, {n: m.detach() if detached else m for n, m in mixing.items()}), labels)

    def move_weights(self) -> None:
        torch.nn.utils.clip_grad_norm_(self.weights, 5)
        self.weight_optimiser.step()
        self.weight_optimiser.zero_grad()

    def bilevel(self) -> None:
        """Move the architecture, then the weights."""
        with self.net.frozen():
            found = torch.autograd.grad(self.loss(1, detached=False), list(self.alpha.values()))
        for alpha, gradient in zip(self.alpha.values(), found, strict=True):
            alpha.grad = gradient
        self.architecture_optimiser.step()
        torch.autograd.backward(self.loss(0, detached=True))
        self.move_weights()

    def single(self) -> None:
        """Move both by one batch."""
        torch.autograd.backward(self.loss(0, detached=False))
        self.architecture_optimiser.step()
        self.architecture_optimiser.zero_grad()
        self.move_weights()


@pytest.mark.parametrize(("level", "goal"), [("bi-level", {"": 3.1, ", torch alone": 2.3}), ("single-level", None)])
@pytest.mark.parametrize("used", [1, pytest.param(2, marks=pytest.mark.skipif(cores() < 2, reason="one core"))])
def test_full_size(
    level: str, goal: dict[str, float] | None, used: int, against: Against, threads: Threads, form: str
) -> None:
    threads(used)
    ours = Ours("full", "darts")
    step = ours.bilevel if level == "bi-level" else ours.single
    name = f"DARTS space, full size, {level}{form}{', two threads' if used > 1 else ''}"
    against.interleaved(name, step, ordinary_step("full", "darts"), rounds=5, goal=goal[form] if goal else None)


@pytest.mark.parametrize("space", ["darts", "s2"])
@pytest.mark.parametrize("size", ["reduced", pytest.param("tiny", marks=pytest.mark.short)])
def test_small_sizes(size: str, space: str, against: Against, threads: Threads, form: str) -> None:
    threads(1)
    name = f"DARTS space, {size} size, {space}{form}"
    against.interleaved(name, Ours(size, space).bilevel, ordinary_step(size, space), rounds=7, goal=None)
