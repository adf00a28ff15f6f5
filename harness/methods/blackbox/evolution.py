"""Regularised (ageing) evolution: Real et al. 2019, Algorithm 1, as NAS-Bench-201 runs it.

The tournament is drawn with replacement; the number of cycles is ruled by the budget; the child that would pass
the budget is discarded; the best architecture seen wins, dead or alive.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import numpy as np

from harness.methods.blackbox.problem import Codes, Found, Ledger, Problem, Values
from harness.methods.blackbox.spec import RegularisedEvolution
from harness.methods.blackbox.streams import Streams, pick


def run(spec: RegularisedEvolution, problem: Problem, seeds: Sequence[int]) -> Found:
    """Search once per seed; a run depends on its seed alone. Raises `HarnessError` as `Ledger.found`."""
    ledger = Ledger(problem, spec.budget_seconds, len(seeds))
    draws = Streams(seeds, spec.name).uniform(spec.sample + 3)
    population = np.empty((len(seeds), spec.population), dtype=np.int64)  # a ring: slot `birth % size`
    for slot in range(spec.population):
        population[:, slot] = pick(next(draws)[:, 0], problem.size)
        ledger.query(population[:, slot])
    for cycle in count():
        if not ledger.active.any():
            return ledger.found()
        uniform = next(draws)
        slots = (cycle + pick(uniform[:, : spec.sample], spec.population)) % spec.population  # oldest first
        rivals = np.take_along_axis(population, slots, axis=1)
        winner = problem.signal[rivals].argmax(axis=1, keepdims=True)
        child = mutate(problem, np.take_along_axis(rivals, winner, axis=1)[:, 0], uniform[:, spec.sample :])
        ledger.query(child)
        population[:, cycle % spec.population] = child
    raise AssertionError("unreachable: counts without end")


def mutate(problem: Problem, codes: Codes, uniform: Values) -> Codes:
    """Change one operation of each architecture [n], by three numbers in [0, 1) each [n, 3].

    A target node uniformly, then one of its incoming edges, then a different operation: on NAS-Bench-201 the edges'
    probabilities are 1/3, 1/6, 1/6, 1/9, 1/9, 1/9.
    """
    options = problem.group.shape[1]
    _, first, entering = np.unique(problem.group.nodes, return_index=True, return_counts=True)
    node = pick(uniform[:, 0], len(first))
    edge = first[node] + pick(uniform[:, 1], entering[node])
    place = problem.places[edge]
    old = codes // place % options
    new = (old + 1 + pick(uniform[:, 2], options - 1)) % options
    mutated: Codes = codes + (new - old) * place
    return mutated
