"""Delve, Eq. 11 to 13: the two criteria that pick the epoch of an operation's peak."""

from __future__ import annotations

import numpy as np

from harness.theory.result import Measurement, Ruling, check, generator
from harness.theory.softmax import Array, softmax

TRAJECTORIES, EPOCHS, EDGES, OPERATIONS = 500, 50, 6, 5


def magnitudes(mixing: Array) -> Array:
    """Return Eq. 11: mixing weights [..., edges, ops] averaged over the edges."""
    return np.asarray(mixing.mean(-2))


def residuals(magnitude: Array) -> Array:
    """Return Eq. 13's sum for every operation: sum_j (m_i - m_j), from magnitudes [..., ops]."""
    operations = magnitude.shape[-1]
    return np.asarray(operations * magnitude - magnitude.sum(-1, keepdims=True))


def epochs_that_differ(mixing: Array) -> int:
    """Count peaks that Eq. 12 and 13 place at different epochs, for mixing [trajectories, epochs, edges, ops]."""
    magnitude = magnitudes(mixing)
    return int((magnitude.argmax(1) != residuals(magnitude).argmax(1)).sum())


@check(
    name="delve-eq-13",
    paper="delve",
    where="Eq. 12 and 13",
    statement="Eq. 13, the sum of the residuals, looks at more than the operation's own magnitude (Eq. 12), so it "
    "can stop at another epoch.",
    note="Softmax weights sum to 1 on every edge, so the magnitudes do too and Eq. 13 is M m_i - 1: the same peak. "
    "The two criteria differ only where the weights do not compete.",
)
def stop_criteria() -> Measurement:
    """Let both criteria pick the peak of every operation on random trajectories of logits."""
    random = generator("delve-eq-13")
    steps = random.normal(scale=0.2, size=(TRAJECTORIES, EPOCHS, EDGES, OPERATIONS))
    logits = steps.cumsum(1)
    with_softmax = epochs_that_differ(softmax(logits))
    with_sigmoid = epochs_that_differ(1 / (1 + np.exp(-logits)))
    return Measurement(
        Ruling(
            "PASS" if with_softmax else "FAIL",
            "PASS if the two criteria differ on a trajectory of softmax weights, FAIL if on none",
        ),
        {
            "peaks": float(TRAJECTORIES * OPERATIONS),
            "peaks that differ with softmax": float(with_softmax),
            "peaks that differ with sigmoid": float(with_sigmoid),
        },
    )
