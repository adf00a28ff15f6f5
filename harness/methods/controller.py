"""ENAS: the training of its controller by REINFORCE (ENAS, section 2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, PositiveInt

from harness.methods.mixing import hot
from harness.methods.search import Search
from harness.methods.update import BaseUpdate

if TYPE_CHECKING:
    from torch import Tensor


class PolicyGradient(BaseUpdate):
    """After every epoch of the weights, REINFORCE on the controller with the paths' accuracies as reward.

    Each of ``steps`` moves follows the mean over ``samples`` paths, each evaluated on one batch of the
    architecture's images; the reward is accuracy / 100 + entropy_weight * entropy, less a baseline: the one before,
    moved towards this reward by 1 - ``baseline_decay``.

    ``baseline``: which one is before. ``sample``: that of the path before, at first the reward itself (ENAS' own
    code). ``epoch``: that of the last path of the epoch before, for all paths of an epoch; in the first epoch each
    path's is its own accuracy / 100 (AutoDL).
    """

    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {"relaxation": ("names_paths",), "weight_relaxation": ()}
    version = 2
    name: Literal["policy-gradient"]
    steps: PositiveInt
    samples: PositiveInt
    baseline: Literal["sample", "epoch"]
    baseline_decay: float = Field(ge=0, lt=1)
    entropy_weight: float = Field(ge=0)
    clip: float = Field(gt=0, description="norm of the controller's gradient")

    @property
    def paths_an_epoch(self) -> int:
        """Return the samples of all moves."""
        return self.steps * self.samples

    def begin(self, search: Search) -> None:
        """Start without a baseline."""
        search.memory["baseline"] = None

    def step(self, search: Search, weight_batch: Tensor, architecture_batch: Tensor) -> None:
        """Move the weights on a path of the controller's."""
        search.weight_step(weight_batch)

    def end_epoch(self, search: Search) -> None:
        """Train the controller."""
        import torch

        if search.warming_up():
            return
        frozen = search.memory["baseline"]
        for _ in range(self.steps):
            self._move(search, torch.stack([self._sampled_loss(search, frozen) for _ in range(self.samples)]).mean())

    def _sampled_loss(self, search: Search, of_epoch: float | None) -> Tensor:
        """Return the loss of one path, which every group's controller names its part of."""
        import torch

        relaxation, generator = search.spec.relaxation, search.now.generator
        said = [relaxation.walk(search.alpha[group.name], group, generator) for group in search.spec.space.groups]
        paths = {
            group.name: hot(walk.path, group).to(search.alpha[group.name])
            for group, walk in zip(search.spec.space.groups, said, strict=True)
        }
        indices = search.draw_images(search.spec.batch_size, "architecture-batches")
        accuracy = search.path_accuracy(paths, indices, augmented=True)
        log_probability = torch.stack([walk.log_probability for walk in said]).sum()
        reward = accuracy / 100 + self.entropy_weight * sum(walk.entropy.item() for walk in said)
        before, first = (of_epoch, accuracy / 100) if self.baseline == "epoch" else (search.memory["baseline"], reward)
        baseline = first if before is None else before - (1 - self.baseline_decay) * (before - reward)
        search.memory["baseline"] = baseline
        loss: Tensor = -log_probability * (reward - baseline)
        return loss

    def _move(self, search: Search, loss: Tensor) -> None:
        import torch

        alphas = list(search.alpha.values())
        gradients = torch.autograd.grad(loss, alphas)
        norm = torch.stack([g.norm() for g in gradients]).norm()
        search.move_architecture([g * (self.clip / norm).clamp(max=1) for g in gradients])
