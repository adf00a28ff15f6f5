"""Optimisers from their settings."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from harness.methods.eager import eager
from harness.methods.optimisers import Adam, ArchitectureOptimiser, ExponentiatedGradient, Sgd


class Exponentiated(torch.optim.Optimizer):
    """Multiplicative updates of rows on the simplex (GAEA, Algorithm 1)."""

    def __init__(self, parameters: Sequence[nn.Parameter], lr: float, floor: float) -> None:
        super().__init__(parameters, {"lr": lr, "floor": floor})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every parameter [rows, ops] that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    moved = (parameter * torch.exp(-group["lr"] * parameter.grad)).clamp_min(group["floor"])
                    parameter.copy_(moved / moved.sum(-1, keepdim=True))


def build_optimiser(settings: ArchitectureOptimiser, parameters: Sequence[nn.Parameter]) -> torch.optim.Optimizer:
    """Build torch's own optimiser; ``fused`` makes one call of it instead of one per tensor.

    Every parameter needs a gradient in every step: torch's fused SGD cannot handle missing ones.
    """
    found: torch.optim.Optimizer
    match settings:
        case Sgd(lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=decay):
            found = eager(torch.optim.SGD)(parameters, lr, momentum, weight_decay=decay, nesterov=nesterov, fused=True)
        case Adam(lr=lr, betas=betas, eps=eps, weight_decay=decay):
            found = eager(torch.optim.Adam)(parameters, lr, betas, eps, weight_decay=decay, fused=True)
        case ExponentiatedGradient(lr=lr, floor=floor):
            found = eager(Exponentiated)(parameters, lr, floor)
    return found


def fixed_rates(optimiser: torch.optim.Optimizer) -> None:
    """Keep learning rates in tensors that stay in place, for steps that are recorded once and replayed."""
    for group in optimiser.param_groups:
        group["lr"] = torch.as_tensor(group["lr"], dtype=torch.float32, device=group["params"][0].device)
        if "capturable" in group:
            group["capturable"] = True


def moving_rates(optimiser: torch.optim.Optimizer) -> None:
    """Undo `fixed_rates`: what an optimiser took up from a device with recorded steps."""
    for group in optimiser.param_groups:
        group["lr"] = float(group["lr"])
        if "capturable" in group:
            group["capturable"] = False


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of all groups."""
    for group in optimiser.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate
