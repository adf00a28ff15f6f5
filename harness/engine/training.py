"""The one training loop: a stand-alone network from its first weights to the accuracy of its last epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from harness.data.images import Dataset
from harness.engine import checkpoint as checkpoints
from harness.engine.capture import Recording, Tapes, records
from harness.engine.correlation import gradient_confusion
from harness.engine.measure import batch_statistics
from harness.engine.meter import Meter
from harness.engine.optimisers import build_optimiser, fixed_rates, moving_rates, set_rate
from harness.engine.streams import begin_streams, set_streams
from harness.engine.training_feed import TrainingFeed
from harness.engine.trajectory import TrainingCurve
from harness.engine.turns import DEVICE
from harness.errors import HarnessError
from harness.methods.training import ALWAYS, Confusion, TrainingSpec, path_factors
from harness.seeds import derive_seed, global_stream

TEST_BATCH = 500
# One random stream per purpose, on the host or on the images' device; `noise` is the noise operation's.
HOST_STREAMS = ("training-batches",)
DEVICE_STREAMS = ("training-augmentation", "training-drop-path", "training-noise")


@dataclass(frozen=True)
class TrainingResult:
    """The curve of a training, and how long it took (not part of the result)."""

    curve: TrainingCurve
    epoch_seconds: list[float]
    resumed_from_epoch: int | None
    sittings: list[Mapping[str, Any]]


def run_training(
    spec: TrainingSpec,
    architecture: str,
    dataset: Dataset,
    seed: int,
    device: str,
    checkpoint: Path | None = None,
    on_epoch: Callable[[int, int], None] | None = None,
    *,
    sitting: Mapping[str, Any] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> TrainingResult:
    """Train from scratch, or from ``checkpoint`` if that file exists, which is written after every epoch.

    ``architecture``: what the specification's subject turned out to be. ``sitting`` and ``clock``: as of
    `harness.engine.search.run_search`. Raises `DamagedCheckpoint` for a checkpoint that no training can go on from.
    """
    with DEVICE.share():
        training = Training(spec, architecture, dataset, seed, torch.device(device))
        resumed = checkpoints.take_up(checkpoint, training.device, training.load)
        training.sittings.append(
            {**(sitting or {}), "after_epoch": training.epoch, "new_streams": training.new_streams}
        )
        while training.epoch < spec.epochs:
            start = clock()
            training.run_epoch()
            training.seconds.append(clock() - start)
            if checkpoint is not None:
                checkpoints.save(training.state(), checkpoint)
            if on_epoch is not None:
                on_epoch(training.epoch, spec.epochs)
        if spec.confusion is not None:
            training.curve.diagnostics = training.confusion(spec.confusion)
        return TrainingResult(training.curve, training.seconds, resumed, training.sittings)


class Training:
    """One training: its epochs, what it leaves of them, and its checkpoints."""

    def __init__(
        self, spec: TrainingSpec, architecture: str, dataset: Dataset, seed: int, device: torch.device,
        record: Recording | None = None,
    ) -> None:  # fmt: skip
        self.spec, self.seed, self.device = spec, seed, device
        self.guesses, self.classes = (*ALWAYS, *spec.tops), dataset.classes
        if max(spec.tops, default=0) > self.classes:
            raise HarnessError(f"tops: {max(spec.tops)} guesses are more than the {self.classes} classes")
        places = dict.fromkeys(HOST_STREAMS, "cpu") | dict.fromkeys(DEVICE_STREAMS, str(device))
        self.generators = {
            name: torch.Generator(place).manual_seed(derive_seed(seed, name)) for name, place in places.items()
        }
        self.feed = TrainingFeed(spec, dataset, device, self.generators["training-augmentation"])
        with global_stream(derive_seed(seed, "training-weights")):
            net = spec.architectures.network(architecture, spec.network.size, dataset.classes)
        net.generator = self.generators["training-noise"]
        self.net = net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        counted = spec.architectures.counts(architecture, spec.network.size, dataset.classes, spec.data.image_size)
        self.weights = [p for name, p in self.net.named_parameters() if self._is_trained(name)]
        self.optimiser = build_optimiser(spec.optimiser, self.weights)
        self.kept = torch.ones((), device=device)  # the probability of every path in this epoch, in its place
        self.share = torch.ones((), device=device)  # of an image in what mixup makes of it, this batch's
        self.meter = Meter(device)
        self.curve = TrainingCurve(architecture=architecture, parameters=counted.parameters)
        self.epoch, self.seconds, self.new_streams = 0, [], False  # type: int, list[float], bool
        self.sittings: list[Mapping[str, Any]] = []
        self.batch = torch.zeros(spec.batch_size, dtype=torch.int64, device=device)
        self.tapes = self._tapes(record)

    def _is_trained(self, name: str) -> bool:
        """Leave the auxiliary head out where its loss is not asked for."""
        return self.spec.auxiliary is not None or not name.startswith("auxiliary.")

    def _tapes(self, record: Recording | None) -> Tapes | None:
        if record is None and not records(self.device):
            return None
        if self.feed.large:  # a batch comes from the host
            return None
        if self.spec.data.auto_augment is not None:  # how many images an operation changes is known on the host
            return None
        fixed_rates(self.optimiser)
        return Tapes([self.generators[name] for name in DEVICE_STREAMS], record)

    def run_epoch(self) -> None:
        """Do one pass over the training images, then evaluate where that is due."""
        rate = self.spec.rate(self.epoch)
        set_rate(self.optimiser, rate)
        self.kept.fill_(self.spec.kept(self.epoch))
        self.net.train()
        for batch in self.feed.batches(self.generators["training-batches"]):
            DEVICE.give_way()
            if self.spec.mixup is not None:
                self.share.fill_(self._share(self.spec.mixup))
            self._replay(batch) if self.tapes else self.step(batch)
        self.epoch += 1
        self.observe(rate)

    def _replay(self, batch: Tensor) -> None:
        """Do a step from its recording, where there is one; the rest of a pass has none."""
        assert self.tapes is not None
        dropping = self.spec.kept(self.epoch) < 1
        full = len(batch) == len(self.batch)
        tape = self.tapes.of(dropping, lambda: self.step(self.batch)) if full else None
        if tape is None:
            self.step(batch)
            return
        self.batch.copy_(batch)
        tape.replay()

    def step(self, batch: Tensor) -> None:
        """Move the weights on image indices [B]."""
        images, labels = self.feed.augmented(batch)
        torch.autograd.backward(self.loss(images, labels))
        for weight in self.weights:
            if weight.grad is None:  # its output is used by nothing
                weight.grad = torch.zeros_like(weight)
        if self.spec.clip is not None:
            norm = nn.utils.get_total_norm([weight.grad for weight in self.weights if weight.grad is not None])
            nn.utils.clip_grads_with_norm_(self.weights, self.spec.clip, norm)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)

    def _share(self, shape: float) -> float:
        """Draw from the beta distribution whose parameters are both ``shape``."""
        from scipy.special import betaincinv  # slow to import

        drawn = torch.rand((), generator=self.generators["training-batches"], dtype=torch.float64)
        return float(betaincinv(shape, shape, drawn.item()))

    def _mixed(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Mix images with others of the batch (Zhang et al. 2018); return shares of classes [B, classes], too."""
        drawn = torch.rand(len(images), generator=self.generators["training-augmentation"], device=self.device)
        other = drawn.argsort()  # a permutation that a recording of the step can draw
        targets = F.one_hot(labels, self.classes).to(images)
        pixels, shares = (self.share * own + (1 - self.share) * own[other] for own in (images, targets))
        return pixels, shares

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return the mean cross-entropy with that of the auxiliary head; drop-path and mixup are drawn.

        What is counted as right in training is an image's own class, of which mixup may leave little.
        """
        targets = labels
        if self.spec.mixup is not None:
            images, targets = self._mixed(images, labels)
        drops = None
        if self.spec.kept(self.epoch) < 1:
            shape = (self.net.droppable, len(images))
            drops = path_factors(shape, self.kept.to(images), self.generators["training-drop-path"])
        with self._precision():
            logits, loss, whole = self._losses(images, targets, drops)
        self.meter.add(loss, logits, labels)
        return whole

    def _losses(self, images: Tensor, targets: Tensor, drops: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Return the logits, their loss, and that together with the auxiliary head's.

        ``targets``: classes [B], or shares of them [B, classes].
        """
        spec = self.spec
        if spec.auxiliary is None:
            logits, extra = self.net(images, drops=drops), None
        else:
            logits, extra = self.net.with_auxiliary(images, drops=drops)
        logits = logits if logits.dtype == images.dtype else logits.float()
        loss = F.cross_entropy(logits, targets, label_smoothing=spec.label_smoothing)
        if extra is None or spec.auxiliary is None:
            return logits, loss, loss
        beside = F.cross_entropy(extra.to(loss), targets, label_smoothing=spec.label_smoothing)
        return logits, loss, loss + spec.auxiliary * beside

    def confusion(self, asked: Confusion) -> dict[str, float]:
        """Return the gradient confusion of the weights, by inner products per weight and by cosines.

        In single precision and without drop-path, on images that are not augmented, with the batches' own statistics.
        """
        drawn = torch.Generator().manual_seed(derive_seed(self.seed, "gradient confusion"))
        gradients = []
        for _ in range(asked.batches):
            chosen = torch.randperm(len(self.feed.images), generator=drawn)[: asked.images]
            images, labels = self.feed.plain(chosen)
            with batch_statistics(self.net):
                *_, loss = self._losses(images, labels, None)
            found = torch.autograd.grad(loss, self.weights, allow_unused=True, materialize_grads=True)
            gradients.append(torch.cat([gradient.flatten() for gradient in found]))
        products, cosines = gradient_confusion(torch.stack(gradients))
        return dict(zip(Confusion.series, (products, cosines), strict=True))

    def observe(self, rate: float) -> None:
        """Append what an epoch gave to the curve; a loss that is not finite ends the trial."""
        loss, accuracy = self.meter.take()
        due = self.epoch % self.spec.evaluated_every == 0 or self.epoch == self.spec.epochs
        right = self.accuracies() if due else dict.fromkeys(self.guesses)
        if loss is None or accuracy is None or not math.isfinite(loss):
            raise HarnessError(f"the training diverged: its loss is no finite number in epoch {self.epoch}")
        self.curve.add(loss=loss, train_accuracy=accuracy, lr=rate, right=right)

    @torch.no_grad()
    def accuracies(self) -> dict[int, float | None]:
        """Return how many of the images that are evaluated (percent) are right by the number of guesses.

        The noise operation draws, but from where it was: a training that evaluates more often is the same training.
        """
        drawn = self.generators["training-noise"].get_state()
        self.net.eval()
        most = min(max(self.guesses), self.classes)
        right = torch.zeros(most, dtype=torch.int64, device=self.device)  # at that guess
        for images, labels in self.feed.evaluated(TEST_BATCH):
            with self._precision():
                logits = self.net(images)
            right += (logits.topk(most).indices == labels[:, None]).sum(0)
        self.generators["training-noise"].set_state(drawn)
        shares = (100 * right.cumsum(0).double() / self.feed.evaluated_count).tolist()
        return {guesses: shares[min(guesses, most) - 1] for guesses in self.guesses}

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.spec.precision == "bfloat16")

    def state(self) -> dict[str, Any]:
        """Return all that the rest of the run depends on."""
        return {
            "device": self.device.type,
            "epoch": self.epoch,
            "seconds": self.seconds,
            "sittings": self.sittings,
            "curve": self.curve.model_dump(),
            "net": self.net.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "generators": {name: generator.get_state() for name, generator in self.generators.items()},
        }

    def load(self, state: dict[str, Any]) -> int:
        """Take up a saved state; return its epoch. Of another kind of device, too: its random streams stay behind."""
        self.epoch, self.seconds, self.sittings = state["epoch"], state["seconds"], state["sittings"]
        curve = TrainingCurve.model_validate(state["curve"])
        if curve.architecture != self.curve.architecture:
            raise ValueError("another architecture")
        self.curve = curve
        self.net.load_state_dict(state["net"])
        self.optimiser.load_state_dict(state["optimiser"])
        moving_rates(self.optimiser)
        self.new_streams = state["device"] != self.device.type
        if self.new_streams:
            begin_streams(self.generators, HOST_STREAMS, self.seed, self.epoch, [state])
        set_streams(self.generators, state["generators"])
        self.tapes = self._tapes(None)  # learning rates were replaced
        return self.epoch
