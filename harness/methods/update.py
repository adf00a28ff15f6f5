"""What every update is, and what others may need of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from harness.methods.composition import Composed
from harness.methods.search import Search

if TYPE_CHECKING:
    from torch import Tensor


class BaseUpdate(Composed):
    """Which data moves what, in which order.

    ``plain``: its passes are the search's own, in all of which noise, drop-path and auxiliary connections act.
    ``separate``: weights have a step of their own. ``descends``: alpha follows the gradient of the search's loss, to
    which a regulariser adds. ``trains_alpha``: in whatever way. ``paths_an_epoch``: evaluated once its steps are done.
    """

    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {"weight_relaxation": ()}
    plain: ClassVar[bool] = False
    separate: ClassVar[bool] = True
    descends: ClassVar[bool] = False
    trains_alpha: ClassVar[bool] = True

    @property
    def looks_ahead(self) -> bool:
        """Tell whether alpha's gradient is that after one more step of the weights."""
        return False

    @property
    def recordable(self) -> bool:
        """Tell whether a step asks nothing of the host, so that a device may record and replay it."""
        return False

    @property
    def paths_an_epoch(self) -> int:
        """Return how many paths are evaluated after the steps of an epoch, each on one batch."""
        return 0

    def passes(self, weights: float, alpha: float, path: float) -> float:
        """Return what a step costs; ``weights``, ``alpha``: a pass of either side; ``path``: one of a single path."""
        return weights

    def begin(self, search: Search) -> None:
        """Set up what the update keeps from step to step."""

    def step(self, search: Search, weight_batch: Tensor, architecture_batch: Tensor) -> None:
        """Do one step on image indices [B]."""
        raise NotImplementedError

    def end_epoch(self, search: Search) -> None:
        """Do what comes after all steps of an epoch."""
