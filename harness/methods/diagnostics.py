"""Diagnostics: what is measured beside the search after an epoch, without any effect on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from harness.methods.composition import Composed
from harness.methods.mixing import largest
from harness.methods.search import Search
from harness.spaces.space import Space

CELLS = ("first", "middle", "last")


class _Diagnostic(Composed):
    """``passes``: what an image costs, in passes through all operations; without a backward one, a third of one."""

    passes: ClassVar[float] = 1 / 3

    name: str
    every: PositiveInt = Field(description="epochs between measurements; the state before training counts as epoch 0")
    images: PositiveInt = Field(description="first images of the architecture's set, not augmented")

    def due(self, epoch: int, last: int) -> bool:
        """Tell whether to measure after ``epoch`` of ``last`` epochs."""
        return epoch % self.every == 0

    def names(self, space: Space, cells: Sequence[str]) -> list[str]:
        """Name the series of numbers that it leaves: one, of its own name, or several below it.

        ``cells``: the cell types of the supernet's cells, in their order.
        """
        return [self.name]


class Eigenvalue(_Diagnostic):
    """Largest eigenvalue of the Hessian of the architecture's loss with respect to alpha (RobustDARTS, section 3).

    The loss is that under alpha's opinion. The weight decay of alpha's optimiser is on the diagonal. All ``images`` are
    one batch; RobustDARTS takes the last batch of the epoch, augmented. Measured after the ``first`` epoch, every
    ``every`` from there, and after the last.
    """

    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {"relaxation": ("learns",)}
    passes: ClassVar[float] = 60  # Lanczos iterations
    version = 2

    name: Literal["eigenvalue"]
    first: NonNegativeInt = Field(description="epochs before the first measurement; 0: before training")

    def due(self, epoch: int, last: int) -> bool:
        """Tell whether to measure after ``epoch`` of ``last`` epochs."""
        return epoch == last or (epoch >= self.first and (epoch - self.first) % self.every == 0)

    def measure(self, search: Search) -> list[float]:
        """Return the eigenvalue."""
        return [search.dominant_eigenvalue(self.images)]


class SupernetAccuracy(_Diagnostic):
    """Accuracy of the supernet, percent, with the batches' own statistics.

    Edges mix by alpha's opinion, decided ones by their operation: temperatures, draws, noise and auxiliary connections
    of steps are left out.
    """

    name: Literal["supernet-accuracy"]

    def measure(self, search: Search) -> list[float]:
        """Return the accuracy."""
        return search.accuracies([search.fixed(search.strengths())], self.images)


class DiscretisedAccuracy(_Diagnostic):
    """The same with every edge reduced to its operation of largest weight (SP-DARTS, Figure 3)."""

    name: Literal["discretised-accuracy"]

    def measure(self, search: Search) -> list[float]:
        """Return the accuracy."""
        return search.accuracies([largest(search.fixed(search.strengths()))], self.images)


class OperationGradients(_Diagnostic):
    """dL/dp of every operation of every edge, in the first, middle and last cell (Single-DARTS, Figures 3, 5 to 10).

    p are the mixing weights by alpha's opinion, which all cells share: the gradient is that by one cell's own. The loss
    is the mean over ``images``, one batch; the paper does not say of which.
    """

    passes: ClassVar[float] = 1
    version = 2

    name: Literal["operation-gradients"]

    def names(self, space: Space, cells: Sequence[str]) -> list[str]:
        """Name the series ``operation-gradients/CELL/TARGET<-SOURCE/OPERATION``."""
        return [
            f"{self.name}/{label}/{group.nodes[row]}<-{group.sources[row]}/{option}"
            for label, place in zip(CELLS, _chosen(cells), strict=True)
            for group, row in space.rows(cells[place])
            for option in group.options[row]
        ]

    def measure(self, search: Search) -> list[float]:
        """Return the gradients in the order of `names`."""
        gradients = search.operation_gradients(self.images)
        return [value for place in _chosen(gradients) for value in gradients[place].tolist()]


class GradientCorrelation(_Diagnostic):
    """Gradient correlation at the nodes of the first, middle and last cell (Single-DARTS, Eq. 8 and Figure 2).

    Of the loss on the weights' batch and that on the architecture's, where one batch moves both of it and itself; means
    over all pairs of ``images``, one batch a side, where the paper prints sums over batches that it does not state.
    """

    passes: ClassVar[float] = 2

    name: Literal["gradient-correlation"]

    def names(self, space: Space, cells: Sequence[str]) -> list[str]:
        """Name the series ``gradient-correlation/CELL/NODE``."""
        chosen = zip(CELLS, _chosen(cells), strict=True)
        return [f"{self.name}/{label}/{node}" for label, place in chosen for node in space.entered(cells[place])]

    def measure(self, search: Search) -> list[float]:
        """Return the correlations in the order of `names`."""
        correlations = search.gradient_correlations(self.images)
        return [value for place in _chosen(correlations) for value in correlations[place]]


def _chosen(cells: Sequence[object]) -> tuple[int, int, int]:
    """Return the places of the first, the middle and the last cell."""
    last = len(cells) - 1
    return 0, last // 2, last


Diagnostic = Annotated[
    Eigenvalue | SupernetAccuracy | DiscretisedAccuracy | OperationGradients | GradientCorrelation,
    Field(discriminator="name"),
]
