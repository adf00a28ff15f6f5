"""Run the searcher that a specification names."""

from __future__ import annotations

from collections.abc import Sequence

from harness.methods.blackbox import bohb, evolution, random_search, reinforce
from harness.methods.blackbox.problem import Found, Problem
from harness.methods.blackbox.spec import Bohb, RandomSearch, RegularisedEvolution, Reinforce, Searcher


def search(spec: Searcher, problem: Problem, seeds: Sequence[int]) -> Found:
    """Search once per seed, all in one go; a run depends on its seed alone.

    Raises `HarnessError` where the budget does not pay for a single query.
    """
    match spec:
        case RandomSearch():
            return random_search.run(spec, problem, seeds)
        case RegularisedEvolution():
            return evolution.run(spec, problem, seeds)
        case Reinforce():
            return reinforce.run(spec, problem, seeds)
        case Bohb():
            return bohb.run(spec, problem, seeds)
