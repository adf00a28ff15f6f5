"""Single-DARTS, Eq. 8: does the gradient correlation of training and validation batches vanish?

The double sum of Eq. 8 is the inner product of two gradients of the operation's weights,
sum_jk (g_j^T g_k) (x_k^T x_j) = <sum_j g_j x_j^T, sum_k g_k x_k^T>, with g = dL/dx_bar. Of independent batches, its
expectation is the squared length of the expected gradient. It is measured on linear softmax regression.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.theory.result import Figure, Line, Measurement, check, generator, negligible, never
from harness.theory.softmax import Array, softmax

CLASSES, FEATURES, BATCH, RUNS = 5, 16, 64, 40
STEPS = 151
SHOWN = (0, 1, 2, 5, 10, 20, 40, 80, 150)
EARLY = 20  # steps that count as the early stage
RATE = 0.1


@dataclass(frozen=True)
class Batch:
    """Features [runs, batch, features] and one-hot labels [runs, batch, classes], for all runs at once."""

    features: Array
    labels: Array


def draw(random: np.random.Generator, centres: Array) -> Batch:
    """Draw a batch of Gaussian classes around centres [runs, classes, features]; equal centres carry no information."""
    runs, classes, features = centres.shape
    label = random.integers(classes, size=(runs, BATCH))
    noise = random.normal(size=(runs, BATCH, features))
    return Batch(np.take_along_axis(centres, label[..., None], axis=1) + noise, np.eye(classes)[label])


def weight_gradient(weights: Array, batch: Batch) -> Array:
    """Return (1/N) sum_j g_j x_j^T of cross-entropy, at weights [runs, classes, features] (Eq. 7, p = 1)."""
    residual = softmax(batch.features @ weights.swapaxes(1, 2)) - batch.labels
    return np.asarray(residual.swapaxes(1, 2) @ batch.features / BATCH)


def double_sum(weights: Array, first: Batch, second: Batch) -> Array:
    """Return Eq. 8's sum [runs] as printed, divided by N M: over all pairs of images."""
    g_first = softmax(first.features @ weights.swapaxes(1, 2)) - first.labels
    g_second = softmax(second.features @ weights.swapaxes(1, 2)) - second.labels
    pairs = (g_first @ g_second.swapaxes(1, 2)) * (first.features @ second.features.swapaxes(1, 2))
    return np.asarray(pairs.mean((1, 2)))


def correlations(random: np.random.Generator, separation: float) -> tuple[Array, Array]:
    """Return the correlation over SGD steps [STEPS], mean over runs: of two batches, and of a batch with itself."""
    centres = separation * random.normal(size=(RUNS, CLASSES, FEATURES))
    weights = 0.01 * random.normal(size=(RUNS, CLASSES, FEATURES))
    two_batches, one_batch = np.zeros(STEPS), np.zeros(STEPS)
    for step in range(STEPS):
        train = weight_gradient(weights, draw(random, centres))
        valid = weight_gradient(weights, draw(random, centres))
        two_batches[step] = (train * valid).sum((1, 2)).mean()
        one_batch[step] = (train * train).sum((1, 2)).mean()
        weights = weights - RATE * train
    return two_batches, one_batch


@check(
    name="single-darts-eq-8",
    paper="single-darts",
    where="Eq. 8",
    statement="Because training and validation images are independent, the double sum over their gradients and "
    "features is about 0, also early in the search.",
    note="Independent does not mean of mean zero: the expectation is the squared length of the mean gradient, which is "
    "large while there is something to learn and vanishes with random labels or at the end. A counterexample to "
    "the derivation on linear softmax regression (batch 64); it says nothing about the paper's Figure 2.",
)
def equation_8() -> Measurement:
    """Measure it relative to the same sum within one batch, with informative labels and with random ones."""
    random = generator("single-darts-eq-8")
    ratios = {}
    for label, separation in (("labels that can be learnt", 0.3), ("random labels", 0.0)):
        two, one = correlations(random, separation)
        ratios[label] = two / one
    learnt, noise = ratios.values()
    early = float(learnt[:EARLY].mean())
    return Measurement(
        negligible(early, tolerance=0.05),
        {
            f"two batches / one batch, first {EARLY} steps": early,
            "two batches / one batch, first step": float(learnt[0]),
            f"two batches / one batch, after {STEPS - 1} steps": float(learnt[-50:].mean()),
            f"two batches / one batch, random labels, first {EARLY} steps": float(noise[:EARLY].mean()),
        },
        figure=Figure(
            title="Single-DARTS, Eq. 8: gradient correlation of two batches, relative to one batch with itself",
            x_label="step",
            y_label="ratio",
            lines=tuple(Line.of(label, SHOWN, ratio[list(SHOWN)]) for label, ratio in ratios.items()),
        ),
    )


@check(
    name="single-darts-eq-16",
    paper="single-darts",
    where="Section 4.3, after Eq. 16",
    statement="With one batch for both, the correlation is positive at every step, so that dL/dp_i of learnable "
    "operations falls.",
    note="It is the squared length of the batch's weight gradient, the double sum of Section 5.2.1. The display after "
    "Eq. 16 prints the pairs of an image with itself alone, over N^2.",
)
def equation_16() -> Measurement:
    """Evaluate the double sum of one batch on random weights and data."""
    random = generator("single-darts-eq-16")
    centres = random.normal(size=(RUNS, CLASSES, FEATURES))
    batch = draw(random, centres)
    weights = random.normal(size=(RUNS, CLASSES, FEATURES))
    sums = double_sum(weights, batch, batch)
    squares = (weight_gradient(weights, batch) ** 2).sum((1, 2))
    return Measurement(
        never(int((sums <= 0).sum()) + int((np.abs(sums - squares) > 1e-9 * squares).sum())),
        {"instances": float(RUNS), "least value": float(sums.min())},
    )
