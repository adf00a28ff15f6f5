"""The controller against torch's LSTM and Categorical; REINFORCE against the expected reward itself."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor, nn
from torch.distributions import Categorical
from torch.nn import functional as F

from harness.methods.controller import PolicyGradient
from harness.methods.relaxations import Controller
from harness.methods.step import Step
from harness.methods.walk import HIDDEN, LAYERS, Walk, walk, weight_count
from tests.groups import CELL

TEMPERATURE, TANH = 5.0, 2.5


class Reference(nn.Module):
    """The controller as modules of torch, to be asked about one path."""

    def __init__(self, weights: Tensor, ops: int) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.empty(1, 1, HIDDEN))
        self.lstm = nn.LSTM(HIDDEN, HIDDEN, LAYERS)
        self.embedding, self.output = nn.Embedding(ops, HIDDEN), nn.Linear(HIDDEN, ops)
        self.to(weights.dtype)
        assert sum(p.numel() for p in self.parameters()) == len(weights)
        nn.utils.vector_to_parameters(weights.detach(), self.parameters())

    def forward(self, path: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Return log-probability, entropy and probabilities [edges, ops] along a path."""
        given, state, logs, entropies, rows = self.first, None, [], [], []
        for op in path:
            out, state = self.lstm(given, state)
            said = Categorical(logits=TANH * torch.tanh(self.output(out)[0, 0] / TEMPERATURE))
            logs.append(said.log_prob(torch.tensor(op)))
            entropies.append(said.entropy())
            rows.append(said.probs)
            given = self.embedding(torch.tensor([[op]]))
        return torch.stack(logs).sum(), torch.stack(entropies).sum(), torch.stack(rows)


def drawn_weights(ops: int, seed: int = 0, scale: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(weight_count(ops), generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("ops", [2, 5])
@pytest.mark.parametrize("seed", range(4))
def test_a_walk_is_torchs_lstm_and_categorical(ops: int, seed: int) -> None:
    weights = drawn_weights(ops, seed).requires_grad_()
    said = walk(weights, 6, TEMPERATURE, TANH, torch.Generator().manual_seed(seed))
    reference = Reference(weights, ops)
    log_probability, entropy, rows = reference(said.path.tolist())
    assert torch.allclose(said.log_probability, log_probability, rtol=1e-12)
    assert torch.allclose(said.entropy, entropy, rtol=1e-12)
    assert torch.allclose(said.probabilities, rows, rtol=1e-12)
    for ours, theirs in ((said.log_probability, log_probability), (said.entropy, entropy)):
        (slope,) = torch.autograd.grad(ours, weights, retain_graph=True)
        wanted = torch.autograd.grad(theirs, list(reference.parameters()), retain_graph=True)
        assert torch.allclose(slope, torch.cat([w.flatten() for w in wanted]), rtol=1e-9, atol=1e-13)
        assert slope.norm() > 1e-3


def test_without_a_draw_every_step_names_its_most_probable_operation() -> None:
    weights = drawn_weights(5, 3)
    said = walk(weights, 6, TEMPERATURE, TANH, None)
    assert said.path.tolist() == said.probabilities.argmax(-1).tolist()
    assert torch.allclose(Reference(weights, 5)(said.path.tolist())[2], said.probabilities, rtol=1e-12)
    part = Controller(name="controller", temperature=TEMPERATURE, tanh_constant=TANH)
    assert torch.equal(part.strengths(weights, CELL), said.probabilities)


def test_paths_are_drawn_as_often_as_they_are_probable() -> None:
    weights, generator = drawn_weights(3, 5), torch.Generator().manual_seed(1)
    paths = list(product(range(3), repeat=2))
    chances = [Reference(weights, 3)(path)[0].exp().item() for path in paths]
    assert sum(chances) == pytest.approx(1) and max(chances) > 2 * min(chances)
    drawn = [tuple(walk(weights, 2, TEMPERATURE, TANH, generator).path.tolist()) for _ in range(3000)]
    counts = [drawn.count(path) for path in paths]
    assert stats.chisquare(counts, np.array(chances) * 3000).pvalue > 1e-3


def test_mixing_weights_are_the_drawn_path_and_alpha_gets_no_gradient() -> None:
    part = Controller(name="controller", temperature=TEMPERATURE, tanh_constant=TANH)
    alpha = drawn_weights(5).requires_grad_()
    assert part.alpha_shape(CELL) == alpha.shape and part.sampled
    mixing = part.mixing(alpha, CELL, Step(0, 1, 0.0, torch.Generator().manual_seed(2)))
    path = walk(alpha, 6, TEMPERATURE, TANH, torch.Generator().manual_seed(2)).path
    assert torch.equal(mixing, F.one_hot(path, 5).double()) and not mixing.requires_grad


# REINFORCE --------------------------------------------------------------------------------------------------

EDGES, OPS = 2, 3
ALL = list(product(range(OPS), repeat=EDGES))
REWARDS = {path: float(reward) for path, reward in zip(ALL, np.random.default_rng(0).random(9), strict=True)}


def update(**changes: Any) -> PolicyGradient:
    reward = {"baseline": "sample", "baseline_decay": 0.99, "entropy_weight": 0.0}
    return PolicyGradient.model_validate(
        {"name": "policy-gradient", "steps": 1, "samples": 1, "clip": 1e9} | reward | changes
    )


class Stand:
    """A search whose paths have known accuracies."""

    def __init__(self, part: PolicyGradient, weights: Tensor, relaxation: Controller | None = None) -> None:
        self.alpha = {"cell": nn.Parameter(weights.clone())}
        controller = relaxation or Controller(name="controller", temperature=TEMPERATURE, tanh_constant=TANH)
        self.spec = SimpleNamespace(relaxation=controller, batch_size=64, space=SimpleNamespace(groups=(CELL,)))
        self.now = Step(0, 1, 0.0, torch.Generator().manual_seed(0))
        self.memory: dict[str, Any] = {}
        self.moved: list[Tensor] = []
        self.drawn: list[tuple[int, str]] = []
        self.paths: list[tuple[int, ...]] = []
        part.begin(self)  # type: ignore[arg-type]

    def warming_up(self) -> bool:
        return False

    def draw_images(self, count: int, stream: str) -> Tensor:
        self.drawn.append((count, stream))
        return torch.zeros(count, dtype=torch.int64)

    def path_accuracy(self, mixing: dict[str, Tensor], indices: Tensor, *, augmented: bool) -> float:
        assert augmented and len(indices) == 64
        self.paths.append(tuple(mixing["cell"].argmax(-1).tolist()))
        return 100 * REWARDS[self.paths[-1]]

    def move_architecture(self, gradients: list[Tensor]) -> None:
        self.moved.append(gradients[0])


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells of two edges, so that every path can be looked at."""
    monkeypatch.setattr(
        Controller, "walk", lambda self, alpha, group, generator: walk(alpha, EDGES, TEMPERATURE, TANH, generator)
    )


def expected_reward_slope(weights: Tensor, reward: dict[tuple[int, ...], float]) -> Tensor:
    """The gradient of sum over paths of probability times reward."""
    reference = Reference(weights, OPS)
    value = torch.stack([reference(path)[0].exp() * reward[path] for path in ALL]).sum()
    return torch.cat([slope.flatten() for slope in torch.autograd.grad(value, list(reference.parameters()))])


def test_the_expected_slope_agrees_with_finite_differences() -> None:
    weights, direction = drawn_weights(OPS, 2), drawn_weights(OPS, 9)

    def value(at: Tensor) -> float:
        with torch.no_grad():
            return sum(Reference(at, OPS)(path)[0].exp().item() * REWARDS[path] for path in ALL)

    difference = (value(weights + 1e-5 * direction) - value(weights - 1e-5 * direction)) / 2e-5
    assert difference == pytest.approx((expected_reward_slope(weights, REWARDS) @ direction).item(), rel=1e-6)


@pytest.mark.parametrize("before", [None, 0.3])
def test_the_sampled_gradient_is_unbiased(monkeypatch: pytest.MonkeyPatch, before: float | None) -> None:
    """Over all paths, each as often as it is probable. The baseline takes a share 1 - decay of the reward itself."""
    weights, part = drawn_weights(OPS, 2), update(baseline_decay=0.9)
    reference = Reference(weights, OPS)
    total = torch.zeros_like(weights)
    for path in ALL:

        def forced(self: Any, alpha: Tensor, group: Any, generator: Any, path: tuple[int, ...] = path) -> Walk:
            module = Reference(alpha, OPS)
            nn.utils.vector_to_parameters(alpha.detach(), module.parameters())
            names = [name for name, _ in module.named_parameters()]
            pieces = torch.split(alpha, [p.numel() for p in module.parameters()])
            shapes = [p.shape for p in module.parameters()]
            given = {n: piece.view(s) for n, piece, s in zip(names, pieces, shapes, strict=True)}
            log_probability, entropy, rows = torch.func.functional_call(module, given, (path,))
            return Walk(torch.tensor(path), rows, log_probability, entropy)

        monkeypatch.setattr(Controller, "walk", forced)
        stand = Stand(part, weights)
        stand.memory["baseline"] = before
        part.end_epoch(stand)  # type: ignore[arg-type]
        total += reference(path)[0].exp().item() * stand.moved[0]
    # the first reward ever is its own baseline: no gradient
    wanted = -0.9 * expected_reward_slope(weights, REWARDS) if before is not None else torch.zeros_like(weights)
    assert torch.allclose(total, wanted, rtol=1e-8, atol=1e-14)


# Accuracies of successive paths, and their baselines as worked out on paper: decay 0.8, no entropy. From path to path
# it is 0.8 * before + 0.2 * reward, from 0.5. By the epoch (here of four paths) every path has its own accuracy in the
# first; in the second 0.8 * 0.3 + 0.2 * reward, 0.3 being that of the last path; in the third 0.8 * 0.4 + 0.2 * reward.
ACCURACIES = [0.5, 0.9, 0.1, 0.3, 0.7, 0.2, 0.6, 0.8, 0.4, 0.4, 0.9, 0.1]
BASELINES = {
    "sample": [0.5, 0.58, 0.484, 0.4472, 0.49776, 0.438208, 0.4705664, 0.53645312, 0.509162496, 0.4873299968,
               0.56986399744, 0.475891197952],
    "epoch": [0.5, 0.9, 0.1, 0.3, 0.38, 0.28, 0.36, 0.4, 0.4, 0.4, 0.5, 0.34],
}  # fmt: skip


@pytest.mark.parametrize("kind", BASELINES)
def test_a_path_is_rewarded_for_what_it_has_beyond_its_baseline(kind: str) -> None:
    """Three epochs of two moves on two paths: a move is along the paths' slopes, each by its reward less baseline."""
    part = update(samples=2, steps=2, baseline=kind, baseline_decay=0.8)
    stand, accuracies = Stand(part, drawn_weights(5, 2)), iter(ACCURACIES)

    def accuracy(mixing: dict[str, Tensor], indices: Tensor, *, augmented: bool) -> float:
        stand.paths.append(tuple(mixing["cell"].argmax(-1).tolist()))
        return 100 * next(accuracies)

    stand.path_accuracy = accuracy  # type: ignore[method-assign]
    for _ in range(3):
        part.end_epoch(stand)  # type: ignore[arg-type]
    reference = Reference(stand.alpha["cell"], 5)
    for index, moved in enumerate(stand.moved):
        wanted = torch.zeros_like(moved)
        for path in (2 * index, 2 * index + 1):
            slope = torch.autograd.grad(reference(stand.paths[path])[0], list(reference.parameters()))
            beyond = ACCURACIES[path] - BASELINES[kind][path]
            wanted -= beyond / 2 * torch.cat([s.flatten() for s in slope])
        assert torch.allclose(moved, wanted, rtol=1e-9, atol=1e-12)
    assert len(stand.moved) == 6 and stand.drawn == 12 * [(64, "architecture-batches")]
    assert stand.memory["baseline"] == pytest.approx(BASELINES[kind][-1], rel=1e-12)


@pytest.mark.parametrize(("kind", "left"), [("sample", 0.0), ("epoch", 0.2 * np.log(5))])
def test_the_very_first_baseline(kind: str, left: float) -> None:
    """From path to path it is the whole reward; by the epoch the accuracy alone, so that the entropy is left.

    A controller of zeros names five operations alike on each of six edges: entropy 6 ln 5, log probability -6 ln 5.
    """
    part = update(baseline=kind, entropy_weight=0.2 / 6)
    stand = Stand(part, torch.zeros_like(drawn_weights(5)))
    stand.path_accuracy = lambda mixing, indices, *, augmented: 40.0  # type: ignore[method-assign]
    assert part._sampled_loss(stand, None).item() == pytest.approx(left * 6 * np.log(5), abs=1e-12)  # type: ignore[arg-type]


@pytest.mark.usefixtures("small")
def test_a_move_is_the_mean_over_its_paths_and_is_clipped() -> None:
    weights, slopes = drawn_weights(OPS, 2), {}
    for clip in (1e9, 0.01):
        part = update(samples=5, clip=clip, entropy_weight=0.5)
        stand = Stand(part, weights)
        stand.memory["baseline"] = 0.2
        part.end_epoch(stand)  # type: ignore[arg-type]
        slopes[clip] = stand.moved[0]
    reference, baseline, wanted = Reference(weights, OPS), 0.2, torch.zeros_like(weights)
    for path in stand.paths:
        log_probability, entropy, _ = reference(path)
        reward = REWARDS[path] + 0.5 * entropy.item()
        baseline = 0.99 * baseline + 0.01 * reward
        slope = torch.autograd.grad(log_probability, list(reference.parameters()))
        wanted -= (reward - baseline) / 5 * torch.cat([s.flatten() for s in slope])
    assert torch.allclose(slopes[1e9], wanted, rtol=1e-9, atol=1e-14)
    assert wanted.norm() > 0.01 and slopes[0.01].norm() == pytest.approx(0.01, rel=1e-9)
    assert torch.allclose(slopes[0.01], wanted * (0.01 / wanted.norm()), rtol=1e-9, atol=1e-14)


def test_a_controller_learns_what_is_rewarded() -> None:
    part = update(steps=60, samples=10, baseline_decay=0.9, clip=5.0)
    stand = Stand(part, 0.1 * drawn_weights(5))
    optimiser = torch.optim.Adam(stand.alpha.values(), 0.02)

    def accuracy(mixing: dict[str, Tensor], indices: Tensor, *, augmented: bool) -> float:
        return 100 * float((mixing["cell"].argmax(-1) == 3).double().mean())

    def move(gradients: list[Tensor]) -> None:
        stand.alpha["cell"].grad = gradients[0]
        optimiser.step()

    stand.path_accuracy, stand.move_architecture = accuracy, move  # type: ignore[method-assign]
    part.end_epoch(stand)  # type: ignore[arg-type]
    said = stand.spec.relaxation.strengths(stand.alpha["cell"].detach(), CELL)
    assert said.argmax(-1).tolist() == [3] * 6 and (said[:, 3] > 0.6).all()
