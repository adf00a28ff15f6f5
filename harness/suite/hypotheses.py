"""Hypotheses on the factors of grids: what a paper says causes what, and how large an effect would matter."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from harness.config import Strict

Response = Literal[
    "accuracy", "collapsed", "skip", "skips", "convolution", "collapse-epoch", "best", "selective-stop",
    "supernet-accuracy", "eigenvalue",
]  # fmt: skip
# Of a row whose grid does not have the factor: what it is selected by unless its table says otherwise.
DEFAULT_LEVELS = {"selection": "magnitude"}
Chosen = Annotated[dict[str, str], Field(min_length=1, description="levels by factor")]


class Contrast(Strict):
    """Cells with levels ``left`` less those with levels ``right``, the other factors being equal."""

    left: Chosen
    right: Chosen

    @model_validator(mode="after")
    def _of_the_same_factors(self) -> Contrast:
        if self.left.keys() != self.right.keys() or self.left == self.right:
            raise ValueError("left and right must be different levels of the same factors")
        return self


class Hypothesis(Strict):
    """That an effect is above 0 (``>``), below it (``<``), or less than ``least`` (``<=``: no such gain).

    ``least``: the smallest size that would matter. ``words``: the paper's own; ``text``: ours, what is tested.
    The effect is the mean of ``response`` over cells, left less right; with ``at``, another contrast, how much larger
    that is at its left than at its right. ``among``: levels of other factors that count; all where it names none.
    """

    paper: str | None = Field(default=None, description="of the suite's; null: as the source says")
    source: str
    words: str | None = None
    text: str
    tables: Annotated[list[str], Field(min_length=1)]
    response: Response
    effect: Contrast
    at: Contrast | None = None
    among: dict[str, list[str]] = Field(default_factory=dict)
    relation: Literal[">", "<", "<="]
    least: float = Field(gt=0)
