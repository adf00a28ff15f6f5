"""Softmax at a temperature, its Jacobian and its entropy; all functions work along the last axis."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def softmax(logits: Array, temperature: float = 1.0) -> Array:
    """Return the mixing weights of [..., d] logits (Delve Eq. 1; SP-DARTS Eq. 9 at a temperature). -inf gives 0."""
    weights = np.exp((logits - logits.max(-1, keepdims=True)) / temperature)
    return np.asarray(weights / weights.sum(-1, keepdims=True))


def jacobian(y: Array, temperature: float = 1.0) -> Array:
    """Return dy/dx [..., d, d] at mixing weights y [..., d] (Delve Eq. 5; SP-DARTS Eq. 10). It is symmetric."""
    diagonal = y[..., :, None] * np.eye(y.shape[-1])
    return np.asarray((diagonal - y[..., :, None] * y[..., None, :]) / temperature)


def pull_back(y: Array, gradient: Array) -> Array:
    """Return dl/dx = J dl/dy (Delve Eq. 6) without forming J: y_i (dl/dy_i - sum_k y_k dl/dy_k)."""
    return np.asarray(y * (gradient - (y * gradient).sum(-1, keepdims=True)))


def entropy(y: Array) -> Array:
    """Return -sum y log y [...] in nats, 0 log 0 = 0 (one term of SP-DARTS Eq. 21)."""
    return np.asarray(-(y * np.log(np.where(y > 0, y, 1.0))).sum(-1))


def divergence(p: Array, q: Array) -> Array:
    """Return the Kullback-Leibler divergence KL(p || q) [...] in nats; q must be positive where p is."""
    ratio = np.where(p > 0, p, 1.0) / np.where(p > 0, q, 1.0)
    return np.asarray((p * np.log(ratio)).sum(-1))
