"""Whether what a factor sets was measured to change: a factor that moves nothing explains nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.analysis.evidence import Evidence
from harness.analysis.outcomes import Outcome
from harness.spaces.operations import of_kind
from harness.suite.schema import Suite


@dataclass(frozen=True)
class Check:
    """What is measured of a table's searches, and the levels of a factor in the order that it must rise by."""

    factor: str
    table: str
    text: str
    measure: Callable[[Outcome], float]
    rising: tuple[str, ...]


@dataclass(frozen=True)
class Checked:
    """A check with the means of its levels [rising], of so many trials; ``holds``: None without trials of each."""

    check: Check
    means: tuple[float, ...]
    trials: int

    @property
    def holds(self) -> bool | None:
        """Tell whether the means rise."""
        if any(math.isnan(mean) for mean in self.means):
            return None
        return all(a < b for a, b in zip(self.means, self.means[1:], strict=False))


def _weights(outcome: Outcome) -> Any:
    return next(iter(outcome.weights.values())).astype(np.float64)


def moved(outcome: Outcome, share: float) -> float:
    """Return how far mixing weights are from their start, in the mean, after a share of the epochs: one at least."""
    weights = _weights(outcome)
    epoch = max(1, int(share * (len(weights) - 1)))
    return float(np.abs(weights[epoch] - weights[0]).mean())


def convolutions(outcome: Outcome) -> float:
    """Return how many options of an edge convolve."""
    return float(len(of_kind("conv", outcome.groups[0].options[0])))


def first_loss(outcome: Outcome) -> float:
    """Return minus the weights' training loss of the first epoch: how fast they learn."""
    return -float(outcome.loss[1]) if len(outcome.loss) > 1 else math.nan


def last_loss(outcome: Outcome) -> float:
    """Return the weights' training loss of the last epoch."""
    return float(outcome.loss[-1]) if len(outcome.loss) > 1 else math.nan


def row_sum(outcome: Outcome) -> float:
    """Return what the mixing weights of an edge add up to at the end, in the mean."""
    return float(_weights(outcome)[-1].sum(axis=1).mean())


def sharpness(outcome: Outcome) -> float:
    """Return the largest weight of an edge as the last steps see it, in the mean; weights that sum to 1."""
    weights = _weights(outcome)[-1]
    relaxation = json.loads(outcome.setup)["search"]["relaxation"]
    logits = np.log(np.maximum(weights / weights.sum(axis=1, keepdims=True), 1e-30)) / relaxation.get("sparse", 1.0)
    seen = np.exp(logits - logits.max(axis=1, keepdims=True))
    return float((seen / seen.sum(axis=1, keepdims=True)).max(axis=1).mean())


def agreement(outcome: Outcome) -> float:
    """Return the correlation of both sides' gradients at the end, over nodes and cells, in the mean."""
    curves = [curve for name, curve in outcome.diagnostics.items() if name.startswith("gradient-correlation")]
    return float(np.mean([curve[~np.isnan(curve)][-1] for curve in curves])) if curves else math.nan


def supernet(outcome: Outcome) -> float:
    """Return the supernet's accuracy on alpha's images."""
    curve = outcome.diagnostics.get("supernet-accuracy", np.array([]))
    known = curve[~np.isnan(curve)]
    return float(known[-1]) if len(known) else math.nan


CHECKS = (
    Check("update", "core", "the supernet's accuracy on alpha's images, which the weights see too or not (%)", supernet,
          ("halves", "shared")),
    Check("update", "core-measured", "correlation of the gradients of both sides", agreement, ("shared", "joint")),
    Check("weights", "core", "minus the training loss of the first epoch", first_loss,
          ("w-exchanged", "w-small", "w-default")),
    Check("alpha", "core", "how far mixing weights move in the first epoch", lambda o: moved(o, 0.0),
          ("a-default", "a-small", "a-exchanged")),
    Check("relaxation", "around", "sum of an edge's weights at the end", row_sum, ("softmax", "sigmoid")),
    Check("relaxation", "around", "largest weight of an edge, as the last steps see it", sharpness,
          ("softmax", "sparse")),
    Check("operations", "around", "options of an edge", lambda o: float(_weights(o).shape[2]),
          ("no-none", "five", "conv-twice")),
    Check("operations", "around", "convolutions among them", convolutions,
          ("one-conv", "five", "conv-twice")),
    Check("depth", "around", "processor seconds of the search", lambda o: float(o.cpu_seconds or math.nan),
          ("shallow", "middle", "deep")),
    Check("decay", "around", "training loss of the last epoch", last_loss, ("decay-1", "decay-10")),
    Check("noise", "around", "training loss of the last epoch", last_loss, ("quiet", "noisy")),
    Check("warmup", "around", "how far mixing weights are after a third of the epochs", lambda o: moved(o, 1 / 3),
          ("half", "at-once")),
)  # fmt: skip


def check_manipulations(suite: Suite, evidence: Evidence) -> list[Checked]:
    """Measure every check of the factors that a suite's tables have."""
    return [_checked(suite, evidence, check) for check in CHECKS if check.table in suite.tables]


def _checked(suite: Suite, evidence: Evidence, check: Check) -> Checked:
    found: dict[str, list[float]] = {level: [] for level in check.rising}
    for row, settings in suite.tables[check.table].rows.items():
        level = settings.levels.get(check.factor, "")
        if level in found:
            done = evidence.done(evidence.of_row(f"{check.table}/{row}"))
            found[level] += [check.measure(outcome) for outcome in done if not outcome.embedded]
    means = tuple(float(np.nanmean(of)) if np.isfinite(of).any() else math.nan for of in found.values())
    return Checked(check, means, sum(map(len, found.values())))
