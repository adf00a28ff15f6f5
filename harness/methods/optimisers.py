"""Settings of optimisers and learning-rate schedules."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt, model_validator

from harness.methods.composition import Composed
from harness.part import Part


class _Optimiser(Composed):
    """``keeps_simplex``: alpha on the simplex stays there."""

    keeps_simplex: ClassVar[bool] = False


class Sgd(_Optimiser):
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


class Adam(_Optimiser):
    """Adam with L2-coupled weight decay."""

    name: Literal["adam"]
    lr: float = Field(gt=0)
    betas: tuple[Beta, Beta]
    eps: float = Field(gt=0)
    weight_decay: float = Field(ge=0)


class ExponentiatedGradient(_Optimiser):
    """alpha <- alpha exp(-lr gradient), each at least ``floor``, rows normalised to 1 (GAEA, Algorithm 1; its code)."""

    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {"relaxation": ("on_simplex",)}
    keeps_simplex: ClassVar[bool] = True

    name: Literal["exponentiated-gradient"]
    lr: float = Field(gt=0)
    floor: float = Field(gt=0)


WeightOptimiser = Annotated[Sgd | Adam, Field(discriminator="name")]
ArchitectureOptimiser = Annotated[Sgd | Adam | ExponentiatedGradient, Field(discriminator="name")]


class Cosine(Part):
    """lr(e) = final + (lr - final)(1 + cos(pi e / T)) / 2, changed per epoch (AutoDL, DARTS).

    ``period``: T in epochs, null for the length of the search. Beyond T the rate rises again, as AutoDL's for ENAS.
    """

    name: Literal["cosine"]
    final_lr: float = Field(ge=0)
    period: PositiveInt | None

    def rate(self, lr: float, epoch: float, epochs: int) -> float:
        """Return the rate at a moment of the search, ``epoch`` with its fraction."""
        return _cosine(lr, self.final_lr, int(epoch), self.period or epochs)


class WarmupCosine(Part):
    """AutoDL's ``warmup``: a linear ramp lr e / W by step, then the cosine over T epochs, shifted by W.

    But from epoch T on the rate is ``final_lr``, ramp or not. A search of T + W epochs thus spends its last W there;
    with W > T it never leaves the ramp before (methods that freeze alpha for W epochs then never see the full rate).
    """

    name: Literal["warmup-cosine"]
    final_lr: float = Field(ge=0)
    warmup: PositiveInt
    period: PositiveInt

    def rate(self, lr: float, epoch: float, epochs: int) -> float:
        """Return the rate at a moment of the search, ``epoch`` with its fraction."""
        if epoch >= self.period:
            return self.final_lr
        if epoch < self.warmup:
            return lr * epoch / self.warmup
        return _cosine(lr, self.final_lr, int(epoch) - self.warmup, self.period)


class Constant(Part):
    """The learning rate stays."""

    name: Literal["constant"]

    def rate(self, lr: float, epoch: float, epochs: int) -> float:
        """Return ``lr``."""
        return lr


class Decay(Part):
    """lr(e) = lr factor^e, changed per epoch (DARTS on ImageNet)."""

    name: Literal["decay"]
    factor: float = Field(gt=0, le=1)

    def rate(self, lr: float, epoch: float, epochs: int) -> float:
        """Return the rate at a moment of the training, ``epoch`` with its fraction."""
        return lr * self.factor ** int(epoch)


class Linear(Part):
    """A line to 0 at ``tail`` epochs before the end, which the last ``tail`` epochs leave for a flatter one.

    lr(e) = lr (E - tail - e) / (E - tail), changed per epoch; in the last epochs lr (E - e) / ((E - tail) tail): the
    rate of the epoch before them, shared out (PC-DARTS and P-DARTS on ImageNet).
    """

    name: Literal["linear"]
    tail: PositiveInt

    def rate(self, lr: float, epoch: float, epochs: int) -> float:
        """Return the rate at a moment of the training, ``epoch`` with its fraction."""
        straight, left = max(epochs - self.tail, 1), epochs - int(epoch)
        return lr * (left - self.tail) / straight if left > self.tail else lr * left / (straight * self.tail)


Schedule = Annotated[Cosine | WarmupCosine | Constant | Decay | Linear, Field(discriminator="name")]


def _cosine(lr: float, final: float, epoch: int, period: int) -> float:
    return final + (lr - final) * (1 + math.cos(math.pi * epoch / period)) / 2
