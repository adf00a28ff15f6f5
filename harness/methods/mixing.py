"""Mixing weights of all groups at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from harness.spaces.space import Group

Mixing = dict[str, "Tensor"]  # by group the weights [rows, options], see `harness.spaces.space`


def hot(decided: Tensor, group: Group, width: int | None = None) -> Tensor:
    """Return integers [..., width]: 1 for the options of decisions [...], see `Group.choices`, 0 for the others.

    ``width``: more columns than options, if any.
    """
    import torch
    from torch.nn import functional as F

    options = torch.tensor(group.choices, device=decided.device)[decided]
    return F.one_hot(options, width or group.shape[1]).sum(-2)


def largest(mixing: Mixing, groups: Iterable[Group]) -> Mixing:
    """Return the weights 1 of the largest of each row, 0 of the others; an edge that is left out stays so."""
    from torch.nn import functional as F

    found = {}
    for group in groups:
        weights = mixing[group.name]
        best = weights.argmax(-1, True) if group.take == 1 else weights.topk(group.take).indices
        one_hot = F.one_hot(best, weights.shape[-1]).sum(-2).to(weights)
        found[group.name] = one_hot * (weights != 0).any(-1, keepdim=True)
    return found
