"""Selections: from a supernet, while it trains or once it has, to the architecture."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from harness.methods.bench import Bench
from harness.methods.part import Part
from harness.spaces import nb201

if TYPE_CHECKING:
    from torch import Tensor

NONE = nb201.OPS[nb201.NONE]


class _Selection(Part):
    """``after_search``: nothing of it happens before the search's last epoch, so equal searches are one run."""

    @property
    def after_search(self) -> bool:
        """Tell whether it only begins where the search ends."""
        return True

    def search_epochs(self, epochs: int) -> int:
        """Return the epochs of the search proper, out of those that its schedules count."""
        return epochs

    def tuning_epochs(self, edges: int) -> int:
        """Return the epochs of training that follow."""
        return 0

    def before_epoch(self, search: Bench) -> None:
        """Decide what is due before an epoch."""

    def conclude(self, search: Bench) -> bool:
        """Decide the rest when all epochs are done; tell whether there was any."""
        return False


class LargestWeight(_Selection):
    """Every edge takes the operation of its largest mixing weight (DARTS, section 2.2)."""

    name: Literal["largest-weight"]


class Progressive(_Selection):
    """One edge after the other is given its operation, and the supernet trains on in between.

    ``edges``: the next one is drawn at random (DARTS-PT, Algorithm 1), or has the largest product of normalised
    importance and certainty of its weights, and stability (SGAS, criteria 1 and 2). ``operation``: the one without
    which the supernet loses most accuracy, or of largest weight (PT-Mag, SGAS).

    With ``tuning_lr`` the search stops at ``start`` ("end": after all its epochs) and interval * (edges - 1) epochs
    of tuning follow, the weights' optimiser starting anew at a constant ``tuning_lr`` times its rate; the last edge
    is decided before the last of them. One decision falls before an epoch at most: at ``interval`` 1 none is left for
    the last edge, which takes its operation of largest weight (all as DARTS-PT's code). Without, the decisions fall
    into the search, before the epochs ``start``, ``start`` + interval, ... (SGAS).
    """

    name: Literal["progressive"]
    edges: Literal["random", "certainty", "certainty-stability"]
    operation: Literal["perturbation", "magnitude"]
    none_allowed: bool
    start: PositiveInt | Literal["end"]
    interval: PositiveInt
    tuning_lr: Annotated[float, Field(gt=0)] | None
    history: NonNegativeInt = Field(description="epochs that stability looks back")
    images: PositiveInt | Literal["all"] | None = Field(
        description="of the architecture's set, for each accuracy; null where nothing is perturbed"
    )

    @model_validator(mode="after")
    def _says_what_it_needs_and_no_more(self) -> Self:
        if self.tuning_lr is None and self.start == "end":
            raise ValueError("decisions after the search need 'tuning_lr'")
        if (self.edges == "certainty-stability") != (self.history > 0):
            raise ValueError("stability, and nothing else, needs a 'history' above 0")
        if (self.operation == "perturbation") != (self.images is not None):
            raise ValueError("perturbation, and nothing else, needs 'images'")
        return self

    def check(self, epochs: int, edges: int, ops: tuple[str, ...]) -> None:
        """Raise ValueError where a search has too few epochs or operations."""
        first, last = self._start(epochs), self.events(epochs, edges)[-1]
        if first > epochs:
            raise ValueError(f"tuning starts after epoch {first}, but there are {epochs}")
        if self.tuning_lr is None and last >= epochs:
            raise ValueError(f"the last edge is decided before epoch {last}, but there are {epochs}")
        if len({*ops} - {NONE}) < 2:
            raise ValueError(f"needs two operations besides {NONE!r}")
        if self.edges != "random" and NONE not in ops:
            raise ValueError(f"edges {self.edges!r} are all equally important without the operation {NONE!r}")

    @property
    def after_search(self) -> bool:
        """Tell whether it only begins where the search ends."""
        return self.tuning_lr is not None

    def search_epochs(self, epochs: int) -> int:
        """Return ``start`` where tuning follows."""
        return epochs if self.tuning_lr is None else self._start(epochs)

    def _start(self, epochs: int) -> int:
        return epochs if self.start == "end" else self.start

    def tuning_epochs(self, edges: int) -> int:
        """Return the epochs of tuning: none where the decisions fall into the search."""
        return 0 if self.tuning_lr is None else self.interval * (edges - 1)

    def events(self, epochs: int, edges: int) -> list[int]:
        """Return before which epochs an edge is decided, [edges], or [edges - 1] at interval 1 with tuning."""
        due = [self._start(epochs) + self.interval * index for index in range(edges)]
        if self.tuning_lr is None:
            return due
        return due[:-1] if self.interval == 1 else [*due[:-1], due[-1] - 1]

    @property
    def mathematics(self) -> int:
        """Return 2 where the last edge is left to its weights."""
        return 2 if self.tuning_lr is not None and self.interval == 1 else self.version

    def before_epoch(self, search: Bench) -> None:
        """Decide as many edges as are due."""
        group = next(iter(search.decided))
        due = self.events(search.spec.epochs, len(search.decided[group])).count(search.epoch)
        for _ in range(due):
            edge = self._edge(search, group)
            search.decided[group][edge] = self._operation(search, group, edge)

    def _edge(self, search: Bench, group: str) -> int:
        import torch

        undecided = (search.decided[group] < 0).nonzero()[:, 0].cpu()
        if self.edges == "random":
            drawn = torch.randint(len(undecided), (), generator=search.generators["selection"])
            return int(undecided[drawn])
        opinions = torch.tensor(search.opinions[group], dtype=torch.float64)
        history = self.history if self.edges == "certainty-stability" else 0
        scores = edge_scores(opinions, search.spec.space.ops, history)
        return int(undecided[scores[undecided].argmax()])

    def _operation(self, search: Bench, group: str, edge: int) -> int:
        ops = search.spec.space.ops
        allowed = [index for index, op in enumerate(ops) if self.none_allowed or op != NONE]
        if self.operation == "magnitude":
            return max(allowed, key=search.strengths()[group][edge].tolist().__getitem__)
        present = search.fixed(search.strengths())
        without = []
        for op in allowed:
            masked = {name: weights.clone() for name, weights in present.items()}
            masked[group][edge, op] = 0
            without.append(masked)
        accuracies = search.accuracies(without, self.images if isinstance(self.images, int) else None)
        return allowed[min(range(len(allowed)), key=accuracies.__getitem__)]


def edge_scores(opinions: Tensor, ops: tuple[str, ...], history: int) -> Tensor:
    """Score edges by importance x certainty (x stability where ``history`` > 0), each min-max normalised.

    ``opinions``: mixing weights [epochs, edges, ops], the last epoch being now. `none` has no part in p, the
    weights of the rest made to sum to 1. Importance: their sum before that; certainty: 1 - H(p) / log K;
    stability: mean over the last ``history`` epochs of sum_k min(p_now, p_then), 0 where there is none (SGAS,
    Eq. 3 to 6). Returns [edges].
    """
    import torch

    real = [index for index, op in enumerate(ops) if op != NONE]
    weights = opinions[..., real]
    p = weights / weights.sum(-1, keepdim=True)
    now, past = p[-1], p[max(0, len(p) - 1 - history) : -1]
    certainty = 1 + (now * now.clamp_min(1e-30).log()).sum(-1) / torch.tensor(float(len(real))).log()
    scores = _normalised(weights[-1].sum(-1)) * _normalised(certainty)
    if history:
        stability = torch.minimum(now, past).sum(-1).mean(0) if len(past) else torch.zeros_like(certainty)
        scores = scores * _normalised(stability)
    return scores


def _normalised(values: Tensor) -> Tensor:
    """Map [edges] to 0..1 by their extremes; zeros where all are equal."""
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else values * 0


class BestPath(_Selection):
    """The best of many paths through the trained supernet, each evaluated on one batch of its own.

    ``draw``: uniformly (RSPS), those of highest joint probability among all (SETN), or from the controller (ENAS).
    Networks are in evaluation mode; of equal accuracies the first path counts (AutoDL).
    """

    name: Literal["best-path"]
    draw: Literal["uniform", "most-probable", "policy"]
    candidates: PositiveInt
    images: PositiveInt
    augmented: bool

    def conclude(self, search: Bench) -> bool:
        """Decide all edges."""
        from torch.nn import functional as F

        group, decided = next(iter(search.decided.items()))
        paths = self._paths(search, group)
        accuracies = []
        for path in paths:
            mixing = {group: F.one_hot(path, len(search.spec.space.ops)).to(search.alpha[group])}
            indices = search.draw_images(self.images, "selection")
            accuracies.append(search.path_accuracy(mixing, indices, augmented=self.augmented))
        decided.copy_(paths[max(range(len(paths)), key=accuracies.__getitem__)])
        return True

    def _paths(self, search: Bench, group: str) -> Tensor:
        """Return operations [candidates, edges]."""
        import torch

        edges, ops = len(search.decided[group]), len(search.spec.space.ops)
        generator = search.generators["selection"]
        if self.draw == "uniform":
            return torch.randint(ops, (self.candidates, edges), generator=generator)
        if self.draw == "policy":
            relaxation, alpha = search.spec.relaxation, search.alpha[group].detach()
            moment = replace(search.moment, generator=generator)
            return torch.stack([relaxation.mixing(alpha, moment).argmax(-1).cpu() for _ in range(self.candidates)])
        logs = search.strengths()[group].cpu().log()
        every = torch.tensor(list(product(range(ops), repeat=edges)))
        joint = logs.gather(1, every.T).sum(0)
        return every[joint.topk(min(self.candidates, len(every))).indices]


Selection = Annotated[LargestWeight | Progressive | BestPath, Field(discriminator="name")]
