"""Statistics over the done trials of a row; each says how many of how many."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Summary:
    """Mean and spread of ``n`` measured values out of ``planned`` trials.

    ``population_std`` divides by n (what the papers print), ``sample_std`` by n - 1; None where undefined.
    """

    n: int
    planned: int
    mean: float | None
    population_std: float | None
    sample_std: float | None

    @property
    def complete(self) -> bool:
        """Tell whether every planned trial is in the statistic."""
        return self.n == self.planned > 0

    @property
    def coverage(self) -> str:
        """Say how many of how many, as ``2 of 3``."""
        return f"{self.n} of {self.planned}"


def summarise(values: Iterable[float], planned: int) -> Summary:
    """Summarise the values of the trials that are done; ``planned`` is the number that should be there."""
    measured = list(values)
    n = len(measured)
    if n > planned:
        raise ValueError(f"{n} values from {planned} planned trials")
    return Summary(
        n=n,
        planned=planned,
        mean=statistics.fmean(measured) if n else None,
        population_std=statistics.pstdev(measured) if n else None,
        sample_std=statistics.stdev(measured) if n > 1 else None,
    )
