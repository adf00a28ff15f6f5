"""Computations: rows that need no supernet, because a table or a formula answers them in seconds."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator

from harness.config import Strict
from harness.methods.blackbox.spec import Bohb, RandomSearch, RegularisedEvolution, Reinforce
from harness.methods.optimisers import Adam, Sgd
from harness.part import Part
from harness.spaces.registry import DEFAULT, published


class Deterministic(Part):
    """A computation without chance: one run says all."""

    deterministic: ClassVar[bool] = True


class FixedArchitecture(Deterministic):
    """One architecture of the benchmark, looked up."""

    name: Literal["architecture"]
    architecture: str

    @field_validator("architecture")
    @classmethod
    def _readable(cls, text: str) -> str:
        published(DEFAULT).operations(text)
        return text


class Optimum(Deterministic):
    """The best value of every column, whatever the architecture."""

    name: Literal["optimum"]


class TheoryCheck(Deterministic):
    """A statement of a paper, checked numerically (`harness.theory`)."""

    name: Literal["theory"]
    check: str


class LayerShuffling(Part):
    """A small network, trained and then shuffled (`harness.engine.shuffling`); every seed is a trial of its own.

    ``depth``: layers of each of three stages, or cells of the supernet. ``architecture_optimiser`` and ``alpha_scale``
    (of the normal draws that alpha begins with): of the supernet alone. ``clip``: of the norm of the weights' gradient.
    ``shuffles``: how many times two layers of each stage, or edges of each cell, are swapped in the trained network.
    """

    name: Literal["layer-shuffling"]
    network: Literal["plain", "residual", "darts-supernet"]
    channels: PositiveInt
    depth: PositiveInt = Field(ge=3, description="the first layer of a stage changes the channels: two must be left")
    epochs: PositiveInt
    batch_size: PositiveInt
    weight_optimiser: Sgd
    clip: float = Field(gt=0)
    architecture_optimiser: Adam
    alpha_scale: float = Field(gt=0)
    images: PositiveInt
    evaluated: PositiveInt
    image_size: PositiveInt
    crop_padding: NonNegativeInt
    shuffles: PositiveInt


Computation = Annotated[
    RandomSearch | RegularisedEvolution | Reinforce | Bohb | FixedArchitecture | Optimum | TheoryCheck | LayerShuffling,
    Field(discriminator="name"),
]


class ComputedSpec(Strict):
    """One computation, fully written out. ``runs``: independent runs, with the seeds 0 to runs - 1."""

    computation: Computation
    runs: PositiveInt

    @property
    def deterministic(self) -> bool:
        """Tell whether one run says all."""
        return isinstance(self.computation, Deterministic)

    @property
    def needs_table(self) -> bool:
        """Tell whether the NAS-Bench-201 table is asked."""
        return not isinstance(self.computation, TheoryCheck | LayerShuffling)

    @property
    def trains(self) -> bool:
        """Tell whether images are read and a network is trained: then every seed is a trial of its own, of one run."""
        return isinstance(self.computation, LayerShuffling)
