"""Delve, section 2.2: how long two logits need to return after the gradient has changed its sign."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise, product

import numpy as np

from harness.theory.result import Figure, Line, Measurement, Ruling, as_printed, check, never
from harness.theory.softmax import Array, pull_back, softmax

START = np.array([0.001, 0.001])
GRADIENT = np.array([1.0, -1.0])  # dl/dy of the first phase; the second has its negative
BACK = 1e-13  # a logit that lies this near to its start is back
RATES = (0.001, 0.01)
PRINTED = {"t2-lr-0.001": 34.0, "t2-lr-0.01": 44.0}


@dataclass(frozen=True)
class Example:
    """The example's settings, as its text reads; the last four are what the text leaves open.

    ``constant_jacobian``: take dy/dx at y = (0.5, 0.5) for ever, to see what the rest alone does.
    ``reset_buffer``: forget the momentum when the sign changes. ``count_last_before``: count the epochs that end
    before the start is reached again, without the one that reaches it.
    """

    lr: float
    momentum: float = 0.9
    reversed_after: int = 25
    constant_jacobian: bool = False
    nesterov: bool = False
    dampened: bool = False
    reset_buffer: bool = False
    count_last_before: bool = False


def epochs_to_recover(example: Example, limit: int = 5000) -> int | None:
    """Return t2, the epochs from the reversal until both logits are back at their start; None beyond ``limit``.

    The two logits move by opposite amounts, so both are back at once, and so is y at (0.5, 0.5).
    """
    x, velocity = START.copy(), np.zeros(2)
    for epoch in range(example.reversed_after + limit):
        after = epoch - example.reversed_after
        if after == 0 and example.reset_buffer:
            velocity = np.zeros(2)
        x, velocity = _step(example, x, velocity, GRADIENT if after < 0 else -GRADIENT)
        if after >= 0 and x[0] >= START[0] - BACK:
            return after if example.count_last_before else after + 1
    return None


def _step(example: Example, x: Array, velocity: Array, upstream: Array) -> tuple[Array, Array]:
    """Return x and the momentum buffer after one epoch of SGD with momentum (Eq. 6 gives the gradient)."""
    y = softmax(START if example.constant_jacobian else x)
    gradient = pull_back(y, upstream)
    velocity = example.momentum * velocity + gradient * (1 - example.momentum if example.dampened else 1)
    step = gradient + example.momentum * velocity if example.nesterov else velocity
    return x - example.lr * step, velocity


def readings() -> Iterator[Example]:
    """Yield every reading of the text: 48 of them."""
    either = (False, True)
    for nesterov, dampened, reset, last, after in product(either, either, either, either, (24, 25, 26)):
        yield Example(
            lr=RATES[0],
            reversed_after=after,
            nesterov=nesterov,
            dampened=dampened,
            reset_buffer=reset,
            count_last_before=last,
        )


def _times(example: Example) -> dict[str, float]:
    """Return t2 at both learning rates of the text; NaN where the logits do not come back."""
    times = [epochs_to_recover(replace(example, lr=lr)) for lr in RATES]
    return {f"t2-lr-{lr}": float("nan") if t is None else float(t) for lr, t in zip(RATES, times, strict=True)}


@check(
    name="delve-recovery",
    paper="delve",
    where="Section 2.2",
    statement="Two logits that a constant dl/dy drives apart for 25 epochs (SGD, momentum 0.9) need 34 epochs of "
    "the reversed dl/dy to return at learning rate 0.001 and 44 at 0.01.",
    note="The plain reading gives both numbers: the first 25 updates with dl/dy, the buffer kept, t2 the first epoch "
    "that ends at or beyond the start. The one other reading that does has Nesterov momentum and reverses "
    "after 26 updates. 'x at its start' and 'y at 0.5' are the same, and the sign convention does not matter.",
)
def recovery() -> Measurement:
    """Simulate the example by its text, and by every other reading of it."""
    plain = _times(Example(lr=RATES[0]))
    matching = sum(_times(reading) == PRINTED for reading in readings())
    return Measurement(
        as_printed(plain, PRINTED, decimals=0),
        {**plain, "readings": float(len(list(readings()))), "readings that print 34 and 44": float(matching)},
        PRINTED,
    )


@check(
    name="delve-recovery-grows",
    paper="delve",
    where="Section 2.2",
    statement="The larger the learning rate, the longer the recovery: t2 never falls as the rate grows.",
    note="Up to a rate of about 0.002 the logits stay where softmax is straight and t2 is 34 whatever the rate.",
)
def recovery_grows() -> Measurement:
    """Compare t2 at neighbouring rates of a grid."""
    times = [epochs_to_recover(Example(lr=lr)) for lr in _grid()]
    finite = [float("inf") if t is None else float(t) for t in times]
    falls = sum(b < a for a, b in pairwise(finite))
    return Measurement(
        never(falls),
        {"falls": float(falls), "t2 at the lowest rate": finite[0], "t2 at the highest rate": finite[-1]},
        figure=recovery_figure(),
    )


@check(
    name="delve-recovery-cause",
    paper="delve",
    where="Section 2.2, 'due to Eq. (10)'",
    statement="Recovery takes longer at the larger rate because dy/dx has shrunk by then (Eq. 10).",
    note="Neither cause does it alone. Without momentum the way back passes the same Jacobians as the way out, so t2 "
    "is t1 + 1 at every rate. It is the momentum, built up while dy/dx was large, that the smaller dy/dx must "
    "undo. The argument printed names the second half only.",
)
def recovery_cause() -> Measurement:
    """Take away the momentum, then the change of the Jacobian, and see which of the ten epochs stay."""
    both = _times(Example(lr=RATES[0]))
    jacobian_alone = _times(Example(lr=RATES[0], momentum=0.0))
    momentum_alone = _times(Example(lr=RATES[0], constant_jacobian=True))
    growth = {
        "growth with both": _growth(both),
        "growth without momentum": _growth(jacobian_alone),
        "growth without a changing Jacobian": _growth(momentum_alone),
    }
    share = growth["growth without momentum"] / growth["growth with both"]
    return Measurement(
        Ruling(
            "PASS" if share >= 0.5 else "DRIFT" if share > 0 else "FAIL",
            "PASS if at least half of the growth of t2 stays without momentum, DRIFT if any does",
        ),
        {**growth, "t2 without momentum": jacobian_alone["t2-lr-0.01"]},
    )


def _growth(times: dict[str, float]) -> float:
    return times["t2-lr-0.01"] - times["t2-lr-0.001"]


def _grid() -> list[float]:
    return [float(lr) for lr in np.geomspace(1e-4, 0.05, 28)]


def recovery_figure() -> Figure:
    """Return t2 over the learning rate, with momentum and without each of the two causes."""
    settings = {
        "momentum 0.9": Example(lr=0.0),
        "momentum 0.5": Example(lr=0.0, momentum=0.5),
        "no momentum": Example(lr=0.0, momentum=0.0),
        "momentum 0.9, constant Jacobian": Example(lr=0.0, constant_jacobian=True),
    }
    lines = []
    for label, setting in settings.items():
        times = [epochs_to_recover(replace(setting, lr=lr)) for lr in _grid()]
        lines.append(Line.of(label, _grid(), [float("nan") if t is None else t for t in times]))
    printed = Line.of("printed", RATES, PRINTED.values())
    return Figure(
        title="Delve, section 2.2: epochs to recover from 25 epochs of the opposite gradient",
        x_label="learning rate",
        y_label="t2, epochs",
        lines=(*lines, printed),
        x_scale="log",
        y_scale="log",
    )
