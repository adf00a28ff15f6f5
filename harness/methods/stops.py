"""Stop rules: from the trajectory of a search to the epoch whose architecture counts.

They are applied after the run, so that one search serves the rows of all of them (Delve evaluates DARTS+ and
SS-DARTS "in the same runs"). A rule that is never met leaves the last epoch, as in Delve, section 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator

from harness.errors import nearest
from harness.methods.history import History
from harness.part import Part
from harness.spaces.operations import names, operation

if TYPE_CHECKING:  # imported inside functions, so that listing and validating stay quick
    import numpy as np
    from numpy.typing import NDArray


class MagnitudePeak(Part):
    """Selective stop (SS): the peak of an operation's magnitude m(t, o), epochs 1 to T (Delve, Eq. 11 to 13).

    Eq. 12 takes m itself, Eq. 13 the sum of its leads over the other operations; of equal peaks the first counts.
    """

    name: Literal["magnitude-peak"]
    equation: Literal[12, 13]
    operation: str

    @field_validator("operation")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in names():
            raise ValueError(f"unknown operation {name!r}{nearest(name, names())}")
        return name

    def epoch(self, history: History) -> int:
        """Return the epoch of the peak; the last where the space lacks the operation."""
        import numpy as np

        magnitudes = history.magnitudes
        if self.operation not in magnitudes or not history.last:
            return history.last
        own = magnitudes[self.operation]
        score = own if self.equation == 12 else np.sum([own - other for other in magnitudes.values()], axis=0)
        return 1 + int(score[1:].argmax())


class SkipCount(Part):
    """DARTS+ ``sc_k``: the first epoch whose architecture holds k skip connections or more in its cell."""

    name: Literal["skip-count"]
    skips: PositiveInt

    def epoch(self, history: History) -> int:
        """Return that epoch, else the last."""
        import numpy as np

        skips = [sum(operation(edge.operation).kind == "skip" for edge in cell) for cell in history.cells[1:]]
        return _first(np.array(skips, dtype=np.int64) >= self.skips, history)


class RankStability(Part):
    """DARTS+ ``rt_k``: the first epoch at which the learnable operations' ranking has not changed for k epochs.

    The ranking is that of the convolutions among themselves, on every edge that has two of them or more; without such
    an edge it is never met. Delve speaks of the ranking of "learnable operations" becoming stable and says no more, and
    no code of DARTS+ is public: that it means every edge at once, and the convolutions, is chosen here.
    """

    name: Literal["rank-stability"]
    epochs: PositiveInt

    def epoch(self, history: History) -> int:
        """Return that epoch, else the last; the first k epochs can only be compared with the epochs before them."""
        import numpy as np

        rankings = list(_rankings(history))
        if not rankings:
            return history.last
        same = np.logical_and.reduce([(ranks[1:] == ranks[:-1]).all(axis=1) for ranks in rankings])
        run = 0
        for index, unchanged in enumerate(same):  # same[i]: epoch i + 2 ranks as epoch i + 1
            run = run + 1 if unchanged else 0
            if run == self.epochs:
                return index + 2
        return history.last


class BestAccuracy(Part):
    """The best architecture on the path, by the accuracy that is reported: an upper bound, not a method."""

    name: Literal["best-accuracy"]

    def epoch(self, history: History) -> int:
        """Return the epoch of the best known accuracy, else the last."""
        import numpy as np

        known = history.accuracy[1:]
        return history.last if np.isnan(known).all() else 1 + int(np.nanargmax(known))


class DominantEigenvalue(Part):
    """DARTS-ES: stop before the largest eigenvalue of the alpha-Hessian of the validation loss grows too fast.

    With its local average over ``window`` measurements, t in the middle (fewer at the start, none at the end), stop
    once average(t) > ratio * average(t - back) and t - back >= earliest (epochs); the architecture of epoch t - back
    counts (RobustDARTS, its code, where the average counts for the epoch window // 2 measurements before its last).
    What is measured after the last epoch is not looked at: there is nothing to stop any more.
    """

    version = 2
    name: Literal["dominant-eigenvalue"]
    window: PositiveInt
    back: PositiveInt
    ratio: float = Field(gt=0)
    earliest: NonNegativeInt

    def epoch(self, history: History) -> int:
        """Return the epoch t - back, else the last."""
        import numpy as np

        measured = np.flatnonzero(~np.isnan(history.eigenvalues[: history.last]))
        half = self.window // 2
        averages = {
            int(epoch): history.eigenvalues[measured[max(0, i + half + 1 - self.window) : i + half + 1]].mean()
            for i, epoch in enumerate(measured[: len(measured) - half])
        }
        for epoch, average in averages.items():
            before = epoch - self.back
            if before >= self.earliest and before in averages and average > self.ratio * averages[before]:
                return before
        return history.last


Stop = Annotated[
    MagnitudePeak | SkipCount | RankStability | BestAccuracy | DominantEigenvalue, Field(discriminator="name")
]


def _first(met: NDArray[np.bool_], history: History) -> int:
    """Return the first epoch at which a condition is met (``met[0]`` is epoch 1), else the last."""
    return 1 + int(met.argmax()) if met.any() else history.last


def _rankings(history: History) -> Iterator[NDArray[np.int64]]:
    """Yield the ranks of the convolutions of each edge that has several, from epoch 1 on [epochs, convolutions]."""
    for group in history.groups:
        for row, columns in enumerate(group.of_kind("conv")):
            if len(columns) > 1:
                yield history.weights[group.name][1:, row, list(columns)].argsort(axis=1, kind="stable")
