"""What is measured of a supernet without moving anything: accuracies, and the curvature of alpha."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

TOLERANCE = 1e-3  # of an eigenvalue, relative: stop rules compare them by tens of percents


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
    """Return the largest eigenvalue of the Hessian of ``loss`` by ``parameters``, plus ``shift``, to `TOLERANCE`.

    Lanczos iterations with full orthogonalisation on Hessian-vector products, a second backward pass each: the matrix
    is never built. They end where the largest Ritz value settles, at the latest after as many as there are entries.
    """
    slopes = torch.autograd.grad(loss, parameters, create_graph=True)
    slope = torch.cat([part.flatten() for part in slopes])

    def product(vector: Tensor) -> Tensor:
        parts = torch.autograd.grad(slope, parameters, vector.to(slope), retain_graph=True)
        return torch.cat([part.flatten() for part in parts]).cpu().double()

    vector = torch.randn(len(slope), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    basis = (vector / vector.norm())[None]
    image = product(basis[0])[None]
    largest, settled = math.nan, 0
    while True:
        before, largest = largest, float(torch.linalg.eigvalsh(_symmetric(basis @ image.T))[-1])
        settled = settled + 1 if abs(largest - before) <= TOLERANCE * abs(largest) else 0
        rest = image[-1]
        for _ in range(2):  # twice is enough for rounding
            rest = rest - basis.T @ (basis @ rest)
        if settled == 2 or len(basis) == len(slope) or rest.norm() <= 1e-6 * image.norm():
            return largest + shift
        basis = torch.cat([basis, (rest / rest.norm())[None]])
        image = torch.cat([image, product(basis[-1])[None]])


def _symmetric(matrix: Tensor) -> Tensor:
    return (matrix + matrix.T) / 2
