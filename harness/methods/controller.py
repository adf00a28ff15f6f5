"""ENAS: the recurrent controller that names a path, and its training by REINFORCE (ENAS, section 2.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field, PositiveInt

from harness.methods.bench import Bench
from harness.methods.part import Part

if TYPE_CHECKING:
    from torch import Generator, Tensor

HIDDEN, LAYERS = 32, 2  # of the LSTM (AutoDL)


@dataclass(frozen=True)
class Walk:
    """What the controller said. ``path``: [edges] operations; ``probabilities``: [edges, ops] at each of its steps.

    ``log_probability`` of the whole path and ``entropy``, summed over the steps, are scalars with gradients.
    """

    path: Tensor
    probabilities: Tensor
    log_probability: Tensor
    entropy: Tensor


def _shapes(ops: int) -> list[tuple[int, ...]]:
    """List the controller's weights: first input, LSTM layers, embedding of an operation, output layer."""
    layer: list[tuple[int, ...]] = [(4 * HIDDEN, HIDDEN), (4 * HIDDEN, HIDDEN), (4 * HIDDEN,), (4 * HIDDEN,)]
    return [(1, HIDDEN), *LAYERS * layer, (ops, HIDDEN), (ops, HIDDEN), (ops,)]


def weight_count(ops: int) -> int:
    """Return the number of the controller's weights."""
    return sum(shape[0] * (shape[1] if len(shape) > 1 else 1) for shape in _shapes(ops))


def walk(weights: Tensor, edges: int, temperature: float, tanh_constant: float, generator: Generator | None) -> Walk:
    """Name one operation per edge with flat weights [p]: drawn with ``generator``, else each the most probable.

    Logits are tanh_constant tanh(output / temperature); the operation named last is the next input.
    """
    import torch

    ops = (len(weights) - weight_count(0)) // (weight_count(1) - weight_count(0))
    shapes = _shapes(ops)
    pieces = torch.split(weights, [torch.Size(shape).numel() for shape in shapes])
    first, *lstm, embedding, output, bias = (p.view(s) for p, s in zip(pieces, shapes, strict=True))
    state = [(torch.zeros_like(first), torch.zeros_like(first)) for _ in range(LAYERS)]
    given, path, rows = first, [], []
    for _ in range(edges):
        here = given
        for layer in range(LAYERS):
            state[layer] = torch.lstm_cell(here, state[layer], *lstm[4 * layer : 4 * layer + 4])
            here = state[layer][0]
        logits = tanh_constant * torch.tanh(torch.nn.functional.linear(here, output, bias)[0] / temperature)
        rows.append(logits.log_softmax(-1))
        chances = rows[-1].detach().exp()
        named = chances.argmax() if generator is None else chances.cpu().multinomial(1, generator=generator)[0]
        path.append(named.to(weights.device))
        given = embedding[path[-1]].unsqueeze(0)
    chosen, logs = torch.stack(path), torch.stack(rows)
    return Walk(chosen, logs.exp(), logs.gather(1, chosen[:, None]).sum(), -(logs.exp() * logs).sum())


class PolicyGradient(Part):
    """After every epoch of the weights, REINFORCE on the controller with the paths' accuracies as reward.

    Each of ``steps`` moves follows the mean over ``samples`` paths, each evaluated on one batch of the
    architecture's images; the reward is accuracy / 100 + entropy_weight * entropy, less a baseline: the one before,
    moved towards this reward by 1 - ``baseline_decay``.

    ``baseline``: which one is before. ``sample``: that of the path before, at first the reward itself (ENAS' own
    code). ``epoch``: that of the last path of the epoch before, for all paths of an epoch; in the first epoch each
    path's is its own accuracy / 100 (AutoDL).
    """

    version = 2
    name: Literal["policy-gradient"]
    steps: PositiveInt
    samples: PositiveInt
    baseline: Literal["sample", "epoch"]
    baseline_decay: float = Field(ge=0, lt=1)
    entropy_weight: float = Field(ge=0)
    clip: float = Field(gt=0, description="norm of the controller's gradient")

    def begin(self, search: Bench) -> None:
        """Start without a baseline."""
        search.memory["baseline"] = None

    def step(self, search: Bench, weight_batch: Tensor, architecture_batch: Tensor) -> None:
        """Move the weights on a path of the controller's."""
        search.weight_step(weight_batch)

    def end_epoch(self, search: Bench) -> None:
        """Train the controller."""
        import torch

        if search.warming_up():
            return
        frozen = search.memory["baseline"]
        for _ in range(self.steps):
            self._move(search, torch.stack([self._sampled_loss(search, frozen) for _ in range(self.samples)]).mean())

    def _sampled_loss(self, search: Bench, of_epoch: float | None) -> Tensor:
        from torch.nn import functional as F

        from harness.methods.relaxations import Controller

        (group, alpha), *_ = search.alpha.items()
        relaxation = search.spec.relaxation
        assert isinstance(relaxation, Controller), "checked by the specification"
        said = relaxation.walk(alpha, search.moment.generator)
        mixing = {group: F.one_hot(said.path, said.probabilities.shape[-1]).to(alpha)}
        indices = search.draw_images(search.spec.batch_size, "architecture-batches")
        accuracy = search.path_accuracy(mixing, indices, augmented=True)
        reward = accuracy / 100 + self.entropy_weight * said.entropy.item()
        before, first = (of_epoch, accuracy / 100) if self.baseline == "epoch" else (search.memory["baseline"], reward)
        baseline = first if before is None else before - (1 - self.baseline_decay) * (before - reward)
        search.memory["baseline"] = baseline
        return -said.log_probability * (reward - baseline)

    def _move(self, search: Bench, loss: Tensor) -> None:
        import torch

        alphas = list(search.alpha.values())
        gradients = torch.autograd.grad(loss, alphas)
        norm = torch.stack([g.norm() for g in gradients]).norm()
        search.move_architecture([g * (self.clip / norm).clamp(max=1) for g in gradients])
