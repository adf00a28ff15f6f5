"""A step of a search, as relaxations, noises and regularisers see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Generator

Side = Literal["weights", "architecture"]  # whose step it is


@dataclass(frozen=True)
class Step:
    """When a part is asked: ``epoch`` counts from 0 to ``epochs`` - 1.

    ``coin``: one number in [0, 1) per step, the same for the step's weights and architecture. ``generator``: the
    relaxation's own random stream, on the host. ``tuning``: the search proper is over, its last epoch stands still.
    """

    epoch: int
    epochs: int
    coin: float
    generator: Generator
    tuning: bool = False
