"""Diagnostics: what is measured beside the search after an epoch, without any effect on it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from harness.methods.bench import Bench, largest
from harness.part import Part


class _Diagnostic(Part):
    every: PositiveInt = Field(description="epochs between measurements; the state before training counts as epoch 0")
    images: PositiveInt = Field(description="first images of the architecture's set, not augmented")


class Eigenvalue(_Diagnostic):
    """Largest eigenvalue of the Hessian of the architecture's loss with respect to alpha (RobustDARTS, section 3).

    The loss is that under alpha's opinion. The weight decay of alpha's optimiser is on the diagonal. All ``images`` are
    one batch; RobustDARTS takes the last batch of the epoch, augmented.
    """

    name: Literal["eigenvalue"]

    def measure(self, search: Bench) -> float:
        """Return the eigenvalue."""
        return search.dominant_eigenvalue(self.images)


class SupernetAccuracy(_Diagnostic):
    """Accuracy of the supernet, percent, with the batches' own statistics.

    Edges mix by alpha's opinion, decided ones by their operation: temperatures, draws, noise and auxiliary connections
    of steps are left out.
    """

    name: Literal["supernet-accuracy"]

    def measure(self, search: Bench) -> float:
        """Return the accuracy."""
        return search.accuracies([search.fixed(search.strengths())], self.images)[0]


class DiscretisedAccuracy(_Diagnostic):
    """The same with every edge reduced to its operation of largest weight (SP-DARTS, Figure 3)."""

    name: Literal["discretised-accuracy"]

    def measure(self, search: Bench) -> float:
        """Return the accuracy."""
        return search.accuracies([largest(search.fixed(search.strengths()))], self.images)[0]


Diagnostic = Annotated[Eigenvalue | SupernetAccuracy | DiscretisedAccuracy, Field(discriminator="name")]
