"""What a part may ask of the search that it is a part of: the engine has it, the tests may stand in for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from harness.methods.mixing import Mixing
from harness.methods.step import Side, Step

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn
    from torch.optim import Optimizer

    from harness.spaces.space import Space
    from harness.spaces.supernet import Supernet


class Settings(Protocol):
    """What parts read of a search's specification."""

    @property
    def space(self) -> Space:
        """The space."""

    @property
    def epochs(self) -> int:
        """Epochs that the schedules count."""

    @property
    def batch_size(self) -> int:
        """Images of a batch."""

    @property
    def relaxation(self) -> Any:
        """The relaxation."""


class Search(Protocol):
    """One search. ``batch`` holds image indices [B]; a group is one alpha with its decided options.

    ``decided[group]``: [rows], see `harness.spaces.space`, on the host.
    ``history[group]``: the strengths [rows, options] of every epoch so far, the state before training first.
    ``measured``: by series what was measured after every epoch so far, None where nothing was.
    ``parts`` (networks, optimisers) and ``memory`` (numbers) are kept from step to step, also by checkpoints.
    ``architecture_meter.add(loss, logits, labels)`` counts a batch of the architecture's.
    """

    epoch: int
    now: Step
    net: Supernet
    alpha: dict[str, nn.Parameter]
    decided: dict[str, Tensor]
    history: dict[str, list[list[list[float]]]]
    measured: dict[str, list[float | None]]
    generators: dict[str, Generator]
    architecture_optimiser: Optimizer
    architecture_meter: Any
    parts: dict[str, Any]
    memory: dict[str, Any]

    @property
    def spec(self) -> Settings:
        """Its specification."""

    def weight_step(self, batch: Tensor) -> None:
        """Move the weights on one batch."""

    def architecture_step(self, batch: Tensor) -> None:
        """Move the architecture on one batch."""

    def unrolled_step(self, weight_batch: Tensor, batch: Tensor) -> None:
        """Move the architecture on one batch as if the weights had moved on the other before."""

    def joint_step(self, batch: Tensor) -> None:
        """Move both on one batch, from one backward pass."""

    def move_architecture(self, gradients: Sequence[Tensor]) -> None:
        """Step the architecture's optimiser with one gradient per alpha; decided edges stay."""

    def warming_up(self) -> bool:
        """Tell whether only the weights move."""

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Return the augmented images [B, 3, H, W] and the labels [B]."""

    def draw_images(self, count: int, stream: str) -> Tensor:
        """Draw indices [count] of the architecture's images, with replacement, from a random stream."""

    def mixing(self, side: Side = "architecture") -> Mixing:
        """Return the mixing weights that a step of one side sees."""

    def keep(self) -> None:
        """Keep all that training moves, random streams too, to `go_back` to; checkpoints hold it."""

    def go_back(self) -> None:
        """Put back what was kept."""

    def strengths(self) -> Mixing:
        """Return the mixing weights that are alpha's opinion."""

    def fixed(self, mixing: Mixing) -> Mixing:
        """Replace the rows of decided edges by their one-hot weights."""

    def logits(self, net: Supernet, images: Tensor, mixing: Mixing, *, sampled: bool) -> Tensor:
        """Return logits [B, classes]; the network runs in the precision of the search."""

    def new_net(self, purpose: str) -> Supernet:
        """Build a second network, whose weights start from the seed of a purpose."""

    def accuracies(self, mixings: Sequence[Mixing], images: int | None) -> list[float]:
        """Return the accuracy (percent) under each mixing, on the first (None: all) of the architecture's images."""

    def path_accuracy(self, mixing: Mixing, indices: Tensor, *, augmented: bool) -> float:
        """Return the accuracy (percent) of one-hot mixing weights on one batch, in evaluation mode."""

    def dominant_eigenvalue(self, images: int) -> float:
        """Return the largest eigenvalue of the Hessian of the architecture's loss with respect to alpha."""

    def operation_gradients(self, images: int) -> list[Tensor]:
        """Return dL/dp of each cell's own mixing weights on the architecture's first images, row by row.

        By cell in their order: the rows [options] of its type, in the order of their places, one after the other.
        """

    def operation_correlations(self, images: int | None) -> tuple[list[str], list[list[float]]]:
        """Return the options of the first edge, `none` aside, and the correlations of their outputs on all images."""

    def gradient_confusion(self, batches: int, images: int) -> tuple[float, float]:
        """Return the gradient confusion of the weights over batches of so many images, and that by cosines."""

    def gradient_correlations(self, images: int) -> list[list[float]]:
        """Return the gradient correlation of the batches of both sides, by cell and node that edges enter."""
