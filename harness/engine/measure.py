"""What is measured of a supernet without moving anything: accuracies, and the curvature of alpha."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
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


def largest_eigenvalue(loss: Callable[[], Tensor], parameters: Sequence[nn.Parameter], shift: float) -> float:
    """Return the largest eigenvalue of the Hessian of ``loss`` by ``parameters``, plus ``shift``.

    Lanczos iterations (scipy) on Hessian-vector products: the matrix itself is never built.
    """
    from scipy.sparse.linalg import LinearOperator, eigsh

    slopes = torch.autograd.grad(loss(), parameters, create_graph=True)
    slope = torch.cat([s.flatten() for s in slopes])

    def product(vector: np.ndarray) -> np.ndarray:
        direction = torch.from_numpy(np.ascontiguousarray(vector, dtype=np.float64).ravel()).to(slope)
        pieces = torch.autograd.grad(slope, parameters, direction, retain_graph=True)
        return torch.cat([p.flatten() for p in pieces]).cpu().double().numpy()

    size = len(slope)
    operator = LinearOperator((size, size), matvec=product, dtype=np.float64)
    (largest,) = eigsh(operator, k=1, which="LA", v0=np.ones(size) + np.arange(size) / size, return_eigenvectors=False)
    return float(largest) + shift
