"""REINFORCE on one categorical distribution per edge, as NAS-Bench-201 runs it.

The reward is the query's accuracy in percent, the baseline its bias-corrected moving average (which contains the
reward itself already), the best architecture seen wins. One sample per update of Adam. The query that would pass
the budget is discarded, as for all searchers; the official code still counts it, one in about a hundred.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.methods.blackbox.problem import Codes, Found, Ledger, Problem, Values
from harness.methods.blackbox.spec import Reinforce
from harness.methods.blackbox.streams import Streams


def run(spec: Reinforce, problem: Problem, seeds: Sequence[int]) -> Found:
    """Search once per seed; a run depends on its seed alone. Raises `HarnessError` as `Ledger.found`."""
    ledger = Ledger(problem, spec.budget_seconds, len(seeds))
    streams = Streams(seeds, spec.name)
    logits = spec.init_scale * streams.normal(*problem.group.shape)
    draws = streams.uniform(problem.group.shape[0])
    adam = Adam(spec, logits.shape)
    average, weight = np.zeros(len(seeds)), 0.0
    while ledger.active.any():
        policy = softmax(logits)
        actions = sample(policy, next(draws))
        reward = ledger.query(actions @ problem.places)
        average = spec.baseline_decay * average + (1 - spec.baseline_decay) * reward
        weight = spec.baseline_decay * weight + (1 - spec.baseline_decay)
        logits = logits - adam.step(gradient(policy, actions, reward - average / weight))
    return ledger.found()


def softmax(logits: Values) -> Values:
    """Return probabilities over the last axis."""
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: Values = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return probabilities


def sample(policy: Values, uniform: Values) -> Codes:
    """Draw an operation per edge [runs, 6] from probabilities [runs, 6, 5], by numbers in [0, 1) [runs, 6]."""
    passed = uniform[..., None] >= policy.cumsum(axis=-1)
    actions: Codes = np.minimum(passed.sum(axis=-1), policy.shape[-1] - 1)  # the sum may round to below 1
    return actions


def gradient(policy: Values, actions: Codes, advantage: Values) -> Values:
    """Return the gradient of ``-advantage * sum of log policy[action]`` with respect to the logits. [runs, 6, 5]"""
    chosen = np.arange(policy.shape[-1]) == actions[..., None]
    gradient: Values = advantage[:, None, None] * (policy - chosen)
    return gradient


class Adam:
    """Adam (Kingma & Ba 2015, Algorithm 1) on an array; the runs step together, so they share its clock."""

    def __init__(self, spec: Reinforce, shape: tuple[int, ...]) -> None:
        self._spec = spec
        self._steps = 0
        self._first = np.zeros(shape)
        self._second = np.zeros(shape)

    def step(self, gradient: Values) -> Values:
        """Return what to subtract from the parameters."""
        (beta1, beta2), self._steps = self._spec.betas, self._steps + 1
        self._first = beta1 * self._first + (1 - beta1) * gradient
        self._second = beta2 * self._second + (1 - beta2) * gradient**2
        first = self._first / (1 - beta1**self._steps)
        second = self._second / (1 - beta2**self._steps)
        step: Values = self._spec.lr * first / (np.sqrt(second) + self._spec.eps)
        return step
