"""The resolved specification of one search: everything that decides its outcome, and nothing else.

There are no defaults here, but "absent" for what came after ids were fixed (stages): a scientific quantity is written
in the catalogue, in a suite or in its base.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    NonNegativeInt,
    PositiveInt,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
)

from harness.config import Strict, deep_merge, validate
from harness.documents import dotted
from harness.errors import HarnessError
from harness.methods.composition import Composed, fit
from harness.methods.diagnostics import Diagnostic
from harness.methods.drop_path import Drops
from harness.methods.noises import Noise
from harness.methods.optimisers import ArchitectureOptimiser, Schedule, Sgd, WeightOptimiser
from harness.methods.regularisers import AuxiliarySkip, Regulariser
from harness.methods.relaxations import Relaxation, UniformPath
from harness.methods.selections import LargestWeight, Selection
from harness.methods.stages import Ended, Stage, check_stages
from harness.methods.step import Side
from harness.methods.updates import Update
from harness.part import Part
from harness.spaces.registry import AnySpace
from harness.spaces.space import Options


class SearchData(Part):
    """Which images move the weights and which the architecture.

    ``halves``: disjoint sets, the first for the weights. ``shared``: one set for both. ``test``: the training set for
    the weights, and at most ``architecture_images`` of the first half of the test set for the architecture, as
    NAS-Bench-201's code searches on CIFAR-100 (5,000, by a list of its own).

    ``architecture_draw``: a shuffled ``pass`` that ends with the epoch; every image for itself (``with-replacement``);
    or the first batch of a pass shuffled anew for every step (``first-of-pass``), which has no image twice.
    """

    split: Literal["halves", "shared", "test"]
    weight_images: PositiveInt | Literal["all"] = Field(description="'all': everything that the split leaves")
    architecture_images: PositiveInt | Literal["all"]
    architecture_draw: Literal["pass", "with-replacement", "first-of-pass"]
    image_size: PositiveInt
    crop_padding: NonNegativeInt
    flip: bool

    @field_validator("architecture_images")
    @classmethod
    def _says_how_many(cls, images: int | str, info: ValidationInfo) -> int | str:
        if images == "all" and info.data.get("split") == "test":
            raise ValueError("split 'test' needs a number of images")
        return images

    @property
    def limit(self) -> int | None:
        """Number of training images that the search reads (a prefix of the set); None: all."""
        if self.weight_images == "all" or (self.split == "halves" and self.architecture_images == "all"):
            return None
        return self.weight_images + (int(self.architecture_images) if self.split == "halves" else 0)

    def counts(self, total: int) -> tuple[int, int]:
        """Return the sizes of both sets out of ``total`` training images; raise `HarnessError` if there are too few."""
        if self.split != "halves":
            weights = total if self.weight_images == "all" else self.weight_images
            architecture, needed = weights if self.split == "shared" else int(self.architecture_images), weights
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


class UniformInit(Part):
    """alpha ~ U(-scale, scale)."""

    name: Literal["uniform"]
    scale: float = Field(ge=0)


class NormalInit(Part):
    """alpha ~ scale * N(0, 1)."""

    name: Literal["normal"]
    scale: float = Field(ge=0)


class ConstantInit(Part):
    """alpha = value."""

    name: Literal["constant"]
    value: float


class EvenInit(Part):
    """alpha = 1 / options of its group: the middle of the simplex, however many there are."""

    name: Literal["even"]


Start = NormalInit | ConstantInit | UniformInit | EvenInit


# The fields whose parts are checked against those of the fields before them.
COMPOSED = (
    "relaxation", "weight_relaxation", "update", "weight_noise", "architecture_optimiser", "regulariser",
    "auxiliary_skip", "drop_path", "select",
)  # fmt: skip


class SearchSpec(Strict):
    """One search, fully written out."""

    space: AnySpace
    data: SearchData
    epochs: PositiveInt
    batch_size: PositiveInt
    precision: Literal["float32", "bfloat16"] = Field(description="of the network; alpha and losses are float32")
    relaxation: Relaxation
    weight_relaxation: UniformPath | None = Field(description="of the weights' step, where it is another one (SETN)")
    update: Update
    alpha_init: Annotated[Start, Field(discriminator="name")]
    weight_optimiser: WeightOptimiser
    weight_schedule: Schedule
    weight_clip: Clip | None
    weight_noise: Noise | None
    architecture_optimiser: ArchitectureOptimiser
    architecture_schedule: Schedule
    architecture_warmup: NonNegativeInt = Field(description="epochs at the start in which only weights move")
    regulariser: Regulariser | None
    auxiliary_skip: AuxiliarySkip | None
    drop_path: Drops | None
    select: Selection
    diagnostics: tuple[Diagnostic, ...]
    stages: tuple[Stage, ...] = Field(default=(), description="the searches one after the other; none: it is one")

    def stage(self, number: int, before: Ended | None, seed: int) -> SearchSpec:
        """Return the search of one stage; ``before``: how the one before ended, ``seed``: of them all."""
        return self._of(self.stages[number], self.stages[number].options.options(self.space, before, seed))

    @property
    def outlines(self) -> tuple[SearchSpec, ...]:
        """Return the searches of all stages, as wide as they may become: itself where there are no stages."""
        return tuple(self._of(stage, stage.options.outline(self.space)) for stage in self.stages) or (self,)

    def _of(self, stage: Stage, options: Options) -> SearchSpec:
        plain = self.model_copy(update={"stages": ()}).model_dump()
        settings = deep_merge(plain, stage.search) | {"space": self.space.narrowed(options, stage.cells).model_dump()}
        return validate(SearchSpec, settings, lambda path, text: HarnessError(f"{dotted(path)}: {text}"))

    @model_serializer(mode="wrap")
    def _without_absent_stages(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out stages where there are none, so that the ids of searches from before there were any stay."""
        found: dict[str, Any] = plain(self)
        if not self.stages:
            found.pop("stages", None)
        return found

    @property
    def search_epochs(self) -> int:
        """Return the epochs of the search proper."""
        return self.select.search_epochs(self.epochs)

    @property
    def all_epochs(self) -> int:
        """Return the epochs with those of tuning after the search, which may be fewer, of all stages."""
        if self.stages:
            return sum(stage.all_epochs for stage in self.outlines)
        return self.search_epochs + self.select.tuning_epochs(self.space)

    def batch_size_in(self, epoch: int) -> int:
        """Return the images of a batch in an epoch, counted from 0."""
        return self.batch_size + self.select.batch_growth_by(epoch, self.epochs, self.space)

    def each(self, seed: int) -> tuple[SearchSpec, ...]:
        """Return the searches that trials of one seed do: itself, unless its selection measures part by part."""
        return tuple(self.model_copy(update={"select": select}) for select in self.select.each(self.space, seed))

    @property
    def evaluated_images(self) -> int:
        """Return how many of the architecture's first images are asked for by number."""
        return max([self.select.first_images, *self._measured("architecture")])

    @property
    def measured_weight_images(self) -> int:
        """Return how many of the weights' images are asked for by number, beside the steps."""
        return max(self._measured("weights"), default=0)

    def _measured(self, side: Side) -> list[int]:
        return [part.images for part in self.diagnostics if part.side == side and isinstance(part.images, int)]

    @property
    def supernet(self) -> SearchSpec:
        """Return the search whose supernet this one starts from: itself, unless its selection comes afterwards."""
        if not self.select.after_search:
            return self
        return self.model_copy(update={"select": LargestWeight(name="largest-weight")})

    @field_validator(*COMPOSED)
    @classmethod
    def _fits(cls, part: Composed | None, info: ValidationInfo) -> Composed | None:
        fit(str(info.field_name), part, info.data)
        return part

    @field_validator("alpha_init")
    @classmethod
    def _on_the_simplex(cls, start: Start, info: ValidationInfo) -> Start:
        relaxation = info.data.get("relaxation")
        if relaxation is not None and relaxation.on_simplex and "space" in info.data:
            even = {1 / group.shape[1] for group in info.data["space"].groups}
            constant = isinstance(start, ConstantInit) and all(math.isclose(start.value, share) for share in even)
            if not (constant or isinstance(start, EvenInit)):
                shares = " and ".join(f"{share:.4g}" for share in sorted(even))
                raise ValueError(
                    f"relaxation {relaxation.name!r} needs a constant start at 1 / operations, here {shares}"
                )
        return start

    @field_validator("weight_optimiser")
    @classmethod
    def _looks_ahead_of_sgd(cls, optimiser: WeightOptimiser, info: ValidationInfo) -> WeightOptimiser:
        update = info.data.get("update")
        if update is not None and update.looks_ahead:
            if not isinstance(optimiser, Sgd):
                raise ValueError(f"an unrolled update looks one step of 'sgd' ahead, not of {optimiser.name!r}")
            if info.data.get("weight_relaxation") is not None:
                raise ValueError("an unrolled update knows one relaxation for both sides, not a 'weight_relaxation'")
        return optimiser

    @field_validator("diagnostics")
    @classmethod
    def _measurable(cls, diagnostics: tuple[Diagnostic, ...], info: ValidationInfo) -> tuple[Diagnostic, ...]:
        if len({d.name for d in diagnostics}) != len(diagnostics):
            raise ValueError("each diagnostic only once")
        for diagnostic in diagnostics:
            fit("diagnostics", diagnostic, info.data)
        return diagnostics

    @field_validator("stages")
    @classmethod
    def _one_after_the_other(cls, stages: tuple[Stage, ...], info: ValidationInfo) -> tuple[Stage, ...]:
        if stages and len(info.data) == len(cls.model_fields) - 1:  # all others are right
            check_stages(stages, info.data["space"])
            try:
                _ = cls.model_construct(**info.data, stages=stages).outlines  # which are validated as they are made
            except HarnessError as error:
                raise ValueError(str(error)) from error
        return stages
