"""Parts of the supernet left out at random while it trains: edges image by image, elements of skip connections."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, NonNegativeInt

from harness.methods.composition import Composed
from harness.methods.step import Step

if TYPE_CHECKING:
    from torch import Tensor


class DropPath(Composed):
    """R-DARTS: drop-path and cutout that both grow over the search (RobustDARTS, section 5.1; its code).

    The output of an edge, all its operations together, is dropped with a probability that rises linearly from 0 in
    the first epoch to ``probability`` in the last, else scaled by 1 / (1 - p). A square of ``cutout`` pixels is cut
    out of an image with a probability that rises from 0 to 1.
    """

    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "relaxation": ("dense",), "weight_relaxation": (), "update": ("plain",),
    }  # fmt: skip

    name: Literal["drop-path"]
    probability: float = Field(ge=0, lt=1)
    cutout: NonNegativeInt

    def skip_dropout(self, step: Step) -> float:
        """Return the rate at which elements of skip connections are left out."""
        return 0.0

    def factors(self, shape: tuple[int, ...], step: Step) -> Tensor:
        """Draw what the outputs of edges are multiplied by, 0 or 1 / (1 - p)."""
        import torch

        keep = 1 - self.probability * _progress(step)
        return (torch.rand(shape, generator=step.generator) < keep) / keep

    def cutout_probability(self, step: Step) -> float:
        """Return the probability that an image loses a square."""
        return _progress(step)


class SkipDropout(Composed):
    """P-DARTS: dropout after every skip connection of stride 1, less and less (Chen et al., section 3.3; its code).

    In the first ``linear_epochs`` of E the rate is ``rate`` * (E - epoch - 1) / E, then ``rate`` * exp(-``decay`` *
    (epoch - ``linear_epochs``)): where alpha begins to learn, it starts from ``rate`` anew.
    """

    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "relaxation": ("dense",), "weight_relaxation": (), "update": ("plain",),
    }  # fmt: skip
    cutout: ClassVar[int] = 0

    name: Literal["skip-dropout"]
    rate: float = Field(ge=0, lt=1)
    linear_epochs: NonNegativeInt
    decay: float = Field(ge=0)

    def check(self, others: Mapping[str, Any]) -> None:
        """Raise ValueError where the space's supernet has no such dropout."""
        if "space" in others and not others["space"].drops_skips:
            raise ValueError(f"space {others['space'].name!r} has no dropout on skip connections")

    def skip_dropout(self, step: Step) -> float:
        """Return the rate at which elements of skip connections are left out."""
        if step.epoch < self.linear_epochs:
            return self.rate * (step.epochs - step.epoch - 1) / step.epochs
        return self.rate * math.exp(-self.decay * (step.epoch - self.linear_epochs))

    def factors(self, shape: tuple[int, ...], step: Step) -> None:
        """Return nothing: all edges stay."""

    def cutout_probability(self, step: Step) -> float:
        """Return 0: no image loses a square."""
        return 0.0


Drops = Annotated[DropPath | SkipDropout, Field(discriminator="name")]


def _progress(step: Step) -> float:
    """Return 0 in the first epoch, 1 in the last."""
    return step.epoch / max(step.epochs - 1, 1)
