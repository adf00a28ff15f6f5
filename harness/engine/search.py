"""The one search loop: every method of the catalogue runs through it, whatever its parts."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from harness.data.augment import augment, average_pool_images
from harness.data.batches import draw_with_replacement, epoch_batches
from harness.data.images import Dataset, ImageSet
from harness.engine import checkpoint as checkpoints
from harness.engine.optimisers import build_optimiser, learning_rate
from harness.engine.trajectory import Trajectory
from harness.engine.unrolled import unrolled_gradient
from harness.errors import HarnessError
from harness.methods.relaxations import Moment
from harness.methods.spec import ConstantInit, NormalInit, SearchData, SearchSpec
from harness.seeds import derive_seed
from harness.spaces import nb201
from harness.spaces.nb201_net import Supernet

SKIP = nb201.OPS[nb201.SKIP]
# One random stream per purpose; what to draw is decided on the host, how to augment on the images' device.
STREAMS: dict[str, Callable[[torch.device], str]] = {
    "alpha": lambda device: "cpu",
    "weight-batches": lambda device: "cpu",
    "architecture-batches": lambda device: "cpu",
    "augmentation": str,
    "relaxation": lambda device: "cpu",
    "coin": lambda device: "cpu",
}


@dataclass(frozen=True)
class SearchResult:
    """The trajectory of a search, and how long it took (not part of the result)."""

    trajectory: Trajectory
    epoch_seconds: list[float]
    resumed_from_epoch: int | None


def run_search(
    spec: SearchSpec,
    dataset: Dataset,
    seed: int,
    device: str,
    checkpoint: Path | None = None,
    on_epoch: Callable[[int, int], None] | None = None,
) -> SearchResult:
    """Search from scratch, or from ``checkpoint`` if that file exists, which is written after every epoch."""
    search = Search(spec, dataset, seed, torch.device(device))
    resumed = None
    if checkpoint is not None and checkpoint.exists():
        resumed = search.load(checkpoints.load(checkpoint, device))
    else:
        search.observe(None)
    for epoch in range(search.epoch, spec.epochs):
        start = time.perf_counter()
        search.run_epoch()
        search.seconds.append(time.perf_counter() - start)
        if checkpoint is not None:
            checkpoints.save(search.state(), checkpoint)
        if on_epoch is not None:
            on_epoch(epoch + 1, spec.epochs)
    return SearchResult(search.trajectory, search.seconds, resumed)


class Meter:
    """Sums of loss and correct answers on the device: no host synchronisation within an epoch."""

    def __init__(self, device: torch.device) -> None:
        self.sums = torch.zeros(2, dtype=torch.float64, device=device)
        self.images = 0

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Count one batch; ``loss`` is its mean."""
        correct = (logits.argmax(1) == labels).sum()
        self.sums += torch.stack((loss.detach() * len(labels), correct))
        self.images += len(labels)

    def take(self) -> tuple[float | None, float | None]:
        """Return mean loss and accuracy in percent (None, None without a batch), and start anew."""
        if not self.images:
            return None, None
        loss, correct = (self.sums / self.images).tolist()
        self.sums.zero_()
        self.images = 0
        return loss, 100 * correct


class Search:
    """The state of one search and the steps that updates are made of."""

    def __init__(self, spec: SearchSpec, dataset: Dataset, seed: int, device: torch.device) -> None:
        self.spec, self.device = spec, device
        images, self.weight_set, self.architecture_set = select_images(dataset, spec.data)
        self.images = images.to(device)
        self.dataset = dataset
        self.generators = {
            name: torch.Generator(where(device)).manual_seed(derive_seed(seed, name)) for name, where in STREAMS.items()
        }
        self.net = self._build(dataset.classes, derive_seed(seed, "weights"))
        self.alpha = {g: self._initial_alpha(shape) for g, shape in self.net.groups.items()}
        self.weights = [p for p in self.net.parameters() if p.requires_grad]
        self.weight_optimiser = build_optimiser(spec.weight_optimiser, self.weights, sparse=spec.relaxation.sampled)
        self.architecture_optimiser = build_optimiser(spec.architecture_optimiser, list(self.alpha.values()))
        self.weight_meter, self.architecture_meter = Meter(device), Meter(device)
        self.epoch = 0
        self.augmented: dict[Tensor, tuple[Tensor, Tensor]] = {}
        self.moment = self._next_moment()
        self.seconds: list[float] = []
        self.trajectory = Trajectory(
            ops=list(spec.space.ops), mixing={g: [] for g in self.alpha}, architectures=[], weight_loss=[],
            weight_accuracy=[], architecture_loss=[], architecture_accuracy=[], weight_lr=[],
        )  # fmt: skip

    def _build(self, classes: int, seed: int) -> Supernet:
        space = self.spec.space
        with torch.random.fork_rng(devices=[]):  # torch's initialisers read the global stream: give it ours
            torch.manual_seed(seed)
            net = Supernet(
                channels=space.channels, cells=space.cells, classes=classes, ops=space.ops,
                conv_bias=space.conv_bias, bn_statistics=space.bn_statistics, partial_channels=space.partial_channels,
            )  # fmt: skip
        return net.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]

    def _initial_alpha(self, shape: tuple[int, int]) -> nn.Parameter:
        match self.spec.alpha_init:
            case NormalInit(scale=scale):
                start = scale * torch.randn(shape, generator=self.generators["alpha"])
            case ConstantInit(value=value):
                start = torch.full(shape, value)
        return nn.Parameter(start.to(self.device))

    # steps ------------------------------------------------------------------------------------------------

    def _next_moment(self) -> Moment:
        """Begin a step: what its weights and its architecture share."""
        self.augmented.clear()
        coin = torch.rand((), generator=self.generators["coin"]).item()
        return Moment(self.epoch, self.spec.epochs, coin, self.generators["relaxation"])

    def mixing(self) -> dict[str, Tensor]:
        """Turn alpha into the mixing weights of the present step, one matrix [edges, ops] per group."""
        extra, ops = self.spec.auxiliary_skip, self.spec.space.ops
        mixing = {group: self.spec.relaxation.mixing(alpha, self.moment) for group, alpha in self.alpha.items()}
        if extra is not None:
            mixing = {g: extra.apply(weights, ops.index(SKIP), self.moment) for g, weights in mixing.items()}
        return mixing

    def strengths(self) -> dict[str, Tensor]:
        """Turn alpha into the weights that a trajectory records and discretisation reads."""
        return {group: self.spec.relaxation.strengths(alpha.detach()) for group, alpha in self.alpha.items()}

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Return the augmented images [B, 3, H, W] and the labels [B] of image indices [B].

        All passes of a step see one batch (one and the same tensor of indices) augmented alike: the look ahead of a
        second-order method is at the very step that the weights then take.
        """
        if indices not in self.augmented:
            data = self.spec.data
            images = augment(
                self.images.images[indices], padding=data.crop_padding, flip=data.flip, mean=self.dataset.mean,
                std=self.dataset.std, generator=self.generators["augmentation"],
            )  # fmt: skip
            self.augmented[indices] = images, self.images.labels[indices]
        return self.augmented[indices]

    def loss(self, images: Tensor, labels: Tensor, mixing: dict[str, Tensor], meter: Meter | None) -> Tensor:
        """Return the mean cross-entropy under ``mixing``."""
        logits = self.net(images, mixing, sampled=self.spec.relaxation.sampled)
        loss = F.cross_entropy(logits, labels)
        if meter is not None:
            meter.add(loss, logits, labels)
        return loss

    def weight_step(self, batch: Tensor) -> None:
        """Move the weights; alpha's gradient is only computed where the clipped norm counts it in."""
        clip, noise = self.spec.weight_clip, self.spec.weight_noise
        images, labels = self.batch(batch)
        mixing = self.mixing()
        if clip is None or not clip.include_alpha:
            mixing = {group: m.detach() for group, m in mixing.items()}
        if noise is not None:
            self.net.eval()  # SDARTS attacks in evaluation mode, so that running statistics stay as they are
            mixing = noise.perturb(mixing, self.moment, lambda noisy: self.loss(images, labels, noisy, None))
            self.net.train()
        torch.autograd.backward(self.loss(images, labels, mixing, self.weight_meter))
        self._move_weights()
        self._clear_alpha()

    def architecture_step(self, batch: Tensor) -> None:
        """Move alpha; no weight gradient is computed."""
        if self._warming_up():
            return
        loss = self.loss(*self.batch(batch), self.mixing(), self.architecture_meter)
        alphas = list(self.alpha.values())
        for alpha, gradient in zip(alphas, torch.autograd.grad(self._penalised(loss), alphas), strict=True):
            alpha.grad = gradient
        self.architecture_optimiser.step()
        self._clear_alpha()

    def unrolled_step(self, weight_batch: Tensor, batch: Tensor) -> None:
        """Move alpha by the second-order gradient (DARTS, Eq. 7 and 8)."""
        if self._warming_up():
            return
        train, valid = self.batch(weight_batch), self.batch(batch)
        generator = self.generators["relaxation"]
        drawn = generator.get_state()

        def loss(of_weights: bool) -> Tensor:
            generator.set_state(drawn)  # what is random about the mixing weights is drawn once
            if of_weights:
                return self.loss(*train, self.mixing(), None)
            return self._penalised(self.loss(*valid, self.mixing(), self.architecture_meter))

        alphas = list(self.alpha.values())
        for alpha, gradient in zip(
            alphas, unrolled_gradient(loss, self.weights, alphas, self.weight_optimiser), strict=True
        ):
            alpha.grad = gradient
        self.architecture_optimiser.step()
        self._clear_alpha()

    def joint_step(self, batch: Tensor) -> None:
        """Move both from one backward pass."""
        loss = self.loss(*self.batch(batch), self.mixing(), self.weight_meter)
        torch.autograd.backward(self._penalised(loss))
        self._move_weights()
        if not self._warming_up():
            self.architecture_optimiser.step()
        self._clear_alpha()

    def _warming_up(self) -> bool:
        return self.epoch < self.spec.architecture_warmup

    def _penalised(self, loss: Tensor) -> Tensor:
        regulariser = self.spec.regulariser
        if regulariser is None:
            return loss
        return loss + sum((regulariser.penalty(alpha) for alpha in self.alpha.values()), loss.new_zeros(()))

    def _move_weights(self) -> None:
        for weight in self.weights:
            if weight.grad is None:  # of an operation that was not drawn: 0, so decay and momentum still move it
                weight.grad = torch.zeros_like(weight)
        clip = self.spec.weight_clip
        if clip is not None:
            alphas = [a for a in self.alpha.values() if a.grad is not None] if clip.include_alpha else []
            norm = nn.utils.get_total_norm([p.grad for p in [*self.weights, *alphas] if p.grad is not None])
            nn.utils.clip_grads_with_norm_(self.weights, clip.norm, norm)
        self.weight_optimiser.step()
        self.weight_optimiser.zero_grad(set_to_none=True)

    def _clear_alpha(self) -> None:
        for alpha in self.alpha.values():
            alpha.grad = None

    # epochs -----------------------------------------------------------------------------------------------

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield pairs of image index batches; the weights' pass sets the number of steps."""
        generator = self.generators["weight-batches"]
        passes = epoch_batches(len(self.weight_set), self.spec.batch_size, generator, drop_last=False)
        for weight_batch, architecture_batch in zip(passes, self._architecture_batches(), strict=False):
            yield (
                self.weight_set[weight_batch].to(self.device, non_blocking=True),
                self.architecture_set[architecture_batch].to(self.device, non_blocking=True),
            )

    def _architecture_batches(self) -> Iterator[Tensor]:
        """Yield batches for ever: independent draws, or shuffled passes that begin anew with each epoch."""
        count, size = len(self.architecture_set), self.spec.batch_size
        generator = self.generators["architecture-batches"]
        while True:
            if self.spec.data.architecture_draw == "with-replacement":
                yield draw_with_replacement(count, size, generator)
            else:
                yield from epoch_batches(count, size, generator, drop_last=False)

    def run_epoch(self) -> None:
        """Do one pass over the weights' images, then observe."""
        spec = self.spec
        rate = learning_rate(spec.weight_schedule, spec.weight_optimiser.lr, self.epoch, spec.epochs)
        set_rate(self.weight_optimiser, rate)
        set_rate(
            self.architecture_optimiser,
            learning_rate(spec.architecture_schedule, spec.architecture_optimiser.lr, self.epoch, spec.epochs),
        )
        self.net.train()
        for weight_batch, architecture_batch in self.batches():
            self.moment = self._next_moment()
            spec.update.step(self, weight_batch, architecture_batch)
        self.epoch += 1
        self.observe(rate)

    def observe(self, rate: float | None) -> None:
        """Append the state after an epoch to the trajectory; a loss that is not finite ends the trial.

        Mixing weights are written as the shortest decimals that single precision reads back unchanged.
        """
        track = self.trajectory
        mixing = self.strengths()
        for group, weights in mixing.items():
            track.mixing[group].append([[float(str(value)) for value in row] for row in weights.cpu().numpy()])
        track.architectures.append(self.net.discretise(mixing))
        loss, accuracy = self.weight_meter.take()
        track.weight_loss.append(loss)
        track.weight_accuracy.append(accuracy)
        other_loss, accuracy = self.architecture_meter.take()
        track.architecture_loss.append(other_loss)
        track.architecture_accuracy.append(accuracy)
        track.weight_lr.append(rate)
        if any(value is not None and not math.isfinite(value) for value in (loss, other_loss)):
            raise HarnessError(f"the search diverged: its loss is no finite number in epoch {self.epoch}")

    # checkpoints ------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Return all that the rest of the run depends on."""
        return {
            "epoch": self.epoch,
            "seconds": self.seconds,
            "trajectory": self.trajectory.model_dump(),
            "net": self.net.state_dict(),
            "alpha": {group: alpha.data for group, alpha in self.alpha.items()},
            "weight_optimiser": self.weight_optimiser.state_dict(),
            "architecture_optimiser": self.architecture_optimiser.state_dict(),
            "generators": {name: generator.get_state() for name, generator in self.generators.items()},
        }

    def load(self, state: dict[str, Any]) -> int:
        """Take up a saved state; return its epoch."""
        self.epoch, self.seconds = state["epoch"], state["seconds"]
        self.trajectory = Trajectory.model_validate(state["trajectory"])
        self.net.load_state_dict(state["net"])
        for group, alpha in self.alpha.items():
            alpha.data.copy_(state["alpha"][group])
        self.weight_optimiser.load_state_dict(state["weight_optimiser"])
        self.architecture_optimiser.load_state_dict(state["architecture_optimiser"])
        for name, generator in self.generators.items():
            generator.set_state(state["generators"][name].cpu())
        return self.epoch


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of all groups."""
    for group in optimiser.param_groups:
        group["lr"] = rate


def select_images(dataset: Dataset, data: SearchData) -> tuple[ImageSet, Tensor, Tensor]:
    """Return the training images at the search's size, and the index sets of weights and architecture."""
    total = len(dataset.train.labels)
    weights, architecture = data.counts(total)
    images = average_pool_images(dataset.train.images, data.image_size)
    first = torch.arange(weights)
    second = first if data.split == "shared" else torch.arange(weights, weights + architecture)
    return ImageSet(images, dataset.train.labels), first, second
