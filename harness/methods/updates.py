"""Updates: which data moves what, in which order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from harness.methods.collaborative import Collaborative
from harness.methods.controller import PolicyGradient
from harness.methods.search import Search
from harness.methods.update import BaseUpdate

if TYPE_CHECKING:
    from torch import Tensor


class Alternating(BaseUpdate):
    """Weights and architecture in two steps on two batches (bi-level: DARTS, Algorithm 1).

    ``unrolled``: the architecture's gradient looks one step of the weights ahead (second order, DARTS, Eq. 7 and 8);
    without, xi = 0. On ``split: shared`` data the two batches come from one set ("same subset" of Single-DARTS,
    Table 4).
    """

    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {"relaxation": ("learns",)}
    plain: ClassVar[bool] = True
    descends: ClassVar[bool] = True

    name: Literal["alternating"]
    order: Literal["weights-first", "architecture-first"]
    unrolled: bool

    @property
    def looks_ahead(self) -> bool:
        """Tell whether it is of second order."""
        return self.unrolled

    @property
    def recordable(self) -> bool:
        """Only the first order: the second sets random streams back."""
        return not self.unrolled

    def passes(self, weights: float, alpha: float, path: float) -> float:
        """Return a pass of each side, and three more to look ahead."""
        return weights + alpha + 3 * self.unrolled

    def step(self, search: Search, weight_batch: Tensor, architecture_batch: Tensor) -> None:
        """Do one step of each kind."""
        if self.order == "weights-first":
            search.weight_step(weight_batch)
        if self.unrolled:
            search.unrolled_step(weight_batch, architecture_batch)
        else:
            search.architecture_step(architecture_batch)
        if self.order == "architecture-first":
            search.weight_step(weight_batch)


class Joint(BaseUpdate):
    """One batch, one forward and one backward for both (single-level: Single-DARTS, Eq. 16)."""

    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {"relaxation": ("learns",), "weight_relaxation": ()}
    plain: ClassVar[bool] = True
    separate: ClassVar[bool] = False
    descends: ClassVar[bool] = True

    name: Literal["joint"]

    @property
    def recordable(self) -> bool:
        """All of it is on the device."""
        return True

    def passes(self, weights: float, alpha: float, path: float) -> float:
        """Return the one pass."""
        return alpha

    def step(self, search: Search, weight_batch: Tensor, architecture_batch: Tensor) -> None:
        """Do one joint step; the architecture batch is not used."""
        search.joint_step(weight_batch)


class WeightsOnly(BaseUpdate):
    """The architecture is not trained."""

    plain: ClassVar[bool] = True
    trains_alpha: ClassVar[bool] = False

    name: Literal["weights-only"]

    @property
    def recordable(self) -> bool:
        """All of it is on the device."""
        return True

    def step(self, search: Search, weight_batch: Tensor, architecture_batch: Tensor) -> None:
        """Do one weight step; the architecture batch is not used."""
        search.weight_step(weight_batch)


Update = Annotated[Alternating | Joint | WeightsOnly | PolicyGradient | Collaborative, Field(discriminator="name")]
