"""What goes together: gradients of batches at nodes and of weights, outputs of operations.

The gradient correlation of two batches at the nodes of cells (Single-DARTS, Eq. 8 and section 5.2.1).

A step of an operation W x on one batch changes the gradient of its mixing weight on another by -eta p times it. Shapes:
B images, D elements of a node.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class AtNodes:
    """Of one cell and batch, by node: its values [B, D], and the loss's gradient by them [B, D]."""

    values: Sequence[Tensor]
    slopes: Sequence[Tensor]


def at_nodes(loss: Tensor, nodes: Sequence[Sequence[Tensor]]) -> list[AtNodes]:
    """Return values and gradients by cell; ``nodes``: by cell, those that the loss was computed from."""
    every = [node for cell in nodes for node in cell]
    slopes = iter(torch.autograd.grad(loss, every, allow_unused=True, materialize_grads=True))
    return [
        AtNodes([node.detach().flatten(1) for node in cell], [next(slopes).flatten(1) for _ in cell]) for cell in nodes
    ]


def gradient_correlation(one: AtNodes, other: AtNodes, node: int, sources: Sequence[int]) -> float:
    """Return the sum over images j of one batch and k of the other of (g_j . g_k) (x_j . x_k).

    g: by ``node``; x: its ``sources``, over which it is summed up: g is the same on every edge. Of a loss that is a
    mean over images, it is the mean over their pairs: the paper's sum divided by B times B.
    """
    slopes = one.slopes[node] @ other.slopes[node].T
    return sum((slopes * (one.values[source] @ other.values[source].T)).sum().item() for source in sources)


def gradient_confusion(gradients: Tensor) -> tuple[float, float]:
    """Return the confusion of gradients [batches, M]: by inner products divided by M, and by cosines.

    Of every batch max(0, max over the others of -<g_i, g_j>), and of these the mean (StacNAS, 2.5.2 and Eq. 10).
    """
    products = gradients.double() @ gradients.double().T
    lengths = products.diagonal().sqrt()
    cosines = products / (lengths[:, None] * lengths).clamp_min(torch.finfo(products.dtype).tiny)
    return _confusion(products) / gradients.shape[1], _confusion(cosines)


def _confusion(products: Tensor) -> float:
    others = products.clone().fill_diagonal_(torch.inf)
    return float((-others).max(1).values.clamp_min(0).mean())


class Comoments:
    """Correlations of several quantities [images, ...], centred over images position by position, then pooled."""

    def __init__(self) -> None:
        self.count = 0
        self.sums: Tensor | float = 0.0  # [quantities, positions]
        self.products: Tensor | float = 0.0  # [quantities, quantities]

    def add(self, values: Tensor) -> None:
        """Take in more images, [quantities, images, ...]."""
        flat = values.flatten(2).double()
        self.count += flat.shape[1]
        self.sums = self.sums + flat.sum(1)
        self.products = self.products + torch.einsum("aip,bip->ab", flat, flat)

    def correlations(self) -> list[list[float]]:
        """Return them [quantities, quantities]; NaN of a quantity that does not vary."""
        assert isinstance(self.sums, Tensor) and isinstance(self.products, Tensor)
        covariances = self.products - self.sums @ self.sums.T / self.count
        scales = covariances.diagonal().clamp_min(0).sqrt()
        return (covariances / (scales[:, None] * scales)).tolist()
