"""What every selection is, and what they have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

from harness.methods.composition import Composed
from harness.methods.search import Search
from harness.spaces.space import Group, Space

Choice = tuple[Group, int]  # a row of a group


class BaseSelection(Composed):
    """``after_search``: nothing of it happens before the search's last epoch, so equal searches are one run.

    ``finds``: it chooses an architecture; else it only measures the supernet. ``holds_alpha``: alpha stands still in
    its epochs of tuning.
    """

    finds: ClassVar[bool] = True
    holds_alpha: ClassVar[bool] = False

    @property
    def after_search(self) -> bool:
        """Tell whether it only begins where the search ends."""
        return True

    def each(self, space: Space, seed: int) -> tuple[Self, ...]:
        """Return what of it trials of their own do."""
        return (self,)

    @property
    def part(self) -> str:
        """Name what of the whole this is, where trials of one seed share it; nothing where they do not."""
        return ""

    def search_epochs(self, epochs: int) -> int:
        """Return the epochs of the search proper, out of those that its schedules count."""
        return epochs

    def tuning_epochs(self, space: Space) -> int:
        """Return the epochs of training that follow, at most: see `finished`."""
        return 0

    def batch_growth_by(self, epoch: int, epochs: int, space: Space) -> int:
        """Return how many images more than at the start a batch has in an epoch, out of those that schedules count."""
        return 0

    @property
    def first_images(self) -> int:
        """Return how many of the architecture's first images it asks for by number."""
        return 0

    def image_passes(self, space: Space, path: float, images: int) -> float:
        """Return what it evaluates, in images times passes through all operations.

        ``path``: the part of them that a path has; ``images``: of the architecture's set.
        """
        return 0.0

    def names(self, space: Space) -> list[str]:
        """Name the series of numbers that it leaves, as diagnostics do."""
        return []

    def before_epoch(self, search: Search) -> None:
        """Decide what is due before an epoch."""

    def measure(self, search: Search) -> dict[str, float]:
        """Return the numbers after an epoch, or after the conclusion, by the names of their series."""
        return {}

    def finished(self, search: Search) -> bool:
        """Tell whether no epoch is needed any more."""
        return False

    def conclude(self, search: Search) -> bool:
        """Decide the rest when all epochs are done; tell whether there was any."""
        return False


def accuracies_without(
    search: Search, parts: Sequence[tuple[Group, int, int | slice]], images: int | None
) -> list[float]:
    """Return the supernet's accuracy (percent) without each of several options, the others as they are.

    ``images``: the architecture's first ones; none: all.
    """
    present = search.fixed(search.strengths())
    masks = []
    for group, row, option in parts:
        masked = {name: weights.clone() for name, weights in present.items()}
        masked[group.name][row, option] = 0
        masks.append(masked)
    return search.accuracies(masks, images or None)
