"""Stages: one search after the other, each with new weights and alphas, on options that the one before has narrowed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt

from harness.config import Strict
from harness.errors import nearest
from harness.part import Part
from harness.seeds import derive_seed
from harness.spaces.operations import of_kind
from harness.spaces.space import Group, Options, Space, Weights

Ended = tuple[Sequence[Group], Weights]  # what a stage chose from, and alpha's opinion at its end
Families = Annotated[tuple[Annotated[tuple[str, ...], Field(min_length=1)], ...], Field(min_length=1)]


class All(Part):
    """All options of the space."""

    name: Literal["all"]

    def options(self, full: Space, before: Ended | None, seed: int) -> Options:
        """Return the options of every edge by cell type, in the order of places.

        ``full``: the space that is searched; ``before``: how the stage before ended.
        """
        return _by_place(full, lambda cell, place, row: row)

    def outline(self, full: Space) -> Options:
        """Return options as wide as those of the stage will be at most, for what has to be known before it."""
        return self.options(full, None, 0)


class Representatives(Part):
    """One member of each family, and what belongs to none (StacNAS, section 2.5.1: stage 1).

    ``take``: the first that an edge offers, or one at random, the same on all edges (Table 5).
    """

    name: Literal["representatives"]
    families: Families
    take: Literal["first", "random"]

    def options(self, full: Space, before: Ended | None, seed: int) -> Options:
        """Return the options of every edge, see `All.options`."""
        drawn = random.Random(derive_seed(seed, "representatives"))
        order = [drawn.sample(family, len(family)) if self.take == "random" else family for family in self.families]

        def chosen(cell: str, place: int, row: Sequence[str]) -> list[str]:
            first = [next((name for name in family if name in row), None) for family in order]
            alone = {name for name in row if not any(name in family for family in self.families)}
            return [name for name in row if name in alone or name in first]

        return _by_place(full, chosen)

    def outline(self, full: Space) -> Options:
        """Return options as wide as those of the stage, see `All.outline`."""
        return self.options(full, None, 0)


class Members(Part):
    """The family of the option that an edge chose, `none` aside, and `none` where it was (StacNAS: stage 2).

    A family that names an option twice offers it twice, as StacNAS' code does of the skip connection.
    """

    name: Literal["members"]
    families: Families

    def options(self, full: Space, before: Ended | None, seed: int) -> Options:
        """Return the options of every edge, see `All.options`. An option of no family stays alone."""
        chosen = _strongest(before, besides_none=True)

        def members(cell: str, place: int, row: Sequence[str]) -> list[str]:
            ranked, offered = chosen[cell][place]
            zeros = [offered[index] for index in of_kind("none", offered)]
            return [*next((family for family in self.families if ranked[0] in family), (ranked[0],)), *zeros]

        return _by_place(full, members)

    def outline(self, full: Space) -> Options:
        """Return options as wide as those of the stage at most, see `All.outline`."""
        widest = max(self.families, key=len)
        return _by_place(
            full, lambda cell, place, row: [*widest, *(row[index] for index in of_kind("none", tuple(row)))]
        )


class Strongest(Part):
    """The options of largest weight on every edge, in the order that they had (P-DARTS)."""

    name: Literal["strongest"]
    count: PositiveInt

    def options(self, full: Space, before: Ended | None, seed: int) -> Options:
        """Return the options of every edge, see `All.options`."""
        chosen = _strongest(before, besides_none=False)

        def kept(cell: str, place: int, row: Sequence[str]) -> list[str]:
            ranked, offered = chosen[cell][place]
            return [name for name in offered if name in ranked[: self.count]]

        return _by_place(full, kept)

    def outline(self, full: Space) -> Options:
        """Return options as wide as those of the stage, see `All.outline`."""
        return _by_place(full, lambda cell, place, row: row[: self.count])


Narrowing = Annotated[All | Representatives | Members | Strongest, Field(discriminator="name")]


class Stage(Strict):
    """One of several searches. ``cells``: of its supernet; ``search``: settings that differ from the others'."""

    cells: PositiveInt
    options: Narrowing
    search: dict[str, Any] = Field(default_factory=dict)


def check_stages(stages: Sequence[Stage], space: Space) -> None:
    """Raise ValueError where the first of several stages needs one before it, or a family has unknown members."""
    if len(stages) == 1:
        raise ValueError("one stage is a search without stages: list two or none")
    if isinstance(stages[0].options, Members | Strongest):
        raise ValueError(f"the first stage has none before it, which {stages[0].options.name!r} needs")
    for before, stage in pairwise(stages):
        widest = max(len(row) for rows in before.options.outline(space).values() for row in rows)
        if isinstance(stage.options, Strongest) and stage.options.count > widest:
            raise ValueError(f"{stage.options.count} of {widest} options cannot be kept")
    names = space.names()
    for stage in stages:
        for member in (name for family in getattr(stage.options, "families", ()) for name in family):
            if member not in names:
                raise ValueError(f"unknown member {member!r} of a family{nearest(member, names)}")


def _by_place(full: Space, choose: Any) -> dict[str, list[list[str]]]:
    """Apply ``choose(cell, place, row)`` to every edge's options."""
    found: dict[str, list[list[str]]] = {}
    for cell in full.cell_types:
        rows = [group.options[row] for group, row in full.rows(cell)]
        found[cell] = [list(choose(cell, place, row)) for place, row in enumerate(rows)]
    return found


Ranked = tuple[list[str], tuple[str, ...]]  # options of an edge by falling weight, and as they were offered


def _strongest(before: Ended | None, *, besides_none: bool) -> dict[str, dict[int, Ranked]]:
    """Rank the options of every edge of a stage by weight, the first of equals first: by cell type and place."""
    assert before is not None, "checked when the specification was made"
    groups, weights = before
    found: dict[str, dict[int, Ranked]] = {group.cell: {} for group in groups}
    for group in groups:
        for place, offered, of_row in zip(group.places, group.options, weights[group.name], strict=True):
            left_out = of_kind("none", offered) if besides_none else ()
            order = sorted((i for i in range(len(offered)) if i not in left_out), key=lambda i: -of_row[i])
            found[group.cell][place] = [offered[index] for index in order], offered
    return found
