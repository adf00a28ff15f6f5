"""Settings of optimisers and learning-rate schedules."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from harness.methods.part import Part


class Sgd(Part):
    """Stochastic gradient descent."""

    name: Literal["sgd"]
    lr: float = Field(gt=0)
    momentum: float = Field(ge=0, lt=1)
    nesterov: bool
    weight_decay: float = Field(ge=0)

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Sgd:
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0")
        return self


Beta = Annotated[float, Field(ge=0, lt=1)]


class Adam(Part):
    """Adam with L2-coupled weight decay."""

    name: Literal["adam"]
    lr: float = Field(gt=0)
    betas: tuple[Beta, Beta]
    weight_decay: float = Field(ge=0)


class ExponentiatedGradient(Part):
    """alpha <- alpha exp(-lr gradient), each at least ``floor``, rows normalised to 1 (GAEA, Algorithm 1; its code)."""

    name: Literal["exponentiated-gradient"]
    lr: float = Field(gt=0)
    floor: float = Field(gt=0)


WeightOptimiser = Annotated[Sgd | Adam, Field(discriminator="name")]
ArchitectureOptimiser = Annotated[Sgd | Adam | ExponentiatedGradient, Field(discriminator="name")]


class Cosine(Part):
    """lr(e) = final + (lr - final)(1 + cos(pi e / E)) / 2, changed per epoch (AutoDL, DARTS)."""

    name: Literal["cosine"]
    final_lr: float = Field(ge=0)


class Constant(Part):
    """The learning rate stays."""

    name: Literal["constant"]


Schedule = Annotated[Cosine | Constant, Field(discriminator="name")]
