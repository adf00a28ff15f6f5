"""Updates: which data moves what, in which order."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from harness.config import Strict


class Alternating(Strict):
    """Weights and architecture in two steps on two batches (first-order bi-level: DARTS, Algorithm 1, xi = 0).

    On ``split: shared`` data the two batches come from one set ("same subset" of Single-DARTS, Table 4).
    """

    name: Literal["alternating"]
    order: Literal["weights-first", "architecture-first"]


class Joint(Strict):
    """One batch, one forward and one backward for both (single-level: Single-DARTS, Eq. 7)."""

    name: Literal["joint"]


class WeightsOnly(Strict):
    """The architecture is not trained."""

    name: Literal["weights-only"]


Update = Annotated[Alternating | Joint | WeightsOnly, Field(discriminator="name")]
