"""StacNAS, section 2.4.2: what two operations with the same output do to the mixing weights."""

from __future__ import annotations

import numpy as np

from harness.theory.result import Measurement, check, generator, never
from harness.theory.softmax import Array, pull_back, softmax

FEATURES, STEPS, RATE = 64, 4000, 0.5


def fit(outputs: Array, target: Array) -> Array:
    """Return the mixing weights [ops] that gradient descent on the logits finds for outputs [ops, features].

    It starts uniform and minimises the mean squared distance of the mixture to the target [features].
    """
    logits = np.zeros(len(outputs))
    for _ in range(STEPS):
        weights = softmax(logits)
        residual = weights @ outputs - target
        logits = logits - RATE * pull_back(weights, 2 * outputs @ residual / len(target))
    return softmax(logits)


@check(
    name="stacnas-eq-7",
    paper="stacnas",
    where="Section 2.4.2, Eq. 7",
    statement="Two operations with equal outputs share one degree of freedom, the sum of their weights, so that a "
    "weaker operation can come out on top.",
    note="The argument's extreme case, as printed: equal outputs. Equal starts split the weight in halves.",
)
def split_weight() -> Measurement:
    """Fit 0.6 of one output and 0.4 of another, once with the first one twice; shift weight between the twins."""
    conv, pool = generator("stacnas-eq-7").normal(size=(2, FEATURES))
    target = 0.6 * conv + 0.4 * pool
    alone, twice = fit(np.stack([conv, pool]), target), fit(np.stack([conv, conv, pool]), target)
    shifted = np.array([0.55, 0.05, 0.4]) @ np.stack([conv, conv, pool])
    change = float(np.abs(shifted - np.array([0.3, 0.3, 0.4]) @ np.stack([conv, conv, pool])).max())
    wrong = int(change > 1e-12) + int(abs(twice[:2].sum() - alone[0]) > 1e-3)
    wrong += int(not (alone.argmax() == 0 and twice.argmax() == 2))
    return Measurement(
        never(wrong),
        {
            "weight of the convolution alone": float(alone[0]),
            "weight of each of its twins": float(twice[0]),
            "weight of the pooling beside the twins": float(twice[2]),
            "change of the mixture as twins shift weight": change,
        },
    )
