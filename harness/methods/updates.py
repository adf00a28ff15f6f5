"""Updates: which data moves what, in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Protocol

from pydantic import Field

from harness.methods.part import Part

if TYPE_CHECKING:
    from torch import Tensor


class Steps(Protocol):
    """What an update may do; ``batch`` holds image indices [B]."""

    def weight_step(self, batch: Tensor) -> None:
        """Move the weights on one batch."""

    def architecture_step(self, batch: Tensor) -> None:
        """Move the architecture on one batch."""

    def unrolled_step(self, weight_batch: Tensor, batch: Tensor) -> None:
        """Move the architecture on one batch as if the weights had moved on the other before."""

    def joint_step(self, batch: Tensor) -> None:
        """Move both on one batch, from one backward pass."""


class Alternating(Part):
    """Weights and architecture in two steps on two batches (bi-level: DARTS, Algorithm 1).

    ``unrolled``: the architecture's gradient looks one step of the weights ahead (second order, DARTS, Eq. 7 and 8);
    without, xi = 0. On ``split: shared`` data the two batches come from one set ("same subset" of Single-DARTS,
    Table 4).
    """

    name: Literal["alternating"]
    order: Literal["weights-first", "architecture-first"]
    unrolled: bool

    def step(self, search: Steps, weight_batch: Tensor, architecture_batch: Tensor) -> None:
        """Do one step of each kind."""
        if self.order == "weights-first":
            search.weight_step(weight_batch)
        if self.unrolled:
            search.unrolled_step(weight_batch, architecture_batch)
        else:
            search.architecture_step(architecture_batch)
        if self.order == "architecture-first":
            search.weight_step(weight_batch)


class Joint(Part):
    """One batch, one forward and one backward for both (single-level: Single-DARTS, Eq. 16)."""

    name: Literal["joint"]

    def step(self, search: Steps, weight_batch: Tensor, architecture_batch: Tensor) -> None:
        """Do one joint step; the architecture batch is not used."""
        search.joint_step(weight_batch)


class WeightsOnly(Part):
    """The architecture is not trained."""

    name: Literal["weights-only"]

    def step(self, search: Steps, weight_batch: Tensor, architecture_batch: Tensor) -> None:
        """Do one weight step; the architecture batch is not used."""
        search.weight_step(weight_batch)


Update = Annotated[Alternating | Joint | WeightsOnly, Field(discriminator="name")]
