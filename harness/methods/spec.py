"""The resolved specification of one search: everything that decides its outcome, and nothing else.

There are no defaults here: a scientific quantity is written in the catalogue, in a suite or in its base.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from harness.config import Strict
from harness.methods.relaxations import Relaxation
from harness.methods.updates import Update
from harness.spaces import nb201


class Nb201Space(Strict):
    """The NAS-Bench-201 supernet; ``ops`` may leave operations out (Delve, Exp. 6)."""

    name: Literal["nb201"]
    channels: PositiveInt
    cells: PositiveInt
    ops: tuple[str, ...]
    conv_bias: bool = Field(description="bias of the cells' convolutions (current AutoDL: yes, older copies: no)")
    bn_statistics: Literal["running", "batch"] = Field(description="of the cells' batch norms (AutoDL BN = 1 or 0)")

    @model_validator(mode="after")
    def _known_operations(self) -> Nb201Space:
        unknown = [op for op in self.ops if op not in nb201.OPS]
        if unknown or len(set(self.ops)) != len(self.ops) or not self.ops:
            raise ValueError(f"ops must be different names of {', '.join(nb201.OPS)}")
        return self


class SearchData(Strict):
    """Which images move the weights and which the architecture.

    ``halves``: disjoint sets, the first for the weights. ``shared``: one set for both.
    """

    split: Literal["halves", "shared"]
    weight_images: PositiveInt | Literal["all"] = Field(description="'all': everything that the split leaves")
    architecture_images: PositiveInt | Literal["all"]
    architecture_draw: Literal["pass", "with-replacement"]
    image_size: PositiveInt
    crop_padding: NonNegativeInt
    flip: bool


class Sgd(Strict):
    """Stochastic gradient descent."""

    name: Literal["sgd"]
    lr: float = Field(gt=0)
    momentum: float = Field(ge=0, lt=1)
    nesterov: bool
    weight_decay: float = Field(ge=0)


class Adam(Strict):
    """Adam with L2-coupled weight decay."""

    name: Literal["adam"]
    lr: float = Field(gt=0)
    betas: tuple[float, float]
    weight_decay: float = Field(ge=0)


Optimiser = Annotated[Sgd | Adam, Field(discriminator="name")]


class Cosine(Strict):
    """lr(e) = final + (lr - final)(1 + cos(pi e / E)) / 2, changed per epoch (AutoDL, DARTS)."""

    name: Literal["cosine"]
    final_lr: float = Field(ge=0)


class Constant(Strict):
    """The learning rate stays."""

    name: Literal["constant"]


Schedule = Annotated[Cosine | Constant, Field(discriminator="name")]


class Clip(Strict):
    """Clip the weights' gradient norm; AutoDL counts alpha's gradient in, the others do not (methods.md A4)."""

    norm: float = Field(gt=0)
    include_alpha: bool


class NormalInit(Strict):
    """alpha ~ scale * N(0, 1)."""

    name: Literal["normal"]
    scale: float = Field(ge=0)


class ConstantInit(Strict):
    """alpha = value."""

    name: Literal["constant"]
    value: float


class SearchSpec(Strict):
    """One search, fully written out."""

    space: Nb201Space
    data: SearchData
    epochs: PositiveInt
    batch_size: PositiveInt
    relaxation: Relaxation
    update: Update
    alpha_init: Annotated[NormalInit | ConstantInit, Field(discriminator="name")]
    weight_optimiser: Optimiser
    weight_schedule: Schedule
    weight_clip: Clip | None
    architecture_optimiser: Optimiser
    architecture_schedule: Schedule
