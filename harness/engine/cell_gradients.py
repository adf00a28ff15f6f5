"""Gradients of the loss by each cell's own mixing weights, which all cells of the supernet share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from harness.spaces.nb201_net import Mix, MixedCell, Supernet


def cell_gradients(net: Supernet, loss: Callable[[], Tensor]) -> Tensor:
    """Return dL/dp [cells, E, O] of the loss that a pass through the network leads to, cells in their order.

    The sum over the cells is the gradient by the shared weights.
    """
    with _own_weights(net) as weights:
        value = loss()
    return torch.stack(torch.autograd.grad(value, weights))


@contextmanager
def _own_weights(net: Supernet) -> Iterator[list[Tensor]]:
    """Give every cell a copy of the weights of its own in the next pass; yield the list that they are put in."""
    weights: list[Tensor] = []

    def replace(cell: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        assert isinstance(cell, MixedCell)
        x, mix, drops = inputs
        weights.append(mix.matrix.detach().clone().requires_grad_())
        return x, Mix(weights[-1], net.ops, cell.channels), drops

    cells = [module for module in net.modules() if isinstance(module, MixedCell)]
    hooks = [cell.register_forward_pre_hook(replace) for cell in cells]
    try:
        yield weights
    finally:
        for hook in hooks:
            hook.remove()
