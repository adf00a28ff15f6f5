"""The resolved specification of one final training: a stand-alone network from its first weights to its accuracy.

There are no defaults here, but "absent" for what came after ids were fixed: a scientific quantity is written in a
named block of ``suites/_base/training.yaml``, or in a suite. Which images, how large a network, and whose architecture
it has are part of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    Field,
    NonNegativeInt,
    PositiveInt,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from harness.config import Strict
from harness.errors import HarnessError
from harness.methods.optimisers import Schedule, WeightOptimiser
from harness.part import Part
from harness.spaces.registry import published
from harness.spaces.space import Size, Space

if TYPE_CHECKING:
    from torch import Generator, Tensor


ALWAYS = (1, 5)  # guesses that every training is judged by


class NetworkSize(Part):
    """How large the network is, as its space counts cells and channels."""

    cells: PositiveInt
    channels: PositiveInt
    stem: Literal["cifar", "imagenet"]
    squeeze: bool = Field(default=False, description="squeeze-and-excitation after cells of the first two thirds")

    @model_serializer(mode="wrap")
    def _without_absent_squeeze(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave it out where there is none, so that the ids of trainings from before there was any stay."""
        found: dict[str, Any] = plain(self)
        return {key: value for key, value in found.items() if key != "squeeze" or value}

    @property
    def size(self) -> Size:
        """Return it as spaces take it."""
        return Size(self.cells, self.channels, self.stem, self.squeeze)


class ResizedCrop(Part):
    """Random crops of larger images, stretched to their size: share of the area, width by height.

    Images are evaluated on their middle.
    """

    scale: tuple[float, float]
    ratio: tuple[float, float]


class Jitter(Part):
    """Random changes of colour (`harness.data.augment_large.jitter`)."""

    brightness: float = Field(ge=0)
    contrast: float = Field(ge=0)
    saturation: float = Field(ge=0)
    hue: float = Field(ge=0, le=0.5)


class TrainingData(Part):
    """Which images train the network, how they are changed, and which it is tested on.

    ``split``: ``test`` trains on the training images and evaluates on the test set; ``valid`` trains on their first
    half and evaluates on the second. Numbers of images are of the first ones of each.
    """

    split: Literal["test", "valid"]
    images: PositiveInt | Literal["all"] = Field(description="that train; 'all': everything that the split leaves")
    evaluated: PositiveInt | Literal["all"] = Field(description="images that the accuracy is of")
    image_size: PositiveInt
    resized_crop: ResizedCrop | None = Field(description="of images larger than image_size; null: of padded ones")
    crop_padding: NonNegativeInt
    flip: bool
    jitter: Jitter | None
    auto_augment: Literal["cifar", "imagenet"] | None = Field(
        default=None, description="policy of AutoAugment, after crop and flip; null: none"
    )
    cutout: NonNegativeInt = Field(description="side of the square that every image loses; 0: none")

    @model_serializer(mode="wrap")
    def _without_absent_policy(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the policy where there is none, so that the ids of trainings from before there were any stay."""
        found: dict[str, Any] = plain(self)
        if self.auto_augment is None:
            found.pop("auto_augment", None)
        return found

    @property
    def limit(self) -> int | None:
        """Number of training images that are read (a prefix of the set); None: all."""
        if self.images == "all" or (self.split == "valid" and self.evaluated == "all"):
            return None
        return self.images + (int(self.evaluated) if self.split == "valid" else 0)

    def counts(self, total: int, test: int) -> tuple[int, int]:
        """Return how many images train and how many are evaluated; raise `HarnessError` if there are too few.

        ``total``: training images of the data set; ``test``: its test images.
        """
        valid = self.split == "valid"
        train = self.images if self.images != "all" else total // 2 if valid else total
        left = total - train if valid else test
        evaluated = left if self.evaluated == "all" else self.evaluated
        if train > total or evaluated > left or not evaluated:
            kind = "training" if valid else "test"
            raise HarnessError(
                f"the training needs {train} images and {evaluated} {kind} images beside them, the dataset has {total} "
                f"training and {test} test images"
            )
        return train, evaluated


class Confusion(Part):
    """Gradient confusion after the last epoch (`harness.methods.diagnostics.GradientConfusion`).

    Of the loss that was trained on, with that of an auxiliary head where there is one, by all weights that were
    trained; without drop-path. ``images``: of a batch.
    """

    series: ClassVar[tuple[str, str]] = ("gradient-confusion", "gradient-confusion/cosine")

    batches: int = Field(ge=2)
    images: PositiveInt


class Given(Part):
    """A published architecture, or any other that is written down."""

    name: Literal["given"]
    architecture: str


class Found(Part):
    """What a search found. ``search``: the id of its trial."""

    name: Literal["found"]
    search: str


class BestOf(Part):
    """The architecture that came out best of several trainings, by their last accuracy; of equals, the first."""

    name: Literal["best"]
    trainings: tuple[str, ...] = Field(min_length=1, description="ids of their trials")


class Exchanged(Part):
    """What a search found, with another operation on the first edge of its first cell type (StacNAS, Figure 5).

    ``search``: the id of its trial.
    """

    name: Literal["exchanged"]
    search: str
    operation: str


Subject = Annotated[Given | Found | BestOf | Exchanged, Field(discriminator="name")]


class TrainingSettings(Strict):
    """How a network is trained, whichever it is.

    ``space``: of `harness.spaces.registry.published`, that reads the architecture.
    """

    space: str
    network: NetworkSize
    data: TrainingData
    epochs: PositiveInt
    batch_size: PositiveInt
    precision: Literal["float32", "bfloat16"] = Field(description="of the network; losses are float32")
    optimiser: WeightOptimiser
    schedule: Schedule
    ramp: NonNegativeInt = Field(description="epochs e at the start whose rate is the schedule's times (e + 1) / ramp")
    clip: float | None = Field(gt=0, description="of the gradient's norm")
    label_smoothing: float = Field(ge=0, lt=1)
    drop_path: float = Field(ge=0, lt=1, description="probability, in epoch e of E this times e / E")
    auxiliary: float | None = Field(gt=0, description="weight of the auxiliary head's loss; null: no such head")
    evaluated_every: PositiveInt = Field(description="epochs; the last one is evaluated in any case")
    tops: tuple[PositiveInt, ...] = Field(
        default=(), description="an answer also counts if right among so many guesses, beside 1 and 5"
    )

    confusion: Confusion | None = Field(default=None, description="measured at the end; null: nothing is")
    mixup: float | None = Field(
        default=None, gt=0, description="both parameters of the beta distribution of a batch's share; null: none"
    )

    @model_serializer(mode="wrap")
    def _without_what_most_lack(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what there is none of, so that ids from before there was any stay."""
        found: dict[str, Any] = plain(self)
        late = ("tops", "confusion", "mixup")
        return {key: value for key, value in found.items() if key not in late or value}

    @field_validator("space")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            published(name)
        except HarnessError as error:
            raise ValueError(str(error)) from error
        return name

    @model_validator(mode="after")
    def _has_what_is_asked(self) -> Self:
        asked = self.drop_path or self.auxiliary is not None or self.network.squeeze
        if asked and not self.architectures.drops_paths:
            raise ValueError(
                f"networks of space {self.space!r} have no drop-path, auxiliary head or squeeze-and-excitation"
            )
        return self

    @property
    def architectures(self) -> Space:
        """Return the space that reads the architecture and builds its network."""
        return published(self.space)

    def rate(self, epoch: int) -> float:
        """Return the learning rate of an epoch."""
        rate = self.schedule.rate(self.optimiser.lr, epoch, self.epochs)
        return rate * (epoch + 1) / self.ramp if epoch < self.ramp else rate

    def counts_top(self, guesses: int) -> bool:
        """Tell whether a training knows how often it is right among so many guesses."""
        return guesses in (*ALWAYS, *self.tops)

    def kept(self, epoch: int) -> float:
        """Return the probability with which a path is kept in an epoch."""
        return 1 - self.drop_path * epoch / self.epochs


class TrainingSpec(TrainingSettings):
    """One training, fully written out."""

    subject: Subject

    @model_validator(mode="after")
    def _readable(self) -> TrainingSpec:
        if isinstance(self.subject, Given):
            try:
                self.architectures.operations(self.subject.architecture)
            except HarnessError as error:
                raise ValueError(str(error)) from error
        return self

    @property
    def follows_one(self) -> bool:
        """Tell whether the architecture is what one search found."""
        return isinstance(self.subject, Found)

    @property
    def after(self) -> tuple[str, ...]:
        """Return the ids of the trials whose records say which architecture it is."""
        match self.subject:
            case Found(search=search) | Exchanged(search=search):
                return (search,)
            case BestOf(trainings=trainings):
                return trainings
        return ()


def path_factors(shape: tuple[int, int], kept: Tensor, generator: Generator) -> Tensor:
    """Draw what paths are multiplied by, image by image [paths, B]: 0, or 1 / kept with probability ``kept``.

    All on one device, so that a step with it can be recorded (FractalNet's drop-path as in NASNet and DARTS).
    """
    import torch

    return (torch.rand(shape, generator=generator, device=kept.device) < kept).to(kept) / kept
