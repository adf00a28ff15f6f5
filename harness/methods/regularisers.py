"""Regularisers: what is added to the architecture's loss, and what is added to the mixing weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from harness.methods.composition import Composed
from harness.methods.step import Step

if TYPE_CHECKING:
    from torch import Tensor


class DirichletDivergence(Composed):
    """DrNAS: weight * KL(Dirichlet(ELU(alpha) + 1) || Dirichlet(1)) (DrNAS, Eq. 8)."""

    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {"relaxation": ("concentrated",), "update": ("descends",)}

    name: Literal["dirichlet-kl"]
    weight: float = Field(ge=0)

    def penalty(self, alpha: Tensor) -> Tensor:
        """Return the penalty, summed over the edges of alpha [rows, options]."""
        import torch
        from torch.nn import functional as F

        concentration = F.elu(alpha) + 1
        distribution = torch.distributions.Dirichlet(concentration)
        prior = torch.distributions.Dirichlet(torch.ones_like(alpha))
        return self.weight * torch.distributions.kl_divergence(distribution, prior).sum()


class Entropy(Composed):
    """GAEA: weight * sum_e sum_o a log a of weights on the simplex, the KL to uniform up to a constant."""

    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {"relaxation": ("on_simplex",), "update": ("descends",)}

    name: Literal["entropy"]
    weight: float = Field(ge=0)

    def penalty(self, alpha: Tensor) -> Tensor:
        """Return the penalty, summed over the edges of alpha [rows, options]."""
        return self.weight * (alpha * alpha.clamp_min(1e-30).log()).sum()


Regulariser = Annotated[DirichletDivergence | Entropy, Field(discriminator="name")]


class AuxiliarySkip(Composed):
    """DARTS-: a second skip connection outside the softmax, its weight beta falling to 0 (DARTS-, Eq. 6).

    Every row of mixing weights gets it as one more column in every step; it is absent from what the trajectory records.
    beta falls linearly, (E - e) / E: 1 in the first epoch, 0 after the last.
    """

    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "relaxation": ("dense", "independent"), "update": ("plain",), "weight_noise": (), "weight_relaxation": (),
    }  # fmt: skip

    name: Literal["auxiliary-skip"]

    def check(self, others: Mapping[str, Any]) -> None:
        """Raise ValueError where the space has no place for it."""
        if "space" in others and not others["space"].carries_auxiliary:
            raise ValueError(f"{self.name!r} has no place in this space: it needs the operation 'skip_connect'")

    def beta(self, epoch: int, epochs: int) -> float:
        """Return the weight of the auxiliary connection in an epoch."""
        return (epochs - epoch) / epochs

    def apply(self, mixing: Tensor, step: Step) -> Tensor:
        """Return [rows, options + 1], beta in the last column."""
        import torch

        beta = mixing.new_full((len(mixing), 1), self.beta(step.epoch, step.epochs))
        return torch.cat([mixing, beta], -1)
