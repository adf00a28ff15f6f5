"""Mixing weights of all groups at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

Mixing = dict[str, "Tensor"]  # by group the weights [rows, options], see `harness.spaces.space`


def largest(mixing: Mixing) -> Mixing:
    """Return the one-hot weights of the largest of each row; an edge that is left out, of zeros, stays so."""
    from torch.nn import functional as F

    return {
        group: F.one_hot(weights.argmax(-1), weights.shape[-1]).to(weights) * (weights != 0).any(-1, keepdim=True)
        for group, weights in mixing.items()
    }
