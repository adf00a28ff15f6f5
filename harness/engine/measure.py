"""What is measured of a supernet without moving anything: accuracies, and the curvature of alpha."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def batch_statistics(net: nn.Module) -> Iterator[None]:
    """Let batch norms use their batch's statistics and leave the running ones as they are."""
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta, training = [norm.momentum for norm in norms], net.training
    counts = [norm.num_batches_tracked for norm in norms if norm.num_batches_tracked is not None]
    before = [count.clone() for count in counts]
    try:
        net.train()
        for norm in norms:
            norm.momentum = 0.0
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for count, old in zip(counts, before, strict=True):
            count.copy_(old)
        net.train(training)


def correct_answers(logits: Tensor, labels: Tensor) -> Tensor:
    """Count the right ones of logits [B, classes], on their device."""
    return (logits.argmax(1) == labels).sum()


def largest_eigenvalue(loss: Tensor, parameters: Sequence[nn.Parameter], shift: float) -> float:
    """Return the largest eigenvalue of the Hessian of ``loss`` by ``parameters``, plus ``shift``.

    The whole matrix is built, a second backward pass per row: Lanczos iterations need as many for alpha's few entries,
    and fail where the loss does not depend on them.
    """
    slopes = torch.autograd.grad(loss, parameters, create_graph=True)
    slope = torch.cat([part.flatten() for part in slopes])
    rows = [torch.autograd.grad(entry, parameters, retain_graph=True) for entry in slope]
    hessian = torch.stack([torch.cat([part.flatten() for part in row]) for row in rows]).double().cpu()
    return float(torch.linalg.eigvalsh((hessian + hessian.T) / 2)[-1]) + shift
