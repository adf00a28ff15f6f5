"""The state of one search, and the steps and measurements that its parts are made of."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from harness.data.images import Dataset
from harness.engine.cell_gradients import cell_gradients
from harness.engine.correlation import AtNodes, Comoments, at_nodes, gradient_confusion, gradient_correlation
from harness.engine.feed import Feed
from harness.engine.measure import batch_statistics, correct_answers, largest_eigenvalue
from harness.engine.meter import Meter
from harness.engine.optimisers import build_optimiser, moving_rates
from harness.engine.streams import set_streams
from harness.engine.unrolled import unrolled_gradient
from harness.methods.mixing import Mixing, hot
from harness.methods.spec import ConstantInit, EvenInit, NormalInit, SearchSpec, UniformInit
from harness.methods.step import Side, Step
from harness.seeds import derive_seed, global_stream
from harness.spaces.exchange import first_options
from harness.spaces.space import UNDECIDED, Group
from harness.spaces.supernet import Supernet

# One random stream per purpose; what to draw is decided on the host, how to augment on the images' device.
STREAMS: dict[str, Callable[[torch.device], str]] = {
    "alpha": lambda device: "cpu",
    "weight-batches": lambda device: "cpu",
    "architecture-batches": lambda device: "cpu",
    "augmentation": str,
    "relaxation": lambda device: "cpu",
    "coin": lambda device: "cpu",
    "drop-path": lambda device: "cpu",
    "selection": lambda device: "cpu",
    "noise": str,
}
HOST_STREAMS = frozenset(name for name, where in STREAMS.items() if where(torch.device("cuda")) == "cpu")


class Steps:
    """What parts see of a search (`harness.methods.search.Search`)."""

    def __init__(self, spec: SearchSpec, dataset: Dataset, seed: int, device: torch.device) -> None:
        self.spec, self.device, self.seed, self.classes = spec, device, seed, dataset.classes
        self.generators = {
            name: torch.Generator(where(device)).manual_seed(derive_seed(seed, name)) for name, where in STREAMS.items()
        }
        self.feed = Feed(spec, dataset, device, self.generators)
        self.net = self.new_net("weights")
        self.groups = {group.name: group for group in spec.space.groups}
        self.alpha = {name: self._initial_alpha(group) for name, group in self.groups.items()}
        self.decided = {g.name: torch.full((g.shape[0],), UNDECIDED) for g in self.groups.values()}  # on the host
        self.weights = [p for p in self.net.parameters() if p.requires_grad]
        self.weight_optimiser = self.new_weight_optimiser()
        self.architecture_optimiser = build_optimiser(spec.architecture_optimiser, list(self.alpha.values()))
        self.weight_meter, self.architecture_meter = Meter(device), Meter(device)
        self.epoch = 0
        self.seen: dict[Tensor, tuple[Tensor, Tensor]] = {}
        self.now = self.next_step()
        self.parts: dict[str, Any] = {}
        self.memory: dict[str, Any] = {}
        spec.update.begin(self)
        self.history: dict[str, list[list[list[float]]]] = {group: [] for group in self.alpha}
        self.measured: dict[str, list[float | None]] = {}
        self.kept: dict[str, Any] | None = None  # what was `moved`

    def new_net(self, purpose: str) -> Supernet:
        """Build a supernet whose weights start from the seed of a purpose."""
        with global_stream(derive_seed(self.seed, purpose)):
            net = self.spec.space.supernet(self.classes, auxiliary=self.spec.auxiliary_skip is not None)
        net.generator = self.generators["noise"]
        return net.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]

    def _initial_alpha(self, group: Group) -> nn.Parameter:
        shape, generator = self.spec.relaxation.alpha_shape(group), self.generators["alpha"]
        match self.spec.alpha_init:
            case NormalInit(scale=scale):
                start = scale * torch.randn(shape, generator=generator)
            case UniformInit(scale=scale):
                start = scale * (2 * torch.rand(shape, generator=generator) - 1)
            case ConstantInit(value=value):
                start = torch.full(shape, value)
            case EvenInit():
                start = torch.full(shape, 1 / group.shape[1])
        return nn.Parameter(start.to(self.device))

    def new_weight_optimiser(self) -> torch.optim.Optimizer:
        """Build the weights' optimiser, without a memory."""
        return build_optimiser(self.spec.weight_optimiser, self.weights)

    # state --------------------------------------------------------------------------------------------------

    def moved(self) -> dict[str, Any]:
        """Return all that training moves."""
        return {
            "net": self.net.state_dict(),
            "alpha": {group: alpha.data for group, alpha in self.alpha.items()},
            "decided": self.decided,
            "weight_optimiser": self.weight_optimiser.state_dict(),
            "architecture_optimiser": self.architecture_optimiser.state_dict(),
            "generators": {name: generator.get_state() for name, generator in self.generators.items()},
            "parts": {name: part.state_dict() for name, part in self.parts.items()},
            "memory": self.memory,
        }

    def keep(self) -> None:
        """Keep all that training moves."""
        self.kept = copy.deepcopy(self.moved())

    def go_back(self) -> None:
        """Put back what was kept, which stays as it is."""
        assert self.kept is not None
        self.move_to(copy.deepcopy(self.kept))

    def move_to(self, state: dict[str, Any]) -> None:
        """Put in place what training moves."""
        self.memory = state["memory"]
        self.net.load_state_dict(state["net"])
        for group, alpha in self.alpha.items():
            alpha.data.copy_(state["alpha"][group])
            self.decided[group].copy_(state["decided"][group])
        self.weight_optimiser.load_state_dict(state["weight_optimiser"])
        self.architecture_optimiser.load_state_dict(state["architecture_optimiser"])
        for optimiser in (self.weight_optimiser, self.architecture_optimiser):
            moving_rates(optimiser)
        set_streams(self.generators, state["generators"])
        for name, part in self.parts.items():
            part.load_state_dict(state["parts"][name])

    # mixing weights -----------------------------------------------------------------------------------------

    def next_step(self) -> Step:
        """Begin a step: what its weights and its architecture share. Tuning stays at the search's last epoch."""
        self.seen.clear()
        coin = torch.rand((), generator=self.generators["coin"]).item()
        epoch = min(self.epoch, self.spec.search_epochs - 1)
        return Step(epoch, self.spec.epochs, coin, self.generators["relaxation"], tuning=self.epoch > epoch)

    def mixing(self, side: Side = "architecture") -> Mixing:
        """Turn alpha into the mixing weights of the present step of one side, one matrix [rows, options] per group."""
        extra, relaxation = self.spec.auxiliary_skip, self._relaxation(side)
        mixing = {g: relaxation.mixing(alpha, self.groups[g], self.now) for g, alpha in self.alpha.items()}
        if extra is not None:
            mixing = {g: extra.apply(weights, self.now) for g, weights in mixing.items()}
        return self.fixed(mixing)

    def _relaxation(self, side: Side) -> Any:
        spec = self.spec
        return spec.relaxation if side == "architecture" else spec.weight_relaxation or spec.relaxation

    def strengths(self) -> Mixing:
        """Turn alpha into the weights that a trajectory records and discretisation reads."""
        strengths = self.spec.relaxation.strengths
        return {g: strengths(alpha.detach(), self.groups[g]) for g, alpha in self.alpha.items()}

    def fixed(self, mixing: Mixing) -> Mixing:
        """Replace the rows of decided edges by their one-hot weights, those of edges that are left out by zeros."""
        if not self.deciding:
            return mixing
        rows = {}
        for group, weights in mixing.items():
            decided = self.decided[group].to(weights.device)
            chosen = hot(decided.clamp_min(0), self.groups[group], weights.shape[-1])
            one_hot = chosen.to(weights) * (decided >= 0)[:, None]
            rows[group] = torch.where((decided != UNDECIDED)[:, None], one_hot, weights)
        return rows

    @property
    def deciding(self) -> bool:
        """Tell whether a selection has begun to decide edges."""
        return any(bool((decided != UNDECIDED).any()) for decided in self.decided.values())

    # steps ------------------------------------------------------------------------------------------------

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Return the augmented images [B, 3, H, W] and the labels [B] of image indices [B].

        All passes of a step see one batch (one and the same tensor of indices) augmented alike: the look ahead of a
        second-order method is at the very step that the weights then take.
        """
        if indices not in self.seen:
            self.seen[indices] = self.feed.augmented(indices, self.now)
        return self.seen[indices]

    def draw_images(self, count: int, stream: str) -> Tensor:
        """Draw indices [count] of the architecture's images, with replacement."""
        return self.feed.draw(count, stream)

    def logits(self, net: Supernet, images: Tensor, mixing: Mixing, *, sampled: bool) -> Tensor:
        """Return logits [B, classes] in the images' type; the network runs in the precision of the search."""
        drops, part = None, self.spec.drop_path if net.training else None
        if part is not None:
            step = replace(self.now, generator=self.generators["drop-path"])
            net.skip_dropout = part.skip_dropout(step)
            drops = part.factors((*net.droppable, len(images)), step)
        with self._precision():
            logits: Tensor = net(images, mixing, sampled=sampled, drops=None if drops is None else drops.to(images))
        net.skip_dropout = 0.0  # of steps alone: nothing is left out where something is measured
        return logits if logits.dtype == images.dtype else logits.float()

    def loss(
        self, images: Tensor, labels: Tensor, mixing: Mixing, meter: Meter | None, side: Side = "architecture"
    ) -> Tensor:
        """Return the mean cross-entropy under ``mixing``."""
        logits = self.logits(self.net, images, mixing, sampled=self._relaxation(side).sampled)
        loss = F.cross_entropy(logits, labels)
        if meter is not None:
            meter.add(loss, logits, labels)
        return loss

    def weight_step(self, batch: Tensor) -> None:
        """Move the weights; alpha's gradient is only computed where the clipped norm counts it in."""
        clip, noise = self.spec.weight_clip, self.spec.weight_noise
        images, labels = self.batch(batch)
        mixing = self.mixing("weights")
        if clip is None or not clip.include_alpha:
            mixing = {group: m.detach() for group, m in mixing.items()}
        if noise is not None:
            self.net.eval()  # SDARTS attacks in evaluation mode, so that running statistics stay as they are
            mixing = noise.perturb(mixing, self.now, lambda noisy: self.loss(images, labels, self.fixed(noisy), None))
            mixing = self.fixed(mixing)  # no noise on decided edges
            self.net.train()
        torch.autograd.backward(self.loss(images, labels, mixing, self.weight_meter, "weights"))
        self._move_weights()
        self._clear_alpha()

    def architecture_step(self, batch: Tensor) -> None:
        """Move alpha; no weight gradient is computed."""
        if self.warming_up():
            return
        with self.net.frozen():
            loss = self.loss(*self.batch(batch), self.mixing(), self.architecture_meter)
        self.move_architecture(torch.autograd.grad(self._penalised(loss), list(self.alpha.values())))

    def unrolled_step(self, weight_batch: Tensor, batch: Tensor) -> None:
        """Move alpha by the second-order gradient (DARTS, Eq. 7 and 8)."""
        if self.warming_up():
            return
        train, valid = self.batch(weight_batch), self.batch(batch)
        streams = [self.generators["relaxation"], self.generators["drop-path"]]
        drawn = [stream.get_state() for stream in streams]

        def loss(of_weights: bool) -> Tensor:
            for stream, state in zip(streams, drawn, strict=True):
                stream.set_state(state)  # what is random about the mixing weights is drawn once
            if of_weights:
                return self.loss(*train, self.mixing(), None)
            return self._penalised(self.loss(*valid, self.mixing(), self.architecture_meter))

        alphas = list(self.alpha.values())
        self.move_architecture(unrolled_gradient(loss, self.weights, alphas, self.weight_optimiser))

    def joint_step(self, batch: Tensor) -> None:
        """Move both from one backward pass."""
        loss = self.loss(*self.batch(batch), self.mixing(), self.weight_meter)
        torch.autograd.backward(self._penalised(loss))
        self._move_weights()
        if not self.warming_up():
            self.move_architecture([alpha.grad for alpha in self.alpha.values() if alpha.grad is not None])
        self._clear_alpha()

    def move_architecture(self, gradients: Sequence[Tensor]) -> None:
        """Step the architecture's optimiser with one gradient per alpha; the rows of decided edges stay."""
        before = {group: alpha.detach().clone() for group, alpha in self.alpha.items()} if self.deciding else {}
        for alpha, gradient in zip(self.alpha.values(), gradients, strict=True):
            alpha.grad = gradient
        self.architecture_optimiser.step()
        for group, old in before.items():
            alpha = self.alpha[group]
            alpha.data = torch.where((self.decided[group] != UNDECIDED)[:, None].to(old.device), old, alpha.data)
        self._clear_alpha()

    def warming_up(self) -> bool:
        """Tell whether only the weights move: at the start, and in the tuning of a selection that holds alpha."""
        spec = self.spec
        return self.epoch < spec.architecture_warmup or (spec.select.holds_alpha and self.epoch >= spec.search_epochs)

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

    # measurements -------------------------------------------------------------------------------------------

    @torch.no_grad()
    def accuracies(self, mixings: Sequence[Mixing], images: int | None) -> list[float]:
        """Return the accuracy (percent) under each mixing, on the first (None: all) of the architecture's images.

        Not augmented, in batches as in training, whose statistics the batch norms use.
        """
        chosen = self.feed.first(images)
        correct = torch.zeros(len(mixings), dtype=torch.int64, device=self.device)
        with batch_statistics(self.net), self._precision():
            for indices in torch.split(chosen, self.spec.batch_size):
                inputs, labels = self.feed.plain(indices)
                correct += torch.stack([correct_answers(logits, labels) for logits in self.net.many(inputs, mixings)])
        return (100 * correct.double() / len(chosen)).tolist()

    @torch.no_grad()
    def path_accuracy(self, mixing: Mixing, indices: Tensor, *, augmented: bool) -> float:
        """Return the accuracy (percent) of one-hot mixing weights on one batch, in evaluation mode."""
        inputs, labels = self.feed.augmented(indices, self.now) if augmented else self.feed.plain(indices)
        training = self.net.training
        self.net.eval()
        logits = self.logits(self.net, inputs, mixing, sampled=True)
        self.net.train(training)
        return 100 * correct_answers(logits, labels).item() / len(labels)

    def dominant_eigenvalue(self, images: int) -> float:
        """Return the largest eigenvalue of the Hessian of the architecture's loss with respect to alpha.

        On the first ``images`` of the architecture's set as one batch, in single precision and without drop-path;
        alpha's weight decay is on the diagonal.
        """
        inputs, labels = self.feed.plain(self.feed.first(images))
        mixing = {g: self.spec.relaxation.strengths(alpha, self.groups[g]) for g, alpha in self.alpha.items()}
        decay = getattr(self.spec.architecture_optimiser, "weight_decay", 0.0)
        with batch_statistics(self.net):
            logits = self.net(inputs, self.fixed(mixing))
            return largest_eigenvalue(F.cross_entropy(logits, labels), list(self.alpha.values()), decay)

    def operation_gradients(self, images: int) -> list[Tensor]:
        """Return dL/dp by cell, row by row, under alpha's opinion, in single precision and without drop-path."""
        inputs, labels = self.feed.plain(self.feed.first(images))
        mixing, kinds = self.fixed(self.strengths()), self.net.kinds
        with batch_statistics(self.net):
            found = cell_gradients(
                mixing, len(kinds), lambda own: F.cross_entropy(self.net.by_cell(inputs, own), labels)
            )
        rows = {kind: self.spec.space.rows(kind) for kind in set(kinds)}
        return [
            torch.cat([of_cell[group.name][row] for group, row in rows[kind]]).cpu()
            for kind, of_cell in zip(kinds, found, strict=True)
        ]

    def gradient_correlations(self, images: int) -> list[list[float]]:
        """Return the gradient correlation of every node that edges enter, by cell, as `operation_gradients`.

        The weights' side has the last images of its set, which on shared data are others than the architecture's; where
        one batch moves both, both have these.
        """
        weights = self._at_nodes(self.feed.weight_set[-images:].to(self.device))
        architecture = self._at_nodes(self.feed.first(images)) if self.spec.update.separate else weights
        return [
            [gradient_correlation(one, other, *ends) for ends in self.spec.space.entered(kind).items()]
            for kind, one, other in zip(self.net.kinds, architecture, weights, strict=True)
        ]

    @torch.no_grad()
    def operation_correlations(self, images: int | None) -> tuple[list[str], list[list[float]]]:
        """Return the options of the first edge of the first cell, `none` aside, and the correlations of their outputs.

        On the weights' first images (None: all), in evaluation mode: the node is what one option alone sends it.
        """
        kind, training = self.net.kinds[0], self.net.training
        group, row = self.spec.space.rows(kind)[0]
        options = first_options(self.spec.space, kind)
        none = {name: torch.zeros_like(weights) for name, weights in self.strengths().items()}
        moments = Comoments()
        self.net.eval()
        for indices in torch.split(self.feed.weight_set[:images].to(self.device), self.spec.batch_size):
            inputs, _ = self.feed.plain(indices)
            outputs = []
            for option in options.values():
                alone = {name: weights.clone() for name, weights in none.items()}
                alone[group.name][row, option] = 1
                outputs.append(self.net.nodes(inputs, alone)[1][0][group.nodes[row]])
            moments.add(torch.stack(outputs))
        self.net.train(training)
        return [*options], moments.correlations()

    def gradient_confusion(self, batches: int, images: int) -> tuple[float, float]:
        """Return the gradient confusion of the weights, by inner products per weight and by cosines.

        Under alpha's opinion, in single precision and without drop-path, with the batches' own statistics.
        """
        drawn = torch.Generator().manual_seed(derive_seed(self.seed, f"gradient confusion after epoch {self.epoch}"))
        mixing, gradients = self.fixed(self.strengths()), []
        for _ in range(batches):
            chosen = self.feed.weight_set[torch.randperm(len(self.feed.weight_set), generator=drawn)[:images]]
            inputs, labels = self.feed.plain(chosen.to(self.device))
            with batch_statistics(self.net):
                loss = F.cross_entropy(self.net(inputs, mixing), labels)
            found = torch.autograd.grad(loss, self.weights, allow_unused=True, materialize_grads=True)
            gradients.append(torch.cat([gradient.flatten() for gradient in found]))
        return gradient_confusion(torch.stack(gradients))

    def _at_nodes(self, indices: Tensor) -> list[AtNodes]:
        inputs, labels = self.feed.plain(indices)
        with batch_statistics(self.net):
            logits, nodes = self.net.nodes(inputs, self.fixed(self.strengths()))
            return at_nodes(F.cross_entropy(logits, labels), nodes)

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.spec.precision == "bfloat16")
