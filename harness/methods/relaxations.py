"""Relaxations: architecture parameters alpha [edges, ops] -> mixing weights [edges, ops].

A part is its settings and its mathematics in one class. Torch is only used through the tensors handed in, so
that listing and validating stay quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from harness.methods.part import Part

if TYPE_CHECKING:
    from torch import Tensor


class Softmax(Part):
    """Mixing weights compete: softmax over the operations of each edge (DARTS, Eq. 2)."""

    name: Literal["softmax"]

    def mixing(self, alpha: Tensor) -> Tensor:
        """Return [edges, ops] weights that sum to 1 on each edge."""
        return alpha.softmax(-1)


class Sigmoid(Part):
    """Mixing weights do not compete: sigmoid of each parameter (Single-DARTS, section 4)."""

    name: Literal["sigmoid"]

    def mixing(self, alpha: Tensor) -> Tensor:
        """Return [edges, ops] weights, each in (0, 1)."""
        return alpha.sigmoid()


class Uniform(Part):
    """Mixing weights stay at 1 / ops whatever alpha is: the control without architecture search."""

    name: Literal["uniform"]

    def mixing(self, alpha: Tensor) -> Tensor:
        """Return the constant [edges, ops] weights."""
        return alpha.detach().new_full(alpha.shape, 1 / alpha.shape[-1])


Relaxation = Annotated[Softmax | Sigmoid | Uniform, Field(discriminator="name")]
