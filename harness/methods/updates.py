"""Updates: which data moves what, in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from harness.methods.bench import Bench
from harness.methods.collaborative import Collaborative
from harness.methods.controller import PolicyGradient
from harness.part import Part

if TYPE_CHECKING:
    from torch import Tensor


class _Update(Part):
    def begin(self, search: Bench) -> None:
        """Set up what the update keeps from step to step."""

    def end_epoch(self, search: Bench) -> None:
        """Do what comes after all steps of an epoch."""


class Alternating(_Update):
    """Weights and architecture in two steps on two batches (bi-level: DARTS, Algorithm 1).

    ``unrolled``: the architecture's gradient looks one step of the weights ahead (second order, DARTS, Eq. 7 and 8);
    without, xi = 0. On ``split: shared`` data the two batches come from one set ("same subset" of Single-DARTS,
    Table 4).
    """

    name: Literal["alternating"]
    order: Literal["weights-first", "architecture-first"]
    unrolled: bool

    def step(self, search: Bench, weight_batch: Tensor, architecture_batch: Tensor) -> None:
        """Do one step of each kind."""
        if self.order == "weights-first":
            search.weight_step(weight_batch)
        if self.unrolled:
            search.unrolled_step(weight_batch, architecture_batch)
        else:
            search.architecture_step(architecture_batch)
        if self.order == "architecture-first":
            search.weight_step(weight_batch)


class Joint(_Update):
    """One batch, one forward and one backward for both (single-level: Single-DARTS, Eq. 16)."""

    name: Literal["joint"]

    def step(self, search: Bench, weight_batch: Tensor, architecture_batch: Tensor) -> None:
        """Do one joint step; the architecture batch is not used."""
        search.joint_step(weight_batch)


class WeightsOnly(_Update):
    """The architecture is not trained."""

    name: Literal["weights-only"]

    def step(self, search: Bench, weight_batch: Tensor, architecture_batch: Tensor) -> None:
        """Do one weight step; the architecture batch is not used."""
        search.weight_step(weight_batch)


Update = Annotated[Alternating | Joint | WeightsOnly | PolicyGradient | Collaborative, Field(discriminator="name")]
