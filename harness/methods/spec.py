"""The resolved specification of one search: everything that decides its outcome, and nothing else.

There are no defaults here: a scientific quantity is written in the catalogue, in a suite or in its base.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, ValidationInfo, field_validator

from harness.config import Strict
from harness.errors import HarnessError, nearest
from harness.methods.noises import Noise
from harness.methods.optimisers import ArchitectureOptimiser, Schedule, Sgd, WeightOptimiser
from harness.methods.part import Part
from harness.methods.regularisers import AuxiliarySkip, Regulariser
from harness.methods.relaxations import Relaxation
from harness.methods.updates import Update
from harness.spaces import nb201


class Nb201Space(Part):
    """The NAS-Bench-201 supernet; ``ops`` may leave operations out (Delve, Exp. 6)."""

    name: Literal["nb201"]
    channels: PositiveInt
    cells: PositiveInt
    ops: tuple[str, ...]
    conv_bias: bool = Field(description="bias of the cells' convolutions (current AutoDL: yes, older copies: no)")
    bn_statistics: Literal["running", "batch"] = Field(description="of the cells' batch norms (AutoDL BN = 1 or 0)")
    partial_channels: PositiveInt = Field(description="K: 1/K of the channels pass operations (PC-DARTS); 1: all")

    @field_validator("ops")
    @classmethod
    def _known_operations(cls, ops: tuple[str, ...]) -> tuple[str, ...]:
        for op in ops:
            if op not in nb201.OPS:
                raise ValueError(f"unknown operation {op!r}{nearest(op, nb201.OPS)}")
        if not ops or len(set(ops)) != len(ops):
            raise ValueError("must name at least one operation, each only once")
        return ops

    @field_validator("partial_channels")
    @classmethod
    def _divides(cls, partial: int, info: ValidationInfo) -> int:
        channels = info.data.get("channels", partial)
        if channels % partial:
            raise ValueError(f"must divide the {channels} channels")
        return partial


class SearchData(Part):
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

    @property
    def limit(self) -> int | None:
        """Number of training images that the search reads (a prefix of the set); None: all."""
        if self.weight_images == "all" or (self.split == "halves" and self.architecture_images == "all"):
            return None
        return self.weight_images + (int(self.architecture_images) if self.split == "halves" else 0)

    def counts(self, total: int) -> tuple[int, int]:
        """Return the sizes of both sets out of ``total`` images; raise `HarnessError` if there are too few."""
        if self.split == "shared":
            weights = total if self.weight_images == "all" else self.weight_images
            architecture, needed = weights, weights
        else:
            weights = total // 2 if self.weight_images == "all" else self.weight_images
            architecture = total - weights if self.architecture_images == "all" else self.architecture_images
            needed = max(weights, 1) + max(architecture, 1)
        if needed > total:
            raise HarnessError(f"the search needs {needed} training images, the dataset has {total}")
        return weights, architecture


class Clip(Part):
    """Clip the weights' gradient norm; AutoDL counts alpha's gradient in, the others' code does not."""

    norm: float = Field(gt=0)
    include_alpha: bool


class NormalInit(Part):
    """alpha ~ scale * N(0, 1)."""

    name: Literal["normal"]
    scale: float = Field(ge=0)


class ConstantInit(Part):
    """alpha = value."""

    name: Literal["constant"]
    value: float


SOFT = ("softmax", "mixed-temperature", "dirichlet")  # relaxations whose rows sum to 1 whatever alpha is
# Which parts work only with which others: field, its parts, other field, that one's parts. What is not here would be
# ignored without a word, or do something that no paper means.
FITS: tuple[tuple[str, tuple[str, ...], str, tuple[str | None, ...]], ...] = (
    ("update", ("alternating", "joint"), "relaxation", (*SOFT, "simplex", "sigmoid", "gumbel-hard")),
    ("weight_noise", ("random", "adversarial"), "relaxation", (*SOFT, "simplex", "uniform")),
    ("weight_noise", ("random", "adversarial"), "update", ("alternating", "weights-only")),
    ("architecture_optimiser", ("exponentiated-gradient",), "relaxation", ("simplex",)),
    ("architecture_optimiser", ("sgd", "adam"), "relaxation",
     (*SOFT, "sigmoid", "gumbel-hard", "uniform", "uniform-path")),
    ("regulariser", ("entropy",), "relaxation", ("simplex",)),
    ("regulariser", ("dirichlet-kl",), "relaxation", ("dirichlet",)),
    ("auxiliary_skip", ("auxiliary-skip",), "relaxation", (*SOFT, "simplex", "sigmoid", "uniform")),
    ("auxiliary_skip", ("auxiliary-skip",), "weight_noise", (None,)),
)  # fmt: skip


class SearchSpec(Strict):
    """One search, fully written out."""

    space: Nb201Space
    data: SearchData
    epochs: PositiveInt
    batch_size: PositiveInt
    relaxation: Relaxation
    update: Update
    alpha_init: Annotated[NormalInit | ConstantInit, Field(discriminator="name")]
    weight_optimiser: WeightOptimiser
    weight_schedule: Schedule
    weight_clip: Clip | None
    weight_noise: Noise | None
    architecture_optimiser: ArchitectureOptimiser
    architecture_schedule: Schedule
    architecture_warmup: NonNegativeInt = Field(description="epochs at the start in which only weights move")
    regulariser: Regulariser | None
    auxiliary_skip: AuxiliarySkip | None

    @field_validator(*dict.fromkeys(field for field, *_ in FITS))
    @classmethod
    def _fits(cls, part: Part | None, info: ValidationInfo) -> Part | None:
        name = getattr(part, "name", None)
        for field, names, other, allowed in FITS:
            found = getattr(info.data.get(other), "name", None)
            if field == info.field_name and name in names and other in info.data and found not in allowed:
                raise ValueError(f"{name!r} does not work with {other} {found!r}")
        return part

    @field_validator("alpha_init")
    @classmethod
    def _on_the_simplex(cls, start: NormalInit | ConstantInit, info: ValidationInfo) -> NormalInit | ConstantInit:
        if getattr(info.data.get("relaxation"), "name", None) == "simplex" and "space" in info.data:
            even = 1 / len(info.data["space"].ops)
            if not isinstance(start, ConstantInit) or not math.isclose(start.value, even):
                raise ValueError(f"relaxation 'simplex' needs a constant start at 1 / operations, here {even:.4g}")
        return start

    @field_validator("weight_optimiser")
    @classmethod
    def _looks_ahead_of_sgd(cls, optimiser: WeightOptimiser, info: ValidationInfo) -> WeightOptimiser:
        if getattr(info.data.get("update"), "unrolled", False) and not isinstance(optimiser, Sgd):
            raise ValueError(f"an unrolled update looks one step of 'sgd' ahead, not of {optimiser.name!r}")
        return optimiser

    @field_validator("auxiliary_skip")
    @classmethod
    def _has_a_skip(cls, extra: AuxiliarySkip | None, info: ValidationInfo) -> AuxiliarySkip | None:
        skip = nb201.OPS[nb201.SKIP]
        if extra is not None and "space" in info.data and skip not in info.data["space"].ops:
            raise ValueError(f"{extra.name!r} needs the operation {skip!r}")
        return extra
