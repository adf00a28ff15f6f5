"""One difference between two measured quantities, and what can be told of its size.

Three one-sided tests at the level `ALPHA`: is it beyond the tolerance, is it within it, is it there but within the
drift band? Each asks by Student's t with the degrees of freedom of the *smaller* sample. Welch's would count the two
scatters against each other, so that more scatter on one side could narrow an interval; here, at equal difference and
equal samples, more scatter only ever widens it, and so creates no verdict.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import special

ALPHA = 0.05
ROUND_OFF = 1e-9  # sums of printed decimals miss their value by some 1e-14; no band is that narrow


@dataclass(frozen=True)
class Difference:
    """``delta``: ours - theirs; ``error``: its standard error; ``freedom``: degrees of freedom, 0 for no knowledge."""

    delta: float
    error: float
    freedom: float

    @property
    def width(self) -> float:
        """Return half the width of the two-sided interval at 1 - 2 `ALPHA`; infinite where nothing is known."""
        if self.freedom <= 0:
            return math.inf
        return float(special.stdtrit(self.freedom, 1 - ALPHA)) * self.error if self.error else 0.0

    def beyond(self, limit: float) -> float:
        """Return the p-value against "it is no larger than ``limit``"."""
        return self._tail(abs(self.delta) - limit)

    def within(self, limit: float) -> float:
        """Return the p-value against "it is no smaller than ``limit``"."""
        return self._tail(limit - abs(self.delta))

    def between(self, low: float, high: float) -> float:
        """Return the p-value against "it is not between ``low`` and ``high``": of two tests, the weaker."""
        return max(self.beyond(low), self.within(high))

    def _tail(self, distance: float) -> float:
        if self.freedom <= 0:
            return 1.0
        if not self.error:
            return 0.0 if distance > ROUND_OFF else 1.0
        return float(special.stdtr(self.freedom, -distance / self.error))  # Student's t, at a fraction of the cost
