"""DARTS-PT, Proposition 1: the mixing weights that estimate the optimal feature map with least variance.

An edge mixes a convolution's output o and its input x as theta o + (1 - theta) x to estimate m. All three are
normalised to mean 0 and variance 1, as the proposition assumes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from harness.theory.result import Measurement, check, generator, never
from harness.theory.softmax import Array, softmax

INSTANCES, FEATURES = 200, 256
EXACT = 1e-5  # what the numerical minimiser may be off


@dataclass(frozen=True)
class Moments:
    """Var(o - m), Var(x - m) and Cov(o - m, x - m) of one edge."""

    conv: float
    skip: float
    covariance: float


def moments(optimal: Array, conv: Array, skip: Array) -> Moments:
    """Measure the moments of feature maps of shape [features]."""
    matrix = np.cov(np.stack([conv - optimal, skip - optimal]), bias=True)
    return Moments(float(matrix[0, 0]), float(matrix[1, 1]), float(matrix[0, 1]))


def closed_form(m: Moments) -> tuple[float, float]:
    """Return theta*_conv and theta*_skip (Eq. 16, 17)."""
    conv, skip = m.skip - m.covariance, m.conv - m.covariance
    return conv / (conv + skip), skip / (conv + skip)


def logit_gap(m: Moments) -> float:
    """Return alpha*_skip - alpha*_conv (Eq. 18, 19); NaN where a logarithm's argument is not positive."""
    conv, skip = m.skip - m.covariance, m.conv - m.covariance
    return float(np.log(skip / conv)) if min(conv, skip) > 0 else float("nan")


def minimise_theta(optimal: Array, conv: Array, skip: Array) -> float:
    """Return the theta_conv that minimises Var(theta o + (1 - theta) x - m) over all reals, numerically."""
    return _minimise(lambda theta: float(np.var(theta * conv + (1 - theta) * skip - optimal)))


def minimise_gap(optimal: Array, conv: Array, skip: Array, bound: float) -> float:
    """Return the alpha_skip - alpha_conv in [-bound, bound] that minimises the variance of Eq. 2, numerically."""

    def variance(gap: float) -> float:
        theta = softmax(np.array([0.0, gap]))
        return float(np.var(theta[0] * conv + theta[1] * skip - optimal))

    return _minimise(variance, bound)


def _minimise(function: Callable[[float], float], bound: float | None = None) -> float:
    from scipy.optimize import minimize_scalar

    if bound is None:
        return float(minimize_scalar(function, tol=1e-10).x)
    return float(minimize_scalar(function, bounds=(-bound, bound), method="bounded", options={"xatol": 1e-8}).x)


def _feature_maps(name: str) -> Iterator[tuple[Array, Array, Array]]:
    """Yield random (m, o, x): mixtures of three factors, so that any two of them may be close."""
    random = generator(name)
    for _ in range(INSTANCES):
        factors = random.normal(size=(3, FEATURES))
        maps = random.uniform(size=(3, 3)) @ factors + 0.1 * random.normal(size=(3, FEATURES))
        maps = (maps - maps.mean(1, keepdims=True)) / maps.std(1, keepdims=True)
        yield maps[0], maps[1], maps[2]


@check(
    name="darts-pt-eq-16",
    paper="darts-pt",
    where="Proposition 1, Eq. 16 and 17",
    statement="theta*_conv = (Var(x - m) - Cov) / Z and theta*_skip = (Var(o - m) - Cov) / Z minimise the variance.",
    note="The Lagrangian's solution is the unconstrained one; it may lie outside of (0, 1).",
)
def optimal_weights() -> Measurement:
    """Compare with a numerical minimiser on random feature maps."""
    maps = list(_feature_maps("darts-pt-eq-16"))
    errors = [abs(minimise_theta(*one) - closed_form(moments(*one))[0]) for one in maps]
    return Measurement(
        never(sum(error > EXACT for error in errors)),
        {"instances": float(INSTANCES), "largest error": max(errors)},
    )


@check(
    name="darts-pt-eq-18",
    paper="darts-pt",
    where="Proposition 1, Eq. 18 and 19",
    statement="The optimal logits are alpha*_conv = log(Var(x - m) - Cov) + C and alpha*_skip = log(Var(o - m) - Cov) "
    "+ C.",
    note="Where Cov exceeds one of the variances, theta* leaves (0, 1), the logarithm does not exist and softmax has "
    "no minimum: the gap grows for ever. That is where x is much closer to m than o, the case of a well-trained "
    "supernet that the paper argues from; its conclusion is the stronger there.",
)
def optimal_logits() -> Measurement:
    """Compare with a numerical minimiser over logits, and count the edges that have no such optimum."""
    maps = list(_feature_maps("darts-pt-eq-18"))
    gaps = [logit_gap(moments(*one)) for one in maps]
    missing = [one for one, gap in zip(maps, gaps, strict=True) if np.isnan(gap)]
    errors = [
        abs(minimise_gap(*one, bound=abs(gap) + 2) - gap) for one, gap in zip(maps, gaps, strict=True) if gap == gap
    ]
    at_bound = sum(abs(minimise_gap(*one, bound=10.0)) > 9.9 for one in missing)
    example = moments(*missing[0])
    return Measurement(
        never(len(missing) + sum(error > 1e-3 for error in errors)),
        {
            "instances": float(INSTANCES),
            "without an optimum": float(len(missing)),
            "of these, minimised at the bound": float(at_bound),
            "largest error where there is one": max(errors),
            "one without: Var(o - m)": example.conv,
            "one without: Var(x - m)": example.skip,
            "one without: Cov": example.covariance,
        },
    )


@check(
    name="darts-pt-eq-20",
    paper="darts-pt",
    where="Proposition 1, Eq. 3 and 4 (20 and 21), 'proportional' as written",
    statement="alpha*_conv is proportional to Var(x - m) and alpha*_skip to Var(o - m).",
    note="Ratios that differ by more than 5% count. The logits are logarithms of the variances less the covariance, "
    "not multiples of the variances; even without covariance the gap is log(Var(o - m) / Var(x - m)).",
)
def proportional() -> Measurement:
    """Compare the gap of the logits with the difference of the variances, which would have a constant ratio."""
    found = [moments(*one) for one in _feature_maps("darts-pt-eq-20")]
    there = [m for m in found if not np.isnan(logit_gap(m))]
    ratios = np.array([logit_gap(m) / (m.conv - m.skip) for m in there])
    low, high = np.quantile(ratios, [0.05, 0.95])
    uncorrelated = [logit_gap(Moments(conv, 1.0, 0.0)) / (conv - 1.0) for conv in (2.0, 4.0, 8.0)]
    return Measurement(
        never(int(high / low > 1.05)),
        {
            "ratio, 5% quantile": float(low),
            "ratio, 95% quantile": float(high),
            "ratio without covariance, variances 2 and 1": uncorrelated[0],
            "ratio without covariance, variances 8 and 1": uncorrelated[2],
        },
    )


@check(
    name="darts-pt-order",
    paper="darts-pt",
    where="Section 3.2, after Proposition 1",
    statement="Skip gets the larger weight exactly where x is closer to m in variance than o is.",
    note="The covariance is the same in both, so it does not change the order. This is what the paper uses.",
)
def order() -> Measurement:
    """Compare the order of the minimiser's weights with the order of the variances."""
    wrong = 0
    for one in _feature_maps("darts-pt-order"):
        m, theta = moments(*one), minimise_theta(*one)
        wrong += int((1 - theta > theta) != (m.skip < m.conv))
    return Measurement(
        never(wrong),
        {"counterexamples": float(wrong), "instances": float(INSTANCES)},
    )


@check(
    name="darts-pt-gap-grows",
    paper="darts-pt",
    where="Section 3.2, after Proposition 1",
    statement="The closer x comes to m, the larger alpha_skip - alpha_conv.",
    note="For correlations of the errors from -0.9 to 0.9. With a positive one the gap is infinite from "
    "Var(x - m) = Cov on.",
)
def gap_grows() -> Measurement:
    """Lower Var(x - m) at fixed Var(o - m) = 1 and fixed correlation of the two errors, as far as an optimum exists."""
    wrong = total = 0
    for correlation in np.linspace(-0.9, 0.9, 19):
        deviations = np.geomspace(3, 0.01, 200)
        gaps = np.array([logit_gap(Moments(1.0, float(d**2), float(correlation * d))) for d in deviations])
        gaps = gaps[~np.isnan(gaps)]
        wrong, total = wrong + int((np.diff(gaps) <= 0).sum()), total + len(gaps) - 1
    return Measurement(
        never(wrong),
        {"counterexamples": float(wrong), "instances": float(total)},
    )
