"""Gradients of the loss by each cell's own mixing weights, which all cells of a type share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from harness.spaces.supernet import Mixing


def cell_gradients(mixing: Mixing, cells: int, loss: Callable[[Sequence[Mixing]], Tensor]) -> list[Mixing]:
    """Return dL/dp of the mixing weights of every cell, by group; zeros of the groups of other cell types.

    ``loss``: where every cell has weights of its own. The sum over the cells is the gradient by the shared weights.
    """
    own = [
        {group: weights.detach().clone().requires_grad_() for group, weights in mixing.items()} for _ in range(cells)
    ]
    every = [weights for cell in own for weights in cell.values()]
    slopes = iter(torch.autograd.grad(loss(own), every, allow_unused=True, materialize_grads=True))
    return [{group: next(slopes) for group in cell} for cell in own]
