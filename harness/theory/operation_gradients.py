"""Single-DARTS, Theorems 4.1 and 4.2: which operation's gradient is the smaller one.

Notation: operation k outputs x_k, the edge x_bar = sum_k p_k x_k, and s_k = (dL/dx_bar)^T x_k is dL/dp_k.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.theory.result import Figure, Line, Measurement, Ruling, check, generator, negligible, never
from harness.theory.softmax import Array, Mask, divergence, pull_back, softmax

INSTANCES = 20_000
SIZES = range(2, 9)
CLASSES, OPERATIONS = 10, 5


@dataclass(frozen=True)
class Pair:
    """Operations 0 and 1 of random edges, one entry per edge where 0 fits the label at least as well as 1.

    ``gap``: dL/dp_0 - dL/dp_1, which Theorem 4.1 wants about 0 or below. ``kl``: KL(softmax(x_bar) || softmax(x_1)).
    ``distance``: largest entry of |x_0 - x_1|.
    """

    gap: Array
    kl: Array
    distance: Array


def compare_pair(features: Array, weights: Array, label: int = 0) -> Pair:
    """Compare operations 0 and 1 under the loss of Theorem 4.1, for features [edges, operations, classes].

    ``weights``: p [edges, operations]. Edges where the theorem's Eq. 4 holds for (1, 0) are read that way round.
    """
    log_fit = np.log(softmax(features))[..., label]
    better = (log_fit[:, 0] >= log_fit[:, 1])[:, None]
    first = np.where(better, features[:, 0], features[:, 1])
    second = np.where(better, features[:, 1], features[:, 0])
    mixed = softmax((weights[..., None] * features).sum(1))
    upstream = mixed.copy()
    upstream[:, label] -= 1
    gap = (upstream * (first - second)).sum(-1)
    return Pair(gap, divergence(mixed, softmax(second)), np.abs(first - second).max(-1))


def _random_pair(random: np.random.Generator, spread: float, instances: int = INSTANCES) -> Pair:
    """Draw operations whose outputs lie ``spread`` around a common one, and mixing weights."""
    common = random.normal(size=(instances, 1, CLASSES))
    features = common + spread * random.normal(size=(instances, OPERATIONS, CLASSES))
    return compare_pair(features, random.dirichlet(np.ones(OPERATIONS), size=instances))


@check(
    name="single-darts-theorem-4.1",
    paper="single-darts",
    where="Theorem 4.1",
    statement="Where all softmax(x_k) are about that of x_bar, the operation that fits the label better has the "
    "smaller dL/dp, up to an error that goes with their divergence.",
    note="The proof's Jensen step gives gap <= (softmax(x_bar) - softmax(x_j))^T (x_i - x_j); with Pinsker's "
    "inequality that is at most sqrt(2 KL) max|x_i - x_j|, which no instance exceeds. As the divergence goes to "
    "0 the operations differ by constants only, and both sides of the theorem become equal.",
)
def theorem_4_1() -> Measurement:
    """Test the exact form behind the 'about': gap <= sqrt(2 KL) max|x_0 - x_1|, and count plain sign violations."""
    random = generator("single-darts-theorem-4.1")
    pairs = {spread: _random_pair(random, spread) for spread in (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)}
    beyond = sum(int((p.gap > np.sqrt(2 * p.kl) * p.distance + 1e-12).sum()) for p in pairs.values())
    measured = {"counterexamples": float(beyond), "instances": float(INSTANCES * len(pairs))}
    for spread in (0.01, 0.3, 3.0):
        pair = pairs[spread]
        measured[f"mean divergence at spread {spread:g}"] = float(pair.kl.mean())
        measured[f"share with the wrong sign at spread {spread:g}"] = float((pair.gap > 0).mean())
    figure = Figure(
        title="Single-DARTS, Theorem 4.1: how often the better operation has the larger gradient",
        x_label="mean KL(softmax(x_bar) || softmax(x_j))",
        y_label="share of pairs with the wrong sign",
        lines=(
            Line.of("random edges", *zip(*((p.kl.mean(), (p.gap > 0).mean()) for p in pairs.values()), strict=True)),
        ),
        x_scale="log",
    )
    return Measurement(
        never(beyond),
        measured,
        figure=figure,
    )


def normalised_divergence(random: np.random.Generator, correlation: float) -> float:
    """Return the mean KL(softmax(x_bar) || softmax(x_k)) of standard normal features that correlate pairwise."""
    common = random.normal(size=(INSTANCES, 1, CLASSES))
    own = random.normal(size=(INSTANCES, OPERATIONS, CLASSES))
    features = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own
    mixed = softmax(features.mean(1))
    return float(divergence(mixed[:, None], softmax(features)).mean())


@check(
    name="single-darts-batch-norm",
    paper="single-darts",
    where="Section 4.1, after Proof 4.1",
    statement="Batch normalisation makes every x_k and x_bar about standard normal, so that KL(p(x_bar) || p(x_k)) "
    "is about 0, as Theorem 4.1 needs.",
    note="In nats, of independent features. That two features have the same distribution over the batch does not make "
    "their softmax agree image by image, which is what the proof uses; that takes nearly equal operations.",
)
def batch_norm() -> Measurement:
    """Measure the divergence of standard normal features: independent ones, and ones that correlate."""
    random = generator("single-darts-batch-norm")
    kl = {rho: normalised_divergence(random, rho) for rho in (0.0, 0.5, 0.9, 0.99)}
    return Measurement(
        negligible(kl[0.0], tolerance=0.01),
        {f"mean divergence at correlation {rho:g}": value for rho, value in kl.items()},
    )


def logit_gradients(weights: Array, scores: Array) -> Array:
    """Return dL/dalpha = p (s - sum_k p_k s_k) [..., ops] from weights p and scores s [..., ops]."""
    return pull_back(weights, scores)


@dataclass(frozen=True)
class Comparison:
    """Random edges where alpha_1 >= alpha_0 and s_1 < s_0, Theorem 4.2's hypothesis with i = 0, j = 1.

    ``violated``: dL/dalpha_1 > dL/dalpha_0. ``better_than_average``: s_1 is at most the edge's mean score.
    """

    violated: Mask
    better_than_average: Mask


def compare_logits(random: np.random.Generator, operations: int) -> Comparison:
    """Draw logits and scores and order the first two as the hypothesis wants."""
    logits = random.normal(size=(INSTANCES, operations)) * random.choice([0.3, 1.0, 3.0], size=(INSTANCES, 1))
    scores = random.normal(size=(INSTANCES, operations))
    logits[:, :2].sort(axis=1)
    scores[:, :2] = np.sort(scores[:, :2], axis=1)[:, ::-1]
    weights = softmax(logits)
    gradients = logit_gradients(weights, scores)
    mean_score = (weights * scores).sum(-1)
    return Comparison(gradients[:, 1] > gradients[:, 0] + 1e-12, scores[:, 1] <= mean_score)


@check(
    name="single-darts-theorem-4.2",
    paper="single-darts",
    where="Theorem 4.2, proof in Appendix C",
    statement="With softmax, if operation j scores lower than i and its alpha is at least as large, then "
    "dL/dalpha_j <= dL/dalpha_i.",
    note="The proof ends at (p_i - p_j) (s_i - mean s) + p_j (s_i - s_j) and does not look at the first term, which is "
    "negative where p_i < p_j and both score above the mean. It holds for two operations.",
)
def theorem_4_2() -> Measurement:
    """Count violations on random edges of 2 to 8 operations, and work out one edge by hand."""
    random = generator("single-darts-theorem-4.2")
    shares = {size: float(compare_logits(random, size).violated.mean()) for size in SIZES}
    example = logit_gradients(np.array([0.05, 0.45, 0.5]), np.array([1.1, 1.0, 0.0]))
    return Measurement(
        never(round(sum(shares.values()) * INSTANCES)),
        {
            "counterexamples": sum(shares.values()) * INSTANCES,
            "instances": float(INSTANCES * len(SIZES)),
            "share at 2 operations": shares[2],
            "share at 3 operations": shares[3],
            "share at 8 operations": shares[8],
            "dL/dalpha_i at p = (.05, .45, .5), s = (1.1, 1, 0)": float(example[0]),
            "dL/dalpha_j at p = (.05, .45, .5), s = (1.1, 1, 0)": float(example[1]),
        },
    )


@check(
    name="single-darts-theorem-4.2-leading",
    paper="single-darts",
    where="Theorem 4.2, for a j that is better than the edge's average",
    statement="Theorem 4.2 holds where s_j is at most the weighted mean of all scores, so for the leading operation.",
    note="This is the case that the paper goes on to use ('once one operation is superior to others'): then both "
    "terms of the proof have the right sign.",
)
def theorem_4_2_leading() -> Measurement:
    """Count violations among the edges of the restricted hypothesis."""
    random = generator("single-darts-theorem-4.2-leading")
    drawn = [compare_logits(random, size) for size in SIZES]
    wrong = sum(int(np.logical_and(c.violated, c.better_than_average).sum()) for c in drawn)
    total = sum(int(c.better_than_average.sum()) for c in drawn)
    return Measurement(
        never(wrong),
        {"counterexamples": float(wrong), "instances": float(total)},
    )


@check(
    name="single-darts-sigmoid",
    paper="single-darts",
    where="Section 4.3",
    statement="With sigmoid, p_i >= p_j and s_i <= s_j may still give dL/dalpha_i >= dL/dalpha_j.",
    note="True, but no contrast to softmax, which allows it too, because Theorem 4.2 does not hold in general.",
)
def sigmoid_gradients() -> Measurement:
    """Measure how often it happens with each of the two activations."""
    random = generator("single-darts-sigmoid")
    logits = np.sort(random.normal(size=(INSTANCES, 2)), axis=1)
    scores = np.sort(random.normal(size=(INSTANCES, 2)), axis=1)[:, ::-1]
    weights = 1 / (1 + np.exp(-logits))
    gradients = weights * (1 - weights) * scores
    with_sigmoid = float((gradients[:, 1] >= gradients[:, 0]).mean())
    with_softmax = float(compare_logits(random, OPERATIONS).violated.mean())
    return Measurement(
        Ruling("PASS" if with_sigmoid else "FAIL", "PASS if it happens on any instance, FAIL if on none"),
        {"share with sigmoid": with_sigmoid, f"share with softmax, {OPERATIONS} operations": with_softmax},
    )
