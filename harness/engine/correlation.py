"""The gradient correlation of two batches at the nodes of cells (Single-DARTS, Eq. 8 and section 5.2.1).

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
