"""The second-order gradient of DARTS: the architecture's loss after one more step of the weights.

The published radius of its finite difference is wide for a network of ReLUs: so many of them flip within it that the
difference is off by about twice the second-order term itself (measured at C = 4 to 16, N = 1 and 2, in float64). At
radii that no flip falls into it is exact. The published radius is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

RADIUS = 0.01  # of the finite difference, over the norm of the direction (DARTS, section 2.3)


def unrolled_gradient(
    loss: Callable[[bool], Tensor],
    weights: Sequence[nn.Parameter],
    alphas: Sequence[nn.Parameter],
    optimiser: torch.optim.Optimizer,
) -> list[Tensor]:
    """Return d L_valid(w - xi dw, alpha) / d alpha, one tensor per alpha (DARTS, Eq. 7).

    ``loss(True)`` is the training loss at the present weights and alphas, ``loss(False)`` the validation loss. The
    virtual step uses the optimiser's learning rate xi, momentum buffers and weight decay. Its Jacobian is the
    central difference of Eq. 8: xi (d L_train(w+) / d alpha - d L_train(w-) / d alpha) / (2 epsilon).
    """
    group = optimiser.param_groups[0]
    rate, momentum, decay = group["lr"], group["momentum"], group["weight_decay"]
    originals = [w.detach().clone() for w in weights]
    slopes = torch.autograd.grad(loss(True), weights, allow_unused=True)
    with torch.no_grad():
        for weight, slope in zip(weights, slopes, strict=True):
            buffer = optimiser.state[weight].get("momentum_buffer")
            step = decay * weight + (0 if slope is None else slope)
            weight.sub_(rate * (step if buffer is None else step + momentum * buffer))
    gradients = torch.autograd.grad(loss(False), [*alphas, *weights], allow_unused=True)
    direct, vector = gradients[: len(alphas)], gradients[len(alphas) :]
    norm = torch.stack([v.norm() for v in vector if v is not None]).norm()
    radius = RADIUS / norm
    sides = []
    for sign in (1.0, -1.0):
        with torch.no_grad():
            for weight, original, v in zip(weights, originals, vector, strict=True):
                weight.copy_(original if v is None else original + sign * radius * v)
        sides.append(torch.autograd.grad(loss(True), alphas))
    with torch.no_grad():
        for weight, original in zip(weights, originals, strict=True):
            weight.copy_(original)
        return [
            (torch.zeros_like(a) if d is None else d) - rate * (plus - minus) / (2 * radius)
            for a, d, plus, minus in zip(alphas, direct, *sides, strict=True)
        ]
