"""A stop rule on the measurements of others: where it would have gone back to, and what their logs have there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.data.robustdarts import LoggedSearch
from harness.methods.history import History
from harness.methods.stops import DominantEigenvalue


@dataclass(frozen=True)
class Replayed:
    """One logged search under the rule. ``epoch``: whose cell counts; ``stopped``: whether the rule was ever met.

    ``skips``: skip connections of the normal cell at that epoch; ``last_skips``: after the last.
    """

    search: LoggedSearch
    epoch: int
    stopped: bool
    skips: int
    last_skips: int


def replay(searches: Sequence[LoggedSearch], rule: DominantEigenvalue) -> list[Replayed]:
    """Apply the rule to what was logged of each search."""
    return [_replay(search, rule) for search in searches]


def _replay(search: LoggedSearch, rule: DominantEigenvalue) -> Replayed:
    count = len(search.eigenvalues)
    unknown = np.full(count, np.nan)
    epoch = rule.epoch(History((), {}, [()] * count, accuracy=unknown, eigenvalues=search.eigenvalues))
    last = count - 1
    return Replayed(search, epoch, epoch < last, int(search.skips[epoch]), int(search.skips[last]))
