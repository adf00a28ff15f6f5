"""A run's share of a plan, where several machines do one plan between them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import HarnessError
from harness.runner.trial import Trial
from harness.text import brief


@dataclass(frozen=True)
class Shard:
    """Part ``number``, counted from 1, of ``parts``."""

    number: int
    parts: int


def parse_shard(text: str) -> Shard:
    """Read ``1/4``; raise `HarnessError`."""
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text, re.ASCII)
    shard = Shard(int(found[1]), int(found[2])) if found else Shard(0, 0)
    if not 1 <= shard.number <= shard.parts:
        raise HarnessError(f"--shard {brief(text)}: expected a part and their number, from 1/4 to 4/4")
    return shard


def share(trials: Sequence[Trial], shard: Shard) -> list[Trial]:
    """Return the trials of one part; all parts of one plan are disjoint, and together the plan.

    What belongs together stays together: a training with the trials that it follows, trials that share a supernet.
    Such bundles are dealt out in turn, in the plan's order: nothing but the plan decides, not what is done already.
    """
    bundles = _bundles(trials)
    turns = {bundle: turn for turn, bundle in enumerate(dict.fromkeys(bundles))}
    return [t for t, bundle in zip(trials, bundles, strict=True) if turns[bundle] % shard.parts == shard.number - 1]


def _bundles(trials: Sequence[Trial]) -> list[str]:
    """Name the bundle of every trial: equal names belong together."""
    above: dict[str, str] = {}

    def top(name: str) -> str:
        while (higher := above.setdefault(name, name)) != name:
            name = higher
        return name

    for trial in trials:
        for other in (trial.supernet_id, *trial.after):
            above[top(other)] = top(trial.id)
    return [top(trial.id) for trial in trials]
