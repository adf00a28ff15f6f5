"""Settings of the black-box searchers: everything that decides their outcome, and nothing else.

There are no defaults here: a scientific quantity is written in the catalogue, in a suite or in its base.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from harness.config import Strict
from harness.part import Part

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Fraction = Annotated[float, Field(ge=0, le=1)]
Decay = Annotated[float, Field(ge=0, lt=1)]


class EstimatedCost(Strict):
    """What a query costs, estimated from the benchmark's seconds of 200 training epochs.

    NAS-Bench-201's own searchers pay the recorded seconds of the short training and of one pass over the
    validation images. The table has neither, so both are taken as epochs of the long training.
    """

    name: Literal["estimated-from-200-epochs"]
    validation_pass: float = Field(ge=0, description="one pass over the validation images, in training epochs")
    scale: float = Field(gt=0, description="factor on all costs, to show what the estimate decides")


class Query(Part):
    """One question to the table: validation accuracy after ``epochs`` epochs, for a price."""

    dataset: Literal["cifar10", "cifar100", "imagenet16_120"]
    epochs: Literal[12, 200]
    cost: EstimatedCost

    def seconds(self, seconds_200: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the simulated seconds of a query, given the seconds of 200 training epochs (any shape)."""
        return seconds_200 / 200 * (self.epochs + self.cost.validation_pass) * self.cost.scale


class _Searcher(Part):
    """What all searchers have: the query they ask, and the simulated seconds that they may spend."""

    query: Query
    budget_seconds: float = Field(gt=0)


class RandomSearch(_Searcher):
    """Architectures drawn uniformly."""

    name: Literal["random-search"]


class RegularisedEvolution(_Searcher):
    """Ageing evolution: the winner of a tournament has a mutated child, which replaces the oldest."""

    name: Literal["regularised-evolution"]
    population: PositiveInt
    sample: PositiveInt = Field(description="size of the tournament, drawn with replacement")


class Reinforce(_Searcher):
    """Policy gradient on one independent categorical distribution per edge, moved by Adam."""

    name: Literal["reinforce"]
    lr: float = Field(gt=0)
    betas: tuple[Decay, Decay]
    eps: float = Field(gt=0)
    baseline_decay: Decay = Field(description="of the moving average of the rewards")
    init_scale: float = Field(ge=0, description="logits start at init_scale * N(0, 1)")


class Bohb(_Searcher):
    """HyperBand brackets whose candidates come from a kernel density model.

    ``min_budget`` and ``max_budget`` only set the rungs: every query is the same whatever the rung.
    """

    name: Literal["bohb"]
    n_iters: PositiveInt = Field(description="brackets at most; the simulated seconds end the search before")
    eta: int = Field(ge=2)
    min_budget: float = Field(gt=0)
    max_budget: float = Field(gt=0)
    num_samples: PositiveInt = Field(description="candidates per proposal")
    random_fraction: Fraction
    top_percent: float = Field(gt=0, lt=100, description="share of the observations that count as good")
    min_bandwidth: float = Field(gt=0)
    bandwidth_factor: float = Field(gt=0, description="of continuous variables: no effect on operations")

    @model_validator(mode="after")
    def _ordered_budgets(self) -> Bohb:
        if self.min_budget > self.max_budget:
            raise ValueError("min_budget must not exceed max_budget")
        return self


Searcher = Annotated[RandomSearch | RegularisedEvolution | Reinforce | Bohb, Field(discriminator="name")]
