"""How often each blow is dealt, in the short form and in the long one."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.chaos import blows


@dataclass(frozen=True)
class Plan:
    """Numbers of rounds; 0 leaves a blow out."""

    kills: int
    two_runs: int
    saves: int
    signals: int
    closed: int
    budget_seconds: int
    pauses: int
    forced: bool
    full_disk: bool


SHORT = Plan(
    kills=3, two_runs=1, saves=40, signals=1, closed=0, budget_seconds=0, pauses=0, forced=False, full_disk=False
)  # fmt: skip
LONG = Plan(
    kills=150, two_runs=10, saves=1000, signals=6, closed=4, budget_seconds=8, pauses=6, forced=True, full_disk=True
)  # fmt: skip


def run(folder: Path, plan: Plan, seed: int, only: str | None = None) -> Iterator[tuple[str, str]]:
    """Deal all blows; yield the name of each and what happened."""
    draw = random.Random(seed)
    whole = blows.undisturbed(folder / "undisturbed")
    dealt = {
        "kills": lambda: blows.kills(folder, whole, plan.kills, draw) if plan.kills else "",
        "two runs": lambda: blows.two_runs(folder, whole, plan.two_runs) if plan.two_runs else "",
        "checkpoint race": lambda: blows.checkpoint_race(folder, plan.saves) if plan.saves else "",
        "force": lambda: blows.forced(folder, whole) if plan.forced else "",
        "full disk": lambda: blows.full_disk(folder, whole, "40K") if plan.full_disk else "",
        "fuller disk": lambda: blows.full_disk(folder, whole, "4K") if plan.full_disk else "",
        "signals": lambda: blows.signals(folder, whole, plan.signals) if plan.signals else "",
        "streams": lambda: blows.closed_streams(folder, whole, plan.closed) if plan.closed else "",
        "budget": lambda: blows.budgets(folder, whole, plan.budget_seconds) if plan.budget_seconds else "",
        "pauses": lambda: blows.pauses(folder, whole, plan.pauses, draw) if plan.pauses else "",
    }
    for name, deal in dealt.items():
        if only in (None, name) and (said := deal()):
            yield name, said
