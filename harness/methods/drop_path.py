"""Drop-path: edges are left out at random, image by image, while the supernet trains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

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

    def factors(self, shape: tuple[int, ...], step: Step) -> Tensor:
        """Draw what the outputs of edges are multiplied by, 0 or 1 / (1 - p)."""
        import torch

        keep = 1 - self.probability * _progress(step)
        return (torch.rand(shape, generator=step.generator) < keep) / keep

    def cutout_probability(self, step: Step) -> float:
        """Return the probability that an image loses a square."""
        return _progress(step)


def _progress(step: Step) -> float:
    """Return 0 in the first epoch, 1 in the last."""
    return step.epoch / max(step.epochs - 1, 1)
