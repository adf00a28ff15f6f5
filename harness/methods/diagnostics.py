"""Diagnostics: what is measured beside the search after an epoch, without any effect on it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from harness.methods.bench import Bench
from harness.methods.part import Part
from harness.spaces import nb201

CELLS = ("first", "middle", "last")


class _Diagnostic(Part):
    name: str
    every: PositiveInt = Field(description="epochs between measurements; the state before training counts as epoch 0")
    images: PositiveInt = Field(description="first images of the architecture's set, not augmented")

    def due(self, epoch: int, last: int) -> bool:
        """Tell whether to measure after ``epoch`` of ``last`` epochs."""
        return epoch % self.every == 0

    def names(self, ops: tuple[str, ...]) -> list[str]:
        """Name the series of numbers that it leaves: one, of its own name, or several below it."""
        return [self.name]


class Eigenvalue(_Diagnostic):
    """Largest eigenvalue of the Hessian of the architecture's loss with respect to alpha (RobustDARTS, section 3).

    The loss is that under alpha's opinion. The weight decay of alpha's optimiser is on the diagonal. All ``images`` are
    one batch; RobustDARTS takes the last batch of the epoch, augmented. Measured after the ``first`` epoch, every
    ``every`` from there, and after the last.
    """

    version = 2
    name: Literal["eigenvalue"]
    first: NonNegativeInt = Field(description="epochs before the first measurement; 0: before training")

    def due(self, epoch: int, last: int) -> bool:
        """Tell whether to measure after ``epoch`` of ``last`` epochs."""
        return epoch == last or (epoch >= self.first and (epoch - self.first) % self.every == 0)

    def measure(self, search: Bench) -> list[float]:
        """Return the eigenvalue."""
        return [search.dominant_eigenvalue(self.images)]


class SupernetAccuracy(_Diagnostic):
    """Accuracy of the supernet, percent, with the batches' own statistics.

    Edges mix by alpha's opinion, decided ones by their operation: temperatures, draws, noise and auxiliary connections
    of steps are left out.
    """

    name: Literal["supernet-accuracy"]

    def measure(self, search: Bench) -> list[float]:
        """Return the accuracy."""
        return search.accuracies([search.fixed(search.strengths())], self.images)


class DiscretisedAccuracy(_Diagnostic):
    """The same with every edge reduced to its operation of largest weight (SP-DARTS, Figure 3)."""

    name: Literal["discretised-accuracy"]

    def measure(self, search: Bench) -> list[float]:
        """Return the accuracy."""
        from torch.nn import functional as F

        mixing = search.fixed(search.strengths())
        chosen = {group: F.one_hot(w.argmax(-1), w.shape[-1]).to(w) for group, w in mixing.items()}
        return search.accuracies([chosen], self.images)


class OperationGradients(_Diagnostic):
    """dL/dp of every operation of every edge, in the first, middle and last cell (Single-DARTS, Figures 3, 5 to 10).

    p are the mixing weights by alpha's opinion, which all cells share: the gradient is that by one cell's own. The loss
    is the mean over ``images``, one batch; the paper does not say of which.
    """

    name: Literal["operation-gradients"]

    def names(self, ops: tuple[str, ...]) -> list[str]:
        """Name the series ``operation-gradients/CELL/TARGET<-SOURCE/OPERATION``."""
        return [
            f"{self.name}/{cell}/{target}<-{source}/{op}"
            for cell in CELLS
            for target, source in nb201.EDGES
            for op in ops
        ]

    def measure(self, search: Bench) -> list[float]:
        """Return the gradients in the order of `names`."""
        gradients = search.operation_gradients(self.images)  # [cells, E, O]
        last = len(gradients) - 1
        chosen: list[float] = gradients[[0, last // 2, last]].flatten().tolist()
        return chosen


Diagnostic = Annotated[
    Eigenvalue | SupernetAccuracy | DiscretisedAccuracy | OperationGradients, Field(discriminator="name")
]
