"""BOHB (Falkner et al. 2018) as NAS-Bench-201 runs it with HpBandSter: HyperBand brackets, kernel density proposals.

As there, the rung does not enter the query: an architecture that is promoted is asked, and paid for, again. The
version of NATS-Bench asks for the accuracy after as many epochs as the rung says, which the table lacks.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log

import numpy as np

from harness.methods.blackbox.density import Observations, propose
from harness.methods.blackbox.problem import Codes, Found, Ledger, Problem, Values
from harness.methods.blackbox.spec import Bohb
from harness.methods.blackbox.streams import Streams


def run(spec: Bohb, problem: Problem, seeds: Sequence[int]) -> Found:
    """Search once per seed; a run depends on its seed alone. Raises `HarnessError` as `Ledger.found`.

    All runs are in the same rung of the same bracket at any time: the schedule does not depend on the answers.
    """
    ledger = Ledger(problem, spec.budget_seconds, len(seeds))
    observations = Observations(spec, problem)
    generators = Streams(seeds, spec.name).generators
    codes = np.zeros((len(seeds), 0), dtype=np.int64)  # of the rung, [runs, size]
    signals = np.zeros((len(seeds), 0))
    for iteration in range(spec.n_iters):
        for position, (size, budget) in enumerate(bracket(spec, iteration)):
            codes = promoted(codes, signals, size) if position else np.zeros((len(seeds), size), dtype=np.int64)
            signals = np.zeros(codes.shape)
            for slot in range(size):
                if position == 0:
                    codes[:, slot] = _proposals(spec, observations, generators, ledger)
                signals[:, slot] = ledger.query(codes[:, slot])
                observations.add(budget, codes[:, slot], signals[:, slot])
        if not ledger.active.any():
            break
    return ledger.found()


def bracket(spec: Bohb, iteration: int) -> list[tuple[int, float]]:
    """Return the rungs of a bracket, as (architectures, budget): successive halving by ``eta`` (Li et al. 2018).

    The brackets take turns: the first of a turn starts widest, at the smallest budget.
    """
    # The small number keeps a ratio that is an exact power of eta from losing its last rung.
    rungs = 1 + floor(log(spec.max_budget / spec.min_budget) / log(spec.eta) + 1e-9)
    halvings = rungs - 1 - iteration % rungs
    size = rungs // (halvings + 1) * spec.eta**halvings
    return [
        (max(size // spec.eta**rung, 1), spec.max_budget / spec.eta ** (halvings - rung))
        for rung in range(halvings + 1)
    ]


def promoted(codes: Codes, signals: Values, size: int) -> Codes:
    """Keep the ``size`` architectures of highest signal per run, in their order. [runs, n] -> [runs, size]"""
    best = np.sort(np.argsort(-signals, axis=1, kind="stable")[:, :size], axis=1)
    return np.take_along_axis(codes, best, axis=1)


def _proposals(
    spec: Bohb, observations: Observations, generators: Sequence[np.random.Generator], ledger: Ledger
) -> Codes:
    """Return one architecture per run [runs]; ended runs get an arbitrary one."""
    split = observations.split()
    codes = np.zeros(len(generators), dtype=np.int64)
    for run in np.flatnonzero(ledger.active).tolist():
        generator = generators[run]
        if split is None or generator.random() < spec.random_fraction:
            codes[run] = generator.integers(observations.problem.size)
        else:
            codes[run] = propose(spec, observations.problem, split[0][run], split[1][run], generator)
    return codes
