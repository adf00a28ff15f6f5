"""Optimisers and learning-rate schedules from their settings."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from harness.methods.spec import Adam, Cosine, Optimiser, Schedule, Sgd


def build_optimiser(settings: Optimiser, parameters: Sequence[nn.Parameter]) -> torch.optim.Optimizer:
    """Build torch's own optimiser; ``fused`` makes one call of it instead of one per tensor."""
    match settings:
        case Sgd(lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=decay):
            return torch.optim.SGD(parameters, lr, momentum, weight_decay=decay, nesterov=nesterov, fused=True)
        case Adam(lr=lr, betas=betas, weight_decay=decay):
            return torch.optim.Adam(parameters, lr, betas, weight_decay=decay, fused=True)


def learning_rate(schedule: Schedule, start: float, epoch: int, epochs: int) -> float:
    """Return the rate of an epoch (counted from 0)."""
    match schedule:
        case Cosine(final_lr=final):
            return final + (start - final) * (1 + math.cos(math.pi * epoch / epochs)) / 2
        case _:
            return start
