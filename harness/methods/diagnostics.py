"""Diagnostics: what is measured beside the search after an epoch, without any effect on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from harness.methods.composition import Composed
from harness.methods.mixing import largest
from harness.methods.search import Search
from harness.methods.step import Side
from harness.spaces.exchange import first_options
from harness.spaces.space import Space

CELLS = ("first", "middle", "last")


class _AtTheEnd(Composed):
    """Measured after the last epoch. ``side``: whose images it is measured on.

    ``passes``: what an image costs, in passes through all operations.
    """

    passes: ClassVar[float] = 1
    side: ClassVar[Side] = "weights"

    name: str
    images: PositiveInt

    def due(self, epoch: int, last: int) -> bool:
        """Tell whether to measure after ``epoch`` of ``last`` epochs."""
        return epoch == last

    def times(self, epochs: int, done: int) -> int:
        """Return how often it is measured in so many epochs, the first of which another trial has ``done``."""
        return 1

    def names(self, space: Space, cells: Sequence[str]) -> list[str]:
        """Name the series of numbers that it leaves: one, of its own name, or several below it.

        ``cells``: the cell types of the supernet's cells, in their order.
        """
        return [self.name]


class _Diagnostic(_AtTheEnd):
    """Measured now and then; without a backward pass, an image costs a third of one."""

    passes: ClassVar[float] = 1 / 3
    side: ClassVar[Side] = "architecture"

    every: PositiveInt = Field(description="epochs between measurements; the state before training counts as epoch 0")
    images: PositiveInt = Field(description="first images of the architecture's set, not augmented")

    def due(self, epoch: int, last: int) -> bool:
        """Tell whether to measure after ``epoch`` of ``last`` epochs."""
        return epoch % self.every == 0

    def times(self, epochs: int, done: int) -> int:
        """Return how often it is measured in so many epochs, that before training not counted."""
        return epochs // self.every - done // self.every


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
        mixing = search.fixed(search.strengths())
        return search.accuracies([largest(mixing, search.spec.space.groups)], self.images)


class _OfEdges(_Diagnostic):
    def check(self, others: Mapping[str, Any]) -> None:
        """Raise ValueError where nodes choose what they read from: links are no edges that begin at one node."""
        super().check(others)
        space = others.get("space")
        if space is not None and any(group.links for group in space.groups):
            raise ValueError(
                f"{self.name!r} needs edges from node to node: in {space.name!r} nodes choose their sources"
            )


class OperationGradients(_OfEdges):
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


class GradientCorrelation(_OfEdges):
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


class OperationCorrelation(_AtTheEnd):
    """Correlations of what the operations of the first edge of the first cell give (StacNAS, 2.4.2 and Appendix B).

    On the weights' first ``images``, not augmented, in evaluation mode, as StacNAS' code: outputs
    centred over images position by position, then pooled over positions and images; `none` is left out.

    ``in-family``: how many operations of a family correlate most with another one of it, of all in families; those
    without another one on the edge do not count.
    """

    passes: ClassVar[float] = 7 / 3  # forward, once per option

    name: Literal["operation-correlation"]
    images: PositiveInt | Literal["all"]  # type: ignore[assignment]
    families: tuple[tuple[str, ...], ...]

    def names(self, space: Space, cells: Sequence[str]) -> list[str]:
        """Name the series ``operation-correlation/ONE/OTHER``, in the order of options, and ``.../in-family``."""
        pairs = combinations(first_options(space, cells[0]), 2)
        return [*(f"{self.name}/{one}/{other}" for one, other in pairs), f"{self.name}/in-family"]

    def measure(self, search: Search) -> list[float]:
        """Return the correlations in the order of `names`."""
        options, table = search.operation_correlations(None if self.images == "all" else self.images)
        pairs = [table[one][other] for one, other in combinations(range(len(options)), 2)]
        return [*pairs, float(sum(self._with_its_own(options, table)))]

    def _with_its_own(self, options: Sequence[str], table: Sequence[Sequence[float]]) -> Iterator[bool]:
        for place, name in enumerate(options):
            family = [other for other in next((f for f in self.families if name in f), ()) if other != name]
            if any(other in options for other in family):
                others = [other for other in range(len(options)) if other != place]
                yield options[max(others, key=lambda other: table[place][other])] in family


class GradientConfusion(_AtTheEnd):
    """Gradient confusion of the weights (StacNAS, section 2.5.2 and Eq. 10).

    Of ``batches`` batches of the weights' images, drawn at random, not augmented: the mean over batches i of max(0,
    max_j -<g_i, g_j>), divided by the number of weights. The printed sum runs from 11 to 10: read as one over ten.
    ``cosine``: the same of gradients of length 1, which neither the loss nor the size of the network scales.
    ``images``: of a batch.
    """

    name: Literal["gradient-confusion"]
    batches: Annotated[int, Field(ge=2)]

    def times(self, epochs: int, done: int) -> int:
        """Return the batches, for what they cost."""
        return self.batches

    def names(self, space: Space, cells: Sequence[str]) -> list[str]:
        """Name both series."""
        return [self.name, f"{self.name}/cosine"]

    def measure(self, search: Search) -> list[float]:
        """Return both."""
        return list(search.gradient_confusion(self.batches, self.images))


def _chosen(cells: Sequence[object]) -> tuple[int, int, int]:
    """Return the places of the first, the middle and the last cell."""
    last = len(cells) - 1
    return 0, last // 2, last


Diagnostic = Annotated[
    Eigenvalue
    | SupernetAccuracy
    | DiscretisedAccuracy
    | OperationGradients
    | GradientCorrelation
    | OperationCorrelation
    | GradientConfusion,
    Field(discriminator="name"),
]
