"""What the engine asks of networks: the supernet of a space, and the stand-alone network of an architecture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Mixing = Mapping[str, Tensor]  # by `Group.name` [rows, options], see `harness.spaces.space`


def shuffled(mixed: Tensor, rest: Tensor, groups: int) -> Tensor:
    """Concatenate channels and deal them out in turn, one from each of ``groups`` blocks."""
    whole = torch.cat([mixed, rest], 1).permute(0, 2, 3, 1)  # channels last, and it stays so
    dealt = whole.reshape(*whole.shape[:3], groups, mixed.shape[1]).transpose(-1, -2)
    return dealt.reshape(whole.shape).permute(0, 3, 1, 2)


def average_pool(x: Tensor, kernel: int, stride: int = 1) -> Tensor:
    """Average neighbourhoods of [B, C, H, W], padded by half a kernel that does not count in the divisor.

    Not channels last on CUDA: torch's gradient is wrong there (seen in 2.11; pytorch issue 188344).
    """
    if x.is_cuda:
        pooled = F.avg_pool2d(x.contiguous(), kernel, stride, kernel // 2, count_include_pad=False)
        return pooled.contiguous(memory_format=torch.channels_last)
    return F.avg_pool2d(x, kernel, stride, kernel // 2, count_include_pad=False)


class Supernet(nn.Module, ABC):
    """The weight-sharing network of a space. It knows no alpha: all that is searched comes in as ``mixing``.

    Shapes: B images, C channels. The weights of a search are `parameters()`, and nothing else is trained.
    ``generator``: of operations that draw, on the device of the images; None: torch's own. ``skip_dropout``: the rate
    at which elements that pass a skip connection are left out, the others scaled up, where the space `drops_skips`.
    """

    generator: torch.Generator | None = None
    skip_dropout: float = 0.0

    @property
    @abstractmethod
    def kinds(self) -> tuple[str, ...]:
        """Return the cell type of every cell, in their order."""

    @property
    @abstractmethod
    def droppable(self) -> tuple[int, int]:
        """Return (cells, edges): how many paths drop-path may drop; edges are those of the largest cell type."""

    @abstractmethod
    def forward(self, x: Tensor, mixing: Mixing, *, sampled: bool = False, drops: Tensor | None = None) -> Tensor:
        """Map images [B, 3, H, W] and mixing weights to logits [B, classes].

        Differentiable by x, weights and mixing, twice. ``sampled``: the weights are one-hot (of their value; gradients
        may be those of soft weights) and only the chosen option of each row is evaluated and paid for; the others
        count as the constant 1, so that their weights, which are 0, have a gradient. ``drops`` [*droppable, B]:
        factors on the outputs of edges, image by image, indexed by cell and place.
        """

    @abstractmethod
    def by_cell(self, x: Tensor, mixings: Sequence[Mixing]) -> Tensor:
        """Return the logits where every cell mixes by weights of its own: one mixing per cell, in their order."""

    @abstractmethod
    def nodes(self, x: Tensor, mixing: Mixing) -> tuple[Tensor, list[list[Tensor]]]:
        """Return the logits and, cell by cell, the values of its nodes by the numbers that `Group` gives them.

        The logits are computed from those very tensors: a loss has gradients by each of them.
        """

    def many(self, x: Tensor, mixings: Sequence[Mixing]) -> list[Tensor]:
        """Return the logits under each of several mixings, without gradients; what they agree on may be shared.

        In training mode running statistics of shared parts move once.
        """
        with torch.no_grad():
            return [self(x, mixing) for mixing in mixings]

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Compute no gradient of the weights in the backward of what is computed inside, which is cheaper."""
        weights = [weight for weight in self.parameters() if weight.requires_grad]
        for weight in weights:
            weight.requires_grad_(False)
        try:
            yield
        finally:
            for weight in weights:
                weight.requires_grad_(True)


class Network(nn.Module, ABC):
    """The stand-alone network of one architecture, affine batch norms with running statistics.

    ``generator``: of operations that draw, on the device of the images; None: torch's own.
    """

    generator: torch.Generator | None = None

    @property
    def droppable(self) -> int:
        """Return how many paths drop-path may drop; 0: it has no use for it."""
        return 0

    @abstractmethod
    def forward(self, x: Tensor, *, drops: Tensor | None = None) -> Tensor:
        """Map images [B, 3, H, W] to logits [B, classes]; ``drops`` [droppable, B]: factors on paths, by image."""

    def with_auxiliary(self, x: Tensor, *, drops: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Return logits and those of the auxiliary head, None where there is none; its weights are parameters too."""
        return self(x, drops=drops), None
