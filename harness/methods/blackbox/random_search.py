"""Random search: architectures drawn uniformly until the budget is spent (NAS-Bench-201, section 5)."""

from __future__ import annotations

from collections.abc import Sequence

from harness.methods.blackbox.problem import Found, Ledger, Problem
from harness.methods.blackbox.spec import RandomSearch
from harness.methods.blackbox.streams import Streams, pick


def run(spec: RandomSearch, problem: Problem, seeds: Sequence[int]) -> Found:
    """Search once per seed; a run depends on its seed alone. Raises `HarnessError` as `Ledger.found`."""
    ledger = Ledger(problem, spec.budget_seconds, len(seeds))
    draws = Streams(seeds, spec.name).uniform(1)
    while ledger.active.any():
        ledger.query(pick(next(draws)[:, 0], problem.size))
    return ledger.found()
