"""Delve, Eq. 4 to 10: how the softmax Jacobian changes with the mixing weight it belongs to.

The derivative of y_i y_j "with respect to y_i" needs a direction, because the weights sum to 1 and cannot move one
at a time. Two are compared: x_i moves and all weights follow (what training does), and y_i and y_j exchange
mass while the others stay (what the printed algebra does).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from harness.theory.result import Measurement, check, generator, never
from harness.theory.softmax import Array, jacobian, pull_back, softmax

STEP = 1e-5  # of central differences
EXACT = 1e-5  # what their error stays below, also near one-hot weights
SIZES = range(2, 9)
INSTANCES = 2000


def printed_slopes(y: Array) -> Array:
    """Return Eq. 9 for i = 0 at weights y [..., d]: 1 - 2 y_0, then y_j - y_0."""
    slopes = y - y[..., :1]
    slopes[..., 0] = 1 - 2 * y[..., 0]
    return slopes


def slopes_along_logit(y: Array) -> Array:
    """Return the same derivatives as x_0 alone moves: 1 - 2 y_0, then y_j (1 - 2 y_0) / (1 - y_0).

    From dy_j/dy_0 = (dy_j/dx_0) / (dy_0/dx_0) = -y_j / (1 - y_0), Eq. 4.
    """
    slopes = y * (1 - 2 * y[..., :1]) / (1 - y[..., :1])
    slopes[..., 0] = 1 - 2 * y[..., 0]
    return slopes


def measured_slopes(x: Array) -> Array:
    """Return d|dy/dx_0| / dy_0 [..., d] at logits x [..., d] as x_0 moves, by central differences."""
    move = np.zeros_like(x)
    move[..., 0] = STEP
    above, below = softmax(x + move), softmax(x - move)
    rows = np.abs(jacobian(above)[..., 0, :]) - np.abs(jacobian(below)[..., 0, :])
    return np.asarray(rows / (above[..., :1] - below[..., :1]))


def exchange_slopes(y: Array) -> Array:
    """Return d(y_0 y_j)/dy_0 for j > 0 [..., d - 1] as y_0 takes from y_j alone, by central differences."""
    first, others = y[..., :1], y[..., 1:]
    above, below = (first + STEP) * (others - STEP), (first - STEP) * (others + STEP)
    return np.asarray((above - below) / (2 * STEP))


def _logits(name: str) -> Iterator[tuple[int, Array]]:
    """Yield random logits [INSTANCES, d] for every d, from flat to nearly one-hot."""
    random = generator(name)
    for size in SIZES:
        yield size, random.normal(size=(INSTANCES, size)) * random.choice([0.1, 1.0, 3.0], size=(INSTANCES, 1))


@check(
    name="delve-eq-4-6",
    paper="delve",
    where="Eq. 4, 5, 6",
    statement="dy_j/dx_i is y_i (1 - y_i) for i = j and -y_i y_j otherwise; the Jacobian times dl/dy is dl/dx.",
    note=f"Central differences on 2 to 8 operations; an error above {EXACT:g} counts. The Jacobian is symmetric, so "
    "Eq. 6 needs no transpose.",
)
def jacobian_check() -> Measurement:
    """Compare both with central differences of softmax and of a loss that is not linear in y."""
    worst_jacobian = worst_gradient = 0.0
    for size, x in _logits("delve-eq-4-6"):
        moves = STEP * np.eye(size)
        above, below = softmax(x[:, None] + moves), softmax(x[:, None] - moves)  # [instance, i, j]
        y = softmax(x)
        worst_jacobian = max(worst_jacobian, float(np.abs(jacobian(y) - (above - below) / (2 * STEP)).max()))
        target = np.linspace(-1, 1, size)
        loss_above, loss_below = ((above - target) ** 2).sum(-1), ((below - target) ** 2).sum(-1)
        gradient = pull_back(y, 2 * (y - target))
        worst_gradient = max(worst_gradient, float(np.abs(gradient - (loss_above - loss_below) / (2 * STEP)).max()))
    off = int(worst_jacobian > EXACT) + int(worst_gradient > EXACT)
    return Measurement(
        never(off),
        {"largest error of the Jacobian": worst_jacobian, "largest error of dl/dx": worst_gradient},
    )


@check(
    name="delve-eq-7",
    paper="delve",
    where="Eq. 7",
    statement="The derivative of y_i - y_i^2 with respect to y_i is 1 - 2 y_i.",
    note="The entry depends on y_i alone, so the direction does not matter.",
)
def diagonal() -> Measurement:
    """Compare with the measured slope of the diagonal entry."""
    errors = [np.abs(measured_slopes(x) - printed_slopes(softmax(x)))[:, 0] for _, x in _logits("delve-eq-7")]
    worst = float(np.concatenate(errors).max())
    return Measurement(never(int(worst > EXACT)), {"largest error": worst})


@check(
    name="delve-eq-9",
    paper="delve",
    where="Eq. 8 and 9, off the diagonal",
    statement="As x_i moves, |dy_j/dx_i| = y_i y_j changes with y_i at the slope y_j - y_i.",
    note="The printed step holds all weights but y_i and y_j fixed: y_j alone pays. For two operations there is no "
    "other way; from three on, softmax takes from all of them and the slope is y_j (1 - 2 y_i) / (1 - y_i). The "
    "printed entries also belong to a different direction each: off the diagonal they add up to 1 - d y_i, while "
    "their sum is y_i (1 - y_i), whose slope is 1 - 2 y_i.",
)
def off_diagonal() -> Measurement:
    """Measure the slope as x_i moves and compare it with the printed one and with its sign."""
    wrong = total = opposite = 0
    worst: dict[int, float] = {}
    worst_followed = 0.0
    for size, x in _logits("delve-eq-9"):
        y = softmax(x)
        slopes, printed = measured_slopes(x)[:, 1:], printed_slopes(y)[:, 1:]
        worst_followed = max(worst_followed, float(np.abs(slopes - slopes_along_logit(y)[:, 1:]).max()))
        error = np.abs(slopes - printed)
        worst[size] = float(error.max())
        wrong, total = wrong + int((error > EXACT).sum()), total + error.size
        opposite += int(((slopes * printed < 0) & (error > EXACT)).sum())
    example = np.array([0.2, 0.5, 0.3])
    return Measurement(
        never(wrong),
        {
            "counterexamples": float(wrong),
            "entries": float(total),
            "entries with the opposite sign": float(opposite),
            "largest error for 2 operations": worst[2],
            "largest error for 3 operations": worst[3],
            "largest error of y_j (1 - 2 y_i) / (1 - y_i)": worst_followed,
            "slope of y_i y_j at y = (.2, .5, .3)": float(measured_slopes(np.log(example))[1]),
            "printed slope there": float(printed_slopes(example)[1]),
        },
    )


@check(
    name="delve-eq-9-exchange",
    paper="delve",
    where="Eq. 8 and 9, where y_i and y_j exchange mass",
    statement="The slope of y_i y_j is y_j - y_i where y_j alone gives what y_i gains.",
    note="This is the reading under which Eq. 9 is right; with two operations it is also what softmax does.",
)
def off_diagonal_exchange() -> Measurement:
    """Compare the printed slope with central differences along the exchange."""
    errors = []
    for _, x in _logits("delve-eq-9-exchange"):
        y = softmax(x)
        errors.append(np.abs(exchange_slopes(y) - printed_slopes(y)[:, 1:]).max())
    worst = float(max(errors))
    return Measurement(never(int(worst > EXACT)), {"largest error": worst})


@check(
    name="delve-eq-10",
    paper="delve",
    where="Eq. 10, 'proportional' as written",
    statement="|dy/dx_i| is proportional to y_i where y_i < 0.5 and y_i < y_j, and to 1 / y_i where y_i > 0.5.",
    note="An exponent more than 0.05 off counts. For every entry it is (1 - 2 y_i) / (1 - y_i): 1 only as y_i goes to "
    "0, 0 at one half, -1 only at two thirds, without bound towards 1. Only the direction holds.",
)
def proportional() -> Measurement:
    """Measure the exponent: d log |dy_j/dx_i| / d log y_i as x_i moves; proportional means 1, inverse means -1."""
    below, above = [], []
    for _, x in _logits("delve-eq-10"):
        y = softmax(x)
        exponents = measured_slopes(x) * y[:, :1] / np.abs(jacobian(y)[:, 0, :])
        small = (y[:, :1] < 0.5) & (y[:, :1] < y)
        small[:, 0] = y[:, 0] < 0.5
        below.append(exponents[small])
        above.append(exponents[y[:, 0] > 0.5].ravel())
    low, high = np.concatenate(below), np.concatenate(above)
    example = np.array([0.4, 0.6])
    at_example = measured_slopes(np.log(example)) * example[0] / np.abs(jacobian(example)[0])
    wrong = int((np.abs(low - 1) > 0.05).sum() + (np.abs(high + 1) > 0.05).sum())
    return Measurement(
        never(wrong),
        {
            "counterexamples": float(wrong),
            "entries": float(low.size + high.size),
            "least exponent below 0.5": float(low.min()),
            "largest exponent below 0.5": float(low.max()),
            "least exponent above 0.5": float(high.min()),
            "largest exponent above 0.5": float(high.max()),
            "exponent at y = (.4, .6), printed as 1": float(at_example[1]),
        },
    )


@check(
    name="delve-eq-10-direction",
    paper="delve",
    where="Eq. 10, 'proportional' read as rising and falling",
    statement="As x_i moves, |dy/dx_i| rises with y_i where y_i < 0.5 and y_i < y_j, and falls where y_i > 0.5.",
    note="The condition y_i < y_j comes from Eq. 9 and is not needed: below one half every entry rises.",
)
def direction() -> Measurement:
    """Count entries that move the other way."""
    wrong = also_rising = 0
    for _, x in _logits("delve-eq-10-direction"):
        y, slopes = softmax(x), measured_slopes(x)
        first = y[:, :1]
        small = (first < 0.5) & (first < y)
        wrong += int((slopes[small] < -EXACT).sum() + (slopes[y[:, 0] > 0.5] > EXACT).sum())
        also_rising += int(((first < 0.5) & (first > y) & (slopes > EXACT)).sum())
    return Measurement(
        never(wrong),
        {"counterexamples": float(wrong), "entries that rise though y_i > y_j": float(also_rising)},
    )
