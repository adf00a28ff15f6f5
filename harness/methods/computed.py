"""Computations: rows that need no supernet, because a table or a formula answers them in seconds."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt, field_validator

from harness.config import Strict
from harness.methods.blackbox.spec import Bohb, RandomSearch, RegularisedEvolution, Reinforce
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


Computation = Annotated[
    RandomSearch | RegularisedEvolution | Reinforce | Bohb | FixedArchitecture | Optimum | TheoryCheck,
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
        """Tell whether the NAS-Search-201 table is asked."""
        return not isinstance(self.computation, TheoryCheck)
