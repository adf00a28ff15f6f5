"""Grids: a table's rows by the levels of factors, each level a part of a row."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PositiveInt, field_validator, model_validator

from harness.config import Strict

NAME = r"^[a-z0-9][a-z0-9_.-]*$"
Name = Annotated[str, Field(pattern=NAME)]
Cell = dict[str, str]  # a level of every factor, in their order
MOST_CELLS = 10_000  # combinations: a slip of the hand must not fill memory


class Correlations(Strict):
    """How far a design is from orthogonal: the largest canonical correlations (`harness.suite.balance`), rounded up."""

    main_effects: float = Field(ge=0, le=1, description="between the main effects of two factors")
    with_two_way: float = Field(ge=0, le=1, description="between a main effect and the interaction of two others")


class Full(Strict):
    """Every combination of the levels."""

    kind: Literal["full"]


class Array(Strict):
    """The cells that are listed, each a level of every factor: those of a balanced array."""

    kind: Literal["array"]
    source: str
    correlations: Correlations
    cells: Annotated[list[list[str]], Field(min_length=1)]


class Sample(Strict):
    """So many different combinations, drawn at random from a ``seed``."""

    kind: Literal["sample"]
    cells: PositiveInt
    seed: int
    correlations: Correlations


Design = Full | Array | Sample


class Exclusion(Strict):
    """Combinations that no cell has: all that agree with ``levels``, one level or several of each factor."""

    levels: Annotated[dict[str, list[str]], Field(min_length=1)]
    because: str = Field(min_length=1)

    @field_validator("levels", mode="before")
    @classmethod
    def _short_form(cls, levels: Any) -> Any:
        if not isinstance(levels, dict):
            return levels
        return {factor: [level] if isinstance(level, str) else level for factor, level in levels.items()}

    def excludes(self, cell: Mapping[str, str]) -> bool:
        """Tell whether a cell is one of them."""
        return all(cell[factor] in levels for factor, levels in self.levels.items())


class Grid(Strict):
    """Rows by the levels of factors.

    A row is ``fixed``, then the parts of its levels, factor by factor, then what the table's ``rows`` has under its
    name, which is that of its levels joined by ``-``. Their labels are joined by commas, an empty one being left out.
    ``like``: a table above whose grid's factors, exclusions and fixed part come first; without a ``design`` of its own
    a grid has the cells of that one, each with all combinations of its own factors.
    """

    like: str | None = None
    factors: dict[Name, Annotated[dict[Name, dict[str, Any]], Field(min_length=1)]] = Field(default_factory=dict)
    without: list[Exclusion] = Field(default_factory=list)
    fixed: dict[str, Any] = Field(default_factory=dict)
    design: Annotated[Design, Field(discriminator="kind")] | None = None

    @field_validator("design", mode="before")
    @classmethod
    def _short_form(cls, design: Any) -> Any:
        return {"kind": design} if isinstance(design, str) else design

    @model_validator(mode="after")
    def _says_which_cells(self) -> Self:
        if self.design is None and self.like is None:
            raise ValueError("missing key 'design'")
        return self


def combinations(factors: Mapping[str, Sequence[str]], without: Sequence[Exclusion]) -> Iterator[Cell]:
    """Yield the combinations of levels that are not excluded, the last factor varying fastest."""
    for levels in product(*factors.values()):
        cell = dict(zip(factors, levels, strict=True))
        if not any(exclusion.excludes(cell) for exclusion in without):
            yield cell


def chosen(design: Design, factors: Mapping[str, Sequence[str]], allowed: Sequence[Cell]) -> list[Cell]:
    """Return the cells of a design, out of those that are allowed."""
    if isinstance(design, Array):
        return [dict(zip(factors, cell, strict=True)) for cell in design.cells]
    if isinstance(design, Sample):
        drawn = random.Random(design.seed).sample(range(len(allowed)), design.cells)
        return [allowed[index] for index in sorted(drawn)]
    return list(allowed)
