"""The strength of operations: what a supernet is worth once an edge is given one of them and the rest is tuned."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator

from harness.errors import nearest
from harness.methods.search import Search
from harness.methods.selection import BaseSelection, Choice, accuracies_without
from harness.seeds import derive_seed
from harness.spaces.space import UNDECIDED, Group, Space

Names = Annotated[tuple[str, ...], Field(min_length=1)]


class Strength(BaseSelection):
    """The "discretization accuracy at convergence" of every operation of some edges (DARTS-PT, section 3.1).

    It chooses nothing. From the supernet that the search leaves, each operation in turn: the edge is given it, the
    weights are tuned as by `Progressive` with ``tuning_lr`` until the accuracy on the architecture's images settles,
    and everything is put back as it was, random streams too, so that operations are compared on the same batches.
    Alpha stands still meanwhile (DARTS-PT's code trains that of undecided edges while it tunes; the paper speaks of the
    remaining network): what is measured is one supernet's, and its images of the architecture teach it nothing.

    The accuracy has settled once none of the last ``patience`` epochs is more than ``gain`` points above the best
    before them; at the latest, ``cap`` epochs are done. The strength is the mean of the last ``patience`` epochs.
    Series ``strength/EDGE/OPERATION`` hold the accuracies while tuning; ``without/EDGE/OPERATION``, in the last entry,
    DARTS-PT's criterion beside it: the accuracy of the supernet without the operation, before any tuning.

    ``edges``: ``all``; names such as ``normal/2<-0`` (node and source) or of cell types; or how many the seed draws.
    In a plan every edge is a trial of its own. ``start``: as of `Progressive`.
    """

    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {"relaxation": ("independent",)}
    finds: ClassVar[bool] = False
    holds_alpha: ClassVar[bool] = True

    name: Literal["strength"]
    edges: Literal["all"] | PositiveInt | Names
    start: PositiveInt | Literal["end"]
    tuning_lr: float = Field(gt=0)
    gain: NonNegativeFloat = Field(description="points of accuracy")
    patience: PositiveInt
    cap: PositiveInt = Field(description="epochs of tuning, of one operation")
    images: PositiveInt | Literal["all"] = Field(description="of the architecture's set, for each accuracy")

    @model_validator(mode="after")
    def _may_settle(self) -> Self:
        if self.cap <= self.patience:
            raise ValueError(f"nothing settles within a 'cap' of {self.cap}: it must be above 'patience'")
        return self

    def check(self, others: Mapping[str, Any]) -> None:
        """Raise ValueError where a search has too few epochs, or the space no such edges."""
        if not {"epochs", "space"} <= others.keys():
            return
        space: Space = others["space"]
        if self.search_epochs(others["epochs"]) > others["epochs"]:
            raise ValueError(f"tuning starts after epoch {self.start}, but there are {others['epochs']}")
        known = edges(space)
        if isinstance(self.edges, int) and self.edges > len(known):
            raise ValueError(f"{self.edges} edges are to be drawn, space {space.name!r} has {len(known)}")
        valid = [*space.cell_types, *known]
        for name in () if isinstance(self.edges, int | str) else self.edges:
            if name not in valid:
                raise ValueError(f"space {space.name!r} has no edge {name!r}{nearest(name, valid)}")

    def each(self, space: Space, seed: int) -> tuple[Self, ...]:
        """Return the measurement of each edge."""
        known = edges(space)
        if isinstance(self.edges, int):
            drawn = random.Random(derive_seed(seed, "edges")).sample(list(known), self.edges)
        else:
            drawn = [name for name in known if self._has(name)]
        return tuple(self.model_copy(update={"edges": (name,)}) for name in drawn)

    def _has(self, edge: str) -> bool:
        if isinstance(self.edges, int):
            raise TypeError("which edges are drawn is known by seed: see `each`")
        return self.edges == "all" or edge in self.edges or edge.partition("/")[0] in self.edges

    def _choices(self, space: Space) -> Iterator[tuple[str, Group, int]]:
        """Yield its edges: names and rows."""
        return ((name, group, row) for name, (group, row) in edges(space).items() if self._has(name))

    @property
    def part(self) -> str:
        """Name its edges, where they are named."""
        return "" if isinstance(self.edges, int | str) else ", ".join(self.edges)

    def search_epochs(self, epochs: int) -> int:
        """Return ``start``."""
        return epochs if self.start == "end" else self.start

    def tuning_epochs(self, space: Space) -> int:
        """Return the epochs where no accuracy settles."""
        return self.cap * self._options(space)

    def _options(self, space: Space) -> int:
        """Return how many operations are tried; of drawn edges, those with most."""
        if isinstance(self.edges, int):
            widths = sorted((group.shape[1] for group, _ in edges(space).values()), reverse=True)
            return sum(widths[: self.edges])
        return sum(group.shape[1] for _, group, _ in self._choices(space))

    @property
    def first_images(self) -> int:
        """Return the images of each accuracy, where they are not all."""
        return self.images if isinstance(self.images, int) else 0

    def image_passes(self, space: Space, path: float, images: int) -> float:
        """Return one evaluation per operation, and one more per epoch of tuning."""
        return (self._options(space) + self.tuning_epochs(space)) * (self.first_images or images)

    def names(self, space: Space) -> list[str]:
        """Name two series for every operation of every edge."""
        tried = [f"{name}/{op}" for name, group, row in self._choices(space) for op in group.options[row]]
        return [f"{series}/{what}" for series in ("strength", "without") for what in tried]

    def before_epoch(self, search: Search) -> None:
        """Begin with the next operation where the last one's accuracy has settled."""
        if search.epoch < self.search_epochs(search.spec.epochs):
            return
        if search.epoch == self.search_epochs(search.spec.epochs):
            search.keep()
        group, row, option, curve = next(self._unsettled(search))
        if not curve:
            search.go_back()
            search.decided[group.name][row] = option

    def _unsettled(self, search: Search) -> Iterator[tuple[Group, int, int, list[float]]]:
        """Yield the operations that are not done, each with its accuracies so far."""
        for name, group, row in self._choices(search.spec.space):
            for option, operation in enumerate(group.options[row]):
                series = search.measured[f"strength/{name}/{operation}"]
                curve = [accuracy for accuracy in series if accuracy is not None]
                if len(curve) < self.cap and not self.settled(curve):
                    yield group, row, option, curve

    def settled(self, curve: Sequence[float]) -> bool:
        """Tell whether accuracies [epochs of tuning] have settled."""
        before, last = curve[: -self.patience], curve[-self.patience :]
        return bool(before) and max(last) <= max(before) + self.gain

    def value(self, curve: Sequence[float]) -> float:
        """Return the strength, percent, that accuracies [epochs of tuning] end in."""
        last = curve[-self.patience :]
        return sum(last) / len(last)

    def finished(self, search: Search) -> bool:
        """Tell whether every accuracy has settled, or is at the cap."""
        return next(self._unsettled(search), None) is None

    def conclude(self, search: Search) -> bool:
        """Put the supernet back as the search left it."""
        search.go_back()
        return True

    def measure(self, search: Search) -> dict[str, float]:
        """Return the accuracy with the present operation; after the conclusion, those without each operation."""
        if search.epoch <= self.search_epochs(search.spec.epochs):
            return {}
        choices = list(self._choices(search.spec.space))
        for name, group, row in choices:
            option = int(search.decided[group.name][row])
            if option != UNDECIDED:
                [accuracy] = search.accuracies([search.fixed(search.strengths())], self.first_images or None)
                return {f"strength/{name}/{group.options[row][option]}": accuracy}
        parts = [(group, row, option) for _, group, row in choices for option in range(group.shape[1])]
        names = [f"without/{name}/{op}" for name, group, row in choices for op in group.options[row]]
        return dict(zip(names, accuracies_without(search, parts, self.first_images), strict=True))


def edges(space: Space) -> dict[str, Choice]:
    """Return the edges of a space, cell type by cell type, by their names: ``normal/2<-0`` enters node 2 from 0.

    What nodes read from (`Group.links`) is no edge.
    """
    rows = (choice for cell in space.cell_types for choice in space.rows(cell) if not choice[0].links)
    return {edge_name(*choice): choice for choice in rows}


def edge_name(group: Group, row: int) -> str:
    """Return the name of an edge."""
    return f"{group.cell}/{group.nodes[row]}<-{group.sources[row]}"
