"""What a black-box searcher is given and what it returns, and the account of its simulated seconds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.spaces.space import Group

Codes = NDArray[np.int64]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Problem:
    """The table as the searchers see it: of a space with one group, in which every row is free.

    An architecture's *code* is its options as the digits of a number, first edge most significant. Both arrays are
    indexed by it, [options ** edges]. ``signal``: the accuracy that a query answers. ``cost``: the simulated seconds
    of that query.
    """

    signal: Values
    cost: Values
    group: Group

    def __post_init__(self) -> None:
        for name, values in (("signal", self.signal), ("cost", self.cost)):
            if values.shape != (self.size,) or not np.isfinite(values).all():
                raise HarnessError(f"the search's {name} must be {self.size} finite numbers, one per architecture")
        if (self.cost <= 0).any():
            raise HarnessError("the search's cost must be above 0 for every architecture")

    @property
    def size(self) -> int:
        """Return the number of architectures."""
        edges, options = self.group.shape
        return int(options**edges)

    @cached_property
    def places(self) -> Codes:
        """Return the value of each edge's digit. [edges]"""
        edges, options = self.group.shape
        return options ** np.arange(edges - 1, -1, -1)

    def digits(self, codes: Codes) -> Codes:
        """Return the options [..., edges] of architecture codes [...]."""
        return codes[..., None] // self.places % self.group.shape[1]


@dataclass(frozen=True)
class Found:
    """The outcome of every run, [runs] each: the code of the best, queries made, seconds spent."""

    codes: Codes
    evaluations: NDArray[np.int64]
    simulated_seconds: Values


class Ledger:
    """The account of many runs at once: each ends before the query that would pass its budget; best seen wins.

    ``active``: which runs have not ended. [runs]
    """

    def __init__(self, problem: Problem, budget_seconds: float, runs: int) -> None:
        self.active = np.ones(runs, dtype=bool)
        self._problem = problem
        self._budget = budget_seconds
        self._spent = np.zeros(runs)
        self._evaluations = np.zeros(runs, dtype=np.int64)
        self._best = np.zeros(runs, dtype=np.int64)
        self._best_signal = np.full(runs, -np.inf)

    def query(self, codes: Codes) -> Values:
        """Pay for one architecture per run [runs]; return the answers [runs], meaningless for ended runs."""
        total = self._spent + self._problem.cost[codes]
        self.active &= total <= self._budget
        np.copyto(self._spent, total, where=self.active)
        self._evaluations += self.active
        signal: Values = self._problem.signal[codes]
        better = self.active & (signal > self._best_signal)
        np.copyto(self._best, codes, where=better)
        np.copyto(self._best_signal, signal, where=better)
        return signal

    def found(self) -> Found:
        """Close the account; raise `HarnessError` where the budget did not pay for a single query."""
        if not self._evaluations.all():
            raise HarnessError(f"a budget of {self._budget:g} simulated seconds does not pay for one query")
        return Found(self._best, self._evaluations, self._spent)
