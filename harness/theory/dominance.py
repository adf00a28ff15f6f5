"""Single-DARTS, Theorem 4.3: how many steps of gradient descent one operation needs to take the edge.

The loss is linear in x_bar, so that the scores s_k = (dL/dx_bar)^T x_k and with them the theorem's margin delta stay
what they are. Operation 0 is i*, with s_0 = 0 and every other s_k >= delta.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from harness.theory.result import Figure, Line, Measurement, check, generator, never
from harness.theory.softmax import Array, pull_back, softmax

EPSILONS = (0.5, 0.3, 0.2, 0.1, 0.05, 0.01)
EDGES = 1000
MOST_OPERATIONS = 8


@dataclass(frozen=True)
class Edges:
    """Random edges that meet the theorem's hypothesis, padded with operations of weight 0 (alpha = -inf).

    ``alpha``, ``scores``: [edges, MOST_OPERATIONS]; ``size``, ``rate``, ``margin``: [edges].
    """

    alpha: Array
    scores: Array
    size: Array
    rate: Array
    margin: Array


def printed_bound(size: Array, rate: Array, margin: Array, epsilon: float) -> Array:
    """Return Eq. 15: n ln((1 - eps) n) / (eta delta)."""
    return np.asarray(size * np.log((1 - epsilon) * size) / (rate * margin))


def kept_terms_bound(size: Array, rate: Array, margin: Array, epsilon: float) -> Array:
    """Return a bound that keeps the terms of i* (our derivation).

    With both terms kept, dp/dt >= eta delta n/(n-1) p^2 (1-p)^2 for p = p_0 under gradient flow, with equality where
    all other operations are alike. Integrated from 1/n to 1 - eps that is
    (n-1)/n [F(1-eps) - F(1/n)] / (eta delta), F(p) = 2 ln(p/(1-p)) - 1/p + 1/(1-p).
    Steps of size eta lag behind the flow while p (1 - p) still grows: by 1 + ln(n^2 / (4 (n-1))) at most, where all
    others are alike.
    """
    target = np.maximum(1 - epsilon, 1 / size)
    flow = (size - 1) / size * (_antiderivative(target) - _antiderivative(1 / size)) / (rate * margin)
    return np.asarray(flow + 1 + np.log(size**2 / (4 * (size - 1))))


def _antiderivative(p: Array) -> Array:
    return np.asarray(2 * np.log(p / (1 - p)) - 1 / p + 1 / (1 - p))


def _bounds(bound: Callable[[Array, Array, Array, float], Array], edges: Edges, epsilons: Iterable[float]) -> Array:
    """Return a bound on the steps [edges, epsilons]."""
    return np.stack([bound(edges.size, edges.rate, edges.margin, epsilon) for epsilon in epsilons], axis=1)


def steps_to(targets: tuple[float, ...], edges: Edges, limit: int = 100_000) -> Array:
    """Return the first step [edges, targets] after which p_0 >= target; NaN beyond the limit."""
    alpha = edges.alpha.copy()
    wanted = np.array(targets)
    steps = np.full((len(alpha), len(wanted)), np.nan)
    active = np.arange(len(alpha))
    for step in range(limit):
        weights = softmax(alpha[active])
        reached = weights[:, :1] >= wanted
        steps[active] = np.where(np.isnan(steps[active]) & reached, step, steps[active])
        left = ~reached.all(1)
        if not left.any():
            break
        active, weights = active[left], weights[left]
        alpha[active] -= edges.rate[active, None] * pull_back(weights, edges.scores[active])
    return steps


def random_edges(random: np.random.Generator, count: int = EDGES) -> Edges:
    """Draw edges: half start uniform, half with alpha_0 merely the largest; half have all margins equal to delta."""
    size = random.integers(2, MOST_OPERATIONS + 1, size=count)
    there = np.arange(MOST_OPERATIONS) < size[:, None]
    alpha = np.where(random.random((count, 1)) < 0.5, 0.0, random.normal(size=there.shape))
    alpha[:, 0] = np.where(there, alpha, -np.inf).max(1)
    margin = random.uniform(0.5, 2.0, size=count)
    extra = np.where(random.random((count, 1)) < 0.5, 0.0, random.exponential(size=there.shape))
    extra[:, 1] = 0.0
    scores = margin[:, None] * (1 + extra)
    scores[:, 0] = 0.0
    rate = random.choice([0.1, 0.3, 1.0], size=count)
    return Edges(np.where(there, alpha, -np.inf), scores, size.astype(float), rate, margin)


def alike_edges(sizes: list[int], rate: float = 0.1, margin: float = 1.0) -> Edges:
    """Return one edge per size that starts uniform and has all margins equal: the slowest case."""
    there = np.arange(MOST_OPERATIONS) < np.array(sizes)[:, None]
    scores = np.full(there.shape, margin)
    scores[:, 0] = 0.0
    ones = np.ones(len(sizes))
    return Edges(np.where(there, 0.0, -np.inf), scores, np.array(sizes, dtype=float), rate * ones, margin * ones)


@check(
    name="single-darts-theorem-4.3",
    paper="single-darts",
    where="Theorem 4.3, Eq. 15",
    statement="From alpha_i* at least as large as the others, gradient descent brings p_i* above 1 - eps within "
    "n ln((1 - eps) n) / (eta delta) steps.",
    note="As eps goes to 0 the bound stays finite while p_i* never reaches 1, so it cannot hold. The proof drops the "
    "term of i* twice: in Eq. 17, where the sum over the other weights is 1 - p_i* and not 1, and in Eq. 19, "
    "where its own exponential is 1. Kept, the steps grow like 1/eps.",
)
def theorem_4_3() -> Measurement:
    """Run gradient descent on random edges and count those that take longer, the bound rounded up."""
    edges = random_edges(generator("single-darts-theorem-4.3"))
    steps = steps_to(tuple(1 - e for e in EPSILONS), edges)
    bounds = _bounds(printed_bound, edges, EPSILONS)
    later = steps > np.ceil(np.maximum(bounds, 0))
    pair = alike_edges([2])
    return Measurement(
        never(int(later.sum())),
        {
            "counterexamples": float(later.sum()),
            "instances": float(later.size),
            **{f"share later at eps {e:g}": float(later[:, k].mean()) for k, e in enumerate(EPSILONS)},
            "steps for n = 2, eta = 0.1, delta = 1, eps = 0.1": float(steps_to((0.9,), pair)[0, 0]),
            "bound for n = 2, eta = 0.1, delta = 1, eps = 0.1": float(_bounds(printed_bound, pair, (0.1,))[0, 0]),
        },
        figure=convergence_figure(),
    )


@check(
    name="single-darts-eq-17",
    paper="single-darts",
    where="Appendix C, Eq. 17",
    statement="The gradients of i* and of any other operation differ by at least p_i* delta, so by delta / n.",
    note="The sum over j holds the term j = i*, which is 0: it is at least (1 - p_i*) delta. So the difference is at "
    "least p_i* (1 - p_i* + p_i) delta, which vanishes as p_i* goes to 1.",
)
def equation_17() -> Measurement:
    """Measure the difference on random edges, against the printed bound and against the one with the term kept."""
    edges = random_edges(generator("single-darts-eq-17"), count=20_000)
    there = np.isfinite(edges.alpha)
    weights = softmax(edges.alpha)
    gradients = pull_back(weights, edges.scores)
    difference = np.where(there, gradients - gradients[:, :1], np.inf)[:, 1:]
    own, margin = weights[:, :1], edges.margin[:, None]
    below_first = int((difference < own * margin - 1e-12).sum())
    below_second = int((difference < margin / edges.size[:, None] - 1e-12).sum())
    kept = own * (1 - own + weights[:, 1:]) * margin
    example = pull_back(np.array([0.9, 0.1]), np.array([0.0, 1.0]))
    return Measurement(
        never(below_first + below_second),
        {
            "comparisons": float(there[:, 1:].sum()),
            "below p_i* delta": float(below_first),
            "below delta / n": float(below_second),
            "below p_i* (1 - p_i* + p_i) delta": float((difference < kept - 1e-12).sum()),
            "difference at p = (.9, .1), delta = 1": float(example[1] - example[0]),
            "p_i* delta there": 0.9,
        },
    )


@check(
    name="single-darts-eq-19",
    paper="single-darts",
    where="Appendix C, Eq. 19",
    statement="alpha_i* - alpha_i >= ln((1 - eps) n) for all other i gives p_i* >= 1 - eps.",
    note="The printed sum gives i* itself the weight 1 / ((1 - eps) n) of the others; it has weight 1. What follows is "
    "p_i* >= (1 - eps) n / ((1 - eps) n + n - 1), about one half for small eps.",
)
def equation_19() -> Measurement:
    """Evaluate p_i* where all gaps are just that large."""
    gaps = [(size, e) for size in range(2, MOST_OPERATIONS + 1) for e in EPSILONS if (1 - e) * size > 1]
    reached = {(size, e): 1 / (1 + (size - 1) / ((1 - e) * size)) for size, e in gaps}
    wrong = sum(p < 1 - e - 1e-12 for (_, e), p in reached.items())
    return Measurement(
        never(wrong),
        {
            "counterexamples": float(wrong),
            "instances": float(len(reached)),
            "p_i* for n = 5, eps = 0.1": reached[5, 0.1],
            "p_i* for n = 8, eps = 0.01": reached[8, 0.01],
        },
    )


@check(
    name="single-darts-theorem-4.3-kept-terms",
    paper="single-darts",
    where="Theorem 4.3, with the terms of i* kept (our derivation)",
    statement="p_i* reaches 1 - eps within (n-1)/n [F(1-eps) - F(1/n)] / (eta delta) steps and a lag of "
    "1 + ln(n^2 / (4(n-1))), F(p) = 2 ln(p/(1-p)) - 1/p + 1/(1-p).",
    note="The slowest edge starts uniform and has equal margins; on it the bound is met.",
)
def kept_terms() -> Measurement:
    """Run gradient descent on random edges and on the slowest ones, against the bound with all terms."""
    worst = 0.0
    later = total = 0
    for edges in (random_edges(generator("single-darts-theorem-4.3-kept-terms")), alike_edges(list(range(2, 9)))):
        steps = steps_to(tuple(1 - e for e in EPSILONS), edges)
        bounds = _bounds(kept_terms_bound, edges, EPSILONS)
        later, total = later + int((steps > np.ceil(bounds)).sum()), total + steps.size
        worst = max(worst, float((steps / bounds).max()))
    return Measurement(
        never(later),
        {"counterexamples": float(later), "instances": float(total), "largest ratio of steps to bound": worst},
    )


@check(
    name="single-darts-theorem-4.3-trend",
    paper="single-darts",
    where="Section 4.2, after Theorem 4.3",
    statement="Fewer operations, a larger margin and a larger learning rate make one operation take the edge earlier.",
    note="What the paper concludes from its bound holds, although the bound does not.",
)
def trend() -> Measurement:
    """Count pairs of neighbouring settings where the steps do not go the way stated, on the slowest edges."""
    targets = tuple(1 - e for e in EPSILONS)
    by_size = steps_to(targets, alike_edges(list(range(2, 9))))
    by_rate = np.concatenate([steps_to(targets, alike_edges([5], rate=r)) for r in (0.05, 0.1, 0.2, 0.4)])
    by_margin = np.concatenate([steps_to(targets, alike_edges([5], margin=m)) for m in (0.5, 1.0, 2.0, 4.0)])
    wrong = int((np.diff(by_size, axis=0) <= 0).sum())
    wrong += int((np.diff(by_rate, axis=0) >= 0).sum() + (np.diff(by_margin, axis=0) >= 0).sum())
    return Measurement(
        never(wrong),
        {
            "counterexamples": float(wrong),
            "steps to 0.9 for n = 2": float(by_size[0, 3]),
            "steps to 0.9 for n = 8": float(by_size[-1, 3]),
            "steps to 0.9 at rate 0.05": float(by_rate[0, 3]),
            "steps to 0.9 at rate 0.4": float(by_rate[-1, 3]),
        },
    )


def convergence_figure() -> Figure:
    """Return the simulated steps to p = 1 - eps of the slowest edges, the printed bound and the one with all terms."""
    epsilons = np.geomspace(0.4, 0.005, 24)
    sizes = [2, 5, 8]
    edges = alike_edges(sizes)
    steps = {
        "simulated": steps_to(tuple(1 - epsilons), edges),
        "Eq. 15": _bounds(printed_bound, edges, epsilons),
        "all terms kept": _bounds(kept_terms_bound, edges, epsilons),
    }
    return Figure(
        title="Single-DARTS, Theorem 4.3: steps until one operation holds 1 - eps (eta = 0.1, delta = 1)",
        x_label="eps",
        y_label="steps",
        lines=tuple(
            Line.of(f"{size} operations: {label}", epsilons, values[row])
            for row, size in enumerate(sizes)
            for label, values in steps.items()
        ),
        x_scale="log",
        y_scale="log",
    )
