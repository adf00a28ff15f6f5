"""The resolved specification of one search: everything that decides its outcome, and nothing else.

There are no defaults here: a scientific quantity is written in the catalogue, in a suite or in its base.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, ValidationInfo, field_validator

from harness.config import Strict
from harness.errors import HarnessError, nearest
from harness.methods.diagnostics import Diagnostic, Eigenvalue
from harness.methods.drop_path import DropPath
from harness.methods.noises import Noise
from harness.methods.optimisers import ArchitectureOptimiser, Schedule, Sgd, WeightOptimiser
from harness.methods.part import Part
from harness.methods.regularisers import AuxiliarySkip, Regulariser
from harness.methods.relaxations import Relaxation, UniformPath
from harness.methods.selections import BestPath, LargestWeight, Progressive, Selection
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


Start = NormalInit | ConstantInit | UniformInit

SOFT = ("softmax", "mixed-temperature", "dirichlet")  # relaxations whose rows sum to 1 whatever alpha is
NOISES = ("random", "random-then-constant", "adversarial")
# Which parts work only with which others: field, its parts, other field, that one's parts. What is not here would be
# ignored without a word, or do something that no paper means.
FITS: tuple[tuple[str, tuple[str, ...], str, tuple[str | None, ...]], ...] = (
    ("update", ("alternating", "joint"), "relaxation",
     (*SOFT, "simplex", "sigmoid", "gumbel-hard", "edge-normalised")),
    ("update", ("policy-gradient",), "relaxation", ("controller",)),
    ("update", ("collaborative",), "relaxation", SOFT),
    ("update", ("joint", "weights-only", "policy-gradient", "collaborative"), "weight_relaxation", (None,)),
    ("drop_path", ("drop-path",), "relaxation", (*SOFT, "simplex", "sigmoid", "uniform", "edge-normalised")),
    ("drop_path", ("drop-path",), "weight_relaxation", (None,)),
    ("drop_path", ("drop-path",), "update", ("alternating", "joint", "weights-only")),
    ("select", ("progressive",), "relaxation",
     (*SOFT, "simplex", "sigmoid", "uniform", "gumbel-hard", "uniform-path")),
    ("select", ("best-path",), "relaxation",
     (*SOFT, "simplex", "uniform", "gumbel-hard", "uniform-path", "controller")),
    ("weight_noise", NOISES, "relaxation", (*SOFT, "simplex", "uniform")),
    ("weight_noise", NOISES, "update", ("alternating", "weights-only")),
    ("weight_noise", NOISES, "weight_relaxation", (None,)),
    ("architecture_optimiser", ("exponentiated-gradient",), "relaxation", ("simplex",)),
    ("architecture_optimiser", ("sgd", "adam"), "relaxation",
     (*SOFT, "sigmoid", "gumbel-hard", "uniform", "uniform-path", "edge-normalised", "controller")),
    ("regulariser", ("entropy",), "relaxation", ("simplex",)),
    ("regulariser", ("dirichlet-kl",), "relaxation", ("dirichlet",)),
    ("regulariser", ("entropy", "dirichlet-kl"), "update", ("alternating", "joint")),
    ("auxiliary_skip", ("auxiliary-skip",), "relaxation", (*SOFT, "simplex", "sigmoid", "uniform")),
    ("auxiliary_skip", ("auxiliary-skip",), "weight_noise", (None,)),
    ("auxiliary_skip", ("auxiliary-skip",), "weight_relaxation", (None,)),
    ("auxiliary_skip", ("auxiliary-skip",), "update", ("alternating", "joint", "weights-only")),
)  # fmt: skip

# Partial channels: the others bypass an edge with its weight, so that its weights must sum to it, and all be there.
WHOLE_CHANNELS = ("sigmoid", "gumbel-hard", "uniform-path", "controller", "collaborative", "best-path")
CURVED = (*SOFT, "simplex", "sigmoid", "gumbel-hard", "edge-normalised")  # whose alpha has a Hessian to measure


class SearchSpec(Strict):
    """One search, fully written out."""

    space: Nb201Space
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
    drop_path: DropPath | None
    select: Selection
    diagnostics: tuple[Diagnostic, ...]

    @property
    def search_epochs(self) -> int:
        """Return the epochs of the search proper."""
        return self.select.search_epochs(self.epochs)

    @property
    def all_epochs(self) -> int:
        """Return the epochs with those of tuning after the search."""
        return self.search_epochs + self.select.tuning_epochs(len(nb201.EDGES))

    @property
    def evaluated_images(self) -> int:
        """Return how many of the architecture's first images are asked for by number."""
        asked = [diagnostic.images for diagnostic in self.diagnostics]
        if isinstance(self.select, Progressive) and isinstance(self.select.images, int):
            asked.append(self.select.images)
        return max(asked, default=0)

    @property
    def supernet(self) -> SearchSpec:
        """Return the search whose supernet this one starts from: itself, unless its selection comes afterwards."""
        if not self.select.after_search:
            return self
        return self.model_copy(update={"select": LargestWeight(name="largest-weight")})

    @field_validator(*dict.fromkeys(field for field, *_ in FITS))
    @classmethod
    def _fits(cls, part: Part | None, info: ValidationInfo) -> Part | None:
        name = getattr(part, "name", None)
        for field, names, other, allowed in FITS:
            found = getattr(info.data.get(other), "name", None)
            if field == info.field_name and name in names and other in info.data and found not in allowed:
                raise ValueError(f"{name!r} does not work with {other} {found!r}")
        return part

    @field_validator("relaxation", "weight_relaxation", "update", "select")
    @classmethod
    def _of_whole_channels(cls, part: Part | None, info: ValidationInfo) -> Part | None:
        name = getattr(part, "name", None)
        if name in WHOLE_CHANNELS and "space" in info.data and info.data["space"].partial_channels > 1:
            raise ValueError(f"{name!r} does not work with space.partial_channels above 1")
        return part

    @field_validator("alpha_init")
    @classmethod
    def _on_the_simplex(cls, start: Start, info: ValidationInfo) -> Start:
        if getattr(info.data.get("relaxation"), "name", None) == "simplex" and "space" in info.data:
            even = 1 / len(info.data["space"].ops)
            if not isinstance(start, ConstantInit) or not math.isclose(start.value, even):
                raise ValueError(f"relaxation 'simplex' needs a constant start at 1 / operations, here {even:.4g}")
        return start

    @field_validator("weight_optimiser")
    @classmethod
    def _looks_ahead_of_sgd(cls, optimiser: WeightOptimiser, info: ValidationInfo) -> WeightOptimiser:
        if getattr(info.data.get("update"), "unrolled", False):
            if not isinstance(optimiser, Sgd):
                raise ValueError(f"an unrolled update looks one step of 'sgd' ahead, not of {optimiser.name!r}")
            if info.data.get("weight_relaxation") is not None:
                raise ValueError("an unrolled update knows one relaxation for both sides, not a 'weight_relaxation'")
        return optimiser

    @field_validator("auxiliary_skip")
    @classmethod
    def _has_a_skip(cls, extra: AuxiliarySkip | None, info: ValidationInfo) -> AuxiliarySkip | None:
        skip = nb201.OPS[nb201.SKIP]
        if extra is not None and "space" in info.data and skip not in info.data["space"].ops:
            raise ValueError(f"{extra.name!r} needs the operation {skip!r}")
        return extra

    @field_validator("select")
    @classmethod
    def _can_select(cls, select: Selection, info: ValidationInfo) -> Selection:
        relaxation, update = (getattr(info.data.get(field), "name", None) for field in ("relaxation", "update"))
        if isinstance(select, BestPath):
            if (select.draw == "policy") != (relaxation == "controller"):
                raise ValueError(f"draw {select.draw!r} does not work with relaxation {relaxation!r}")
            if select.draw == "most-probable" and update == "weights-only":
                raise ValueError(f"draw {select.draw!r} does not work with update {update!r}")
        if isinstance(select, Progressive) and {"epochs", "space"} <= info.data.keys():
            select.check(info.data["epochs"], len(nb201.EDGES), info.data["space"].ops)
        return select

    @field_validator("diagnostics")
    @classmethod
    def _measurable(cls, diagnostics: tuple[Diagnostic, ...], info: ValidationInfo) -> tuple[Diagnostic, ...]:
        if len({d.name for d in diagnostics}) != len(diagnostics):
            raise ValueError("each diagnostic only once")
        relaxation = getattr(info.data.get("relaxation"), "name", None)
        if relaxation not in (None, *CURVED) and any(isinstance(d, Eigenvalue) for d in diagnostics):
            raise ValueError(f"'eigenvalue' does not work with relaxation {relaxation!r}")
        return diagnostics
