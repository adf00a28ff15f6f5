"""Selections: from a supernet, while it trains or once it has, to the architecture."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from harness.methods.mixing import Mixing, hot
from harness.methods.search import Search
from harness.methods.selection import BaseSelection, Choice, accuracies_without
from harness.methods.step import Step
from harness.methods.strength import Strength
from harness.spaces.space import LEFT_OUT, UNDECIDED, Group, Space

if TYPE_CHECKING:
    from torch import Tensor

BEAM = 20_000  # beginnings of paths that are kept where not all can be listed


class LargestWeight(BaseSelection):
    """Every edge takes the operation of its largest mixing weight (DARTS, section 2.2)."""

    name: Literal["largest-weight"]


class Progressive(BaseSelection):
    """One edge after the other is given its operation, in all cell types, and the supernet trains on in between.

    Where a node keeps only some of its edges (`Group.keep`), those that are left once it has them are left out (SGAS).

    ``edges``: the next one is drawn at random (DARTS-PT, Algorithm 1), or has the largest product of normalised
    importance and certainty of its weights, and stability (SGAS, criteria 1 and 2). ``operation``: the one without
    which the supernet loses most accuracy, or of largest weight (PT-Mag, SGAS).

    With ``tuning_lr`` the search stops at ``start`` ("end": after all its epochs) and interval * (edges - 1) epochs
    of tuning follow, the weights' optimiser starting anew at a constant ``tuning_lr`` times its rate; the last edge
    is decided before the last of them. One decision falls before an epoch at most: at ``interval`` 1 none is left for
    the last edge, which takes its operation of largest weight (all as DARTS-PT's code). Without, the decisions fall
    into the search, before the epochs ``start``, ``start`` + interval, ... (SGAS).
    """

    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {"relaxation": ("independent",)}

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

    @property
    def first_images(self) -> int:
        """Return the images of each accuracy, where they are not all."""
        return self.images if isinstance(self.images, int) else 0

    def image_passes(self, space: Space, path: float, images: int) -> float:
        """Return one evaluation per option that is perturbed."""
        options = sum(len(row) for group in space.groups for row in group.options)
        return 0.0 if self.images is None else options * (self.first_images or images)

    def check(self, others: Mapping[str, Any]) -> None:
        """Raise ValueError where a search has too few epochs or operations."""
        if not {"epochs", "space"} <= others.keys():
            return
        epochs, space = others["epochs"], others["space"]
        first, last = self._start(epochs), max(self.events(epochs, self.decisions(space)), default=0)
        if first > epochs:
            raise ValueError(f"tuning starts after epoch {first}, but there are {epochs}")
        if self.tuning_lr is None and last >= epochs:
            raise ValueError(f"the last edge is decided before epoch {last}, but there are {epochs}")
        zeros = [none for group in space.groups for none in group.of_kind("none")]
        widths = [group.shape[1] for group in space.groups for _ in group.options]
        if any(width - len(none) < 2 for width, none in zip(widths, zeros, strict=True)):
            raise ValueError("needs two operations besides 'none' on every edge")
        if self.edges != "random" and not any(zeros):
            raise ValueError(f"edges {self.edges!r} are all equally important without the operation 'none'")

    @property
    def after_search(self) -> bool:
        """Tell whether it only begins where the search ends."""
        return self.tuning_lr is not None

    def search_epochs(self, epochs: int) -> int:
        """Return ``start`` where tuning follows."""
        return epochs if self.tuning_lr is None else self._start(epochs)

    def _start(self, epochs: int) -> int:
        return epochs if self.start == "end" else self.start

    def decisions(self, space: Space) -> int:
        """Return how many edges are decided, one after the other, in the largest cell type."""
        return max(_decisions([group for group in space.groups if group.cell == cell]) for cell in space.cell_types)

    def tuning_epochs(self, space: Space) -> int:
        """Return the epochs of tuning: none where the decisions fall into the search."""
        return 0 if self.tuning_lr is None else self.interval * (self.decisions(space) - 1)

    def events(self, epochs: int, decisions: int) -> list[int]:
        """Return before which epochs an edge of every cell type is decided, [decisions].

        At interval 1 with tuning, one less: the last edge is left to its weights.
        """
        due = [self._start(epochs) + self.interval * index for index in range(decisions)]
        if self.tuning_lr is None:
            return due
        return due[:-1] if self.interval == 1 else [*due[:-1], due[-1] - 1]

    @property
    def mathematics(self) -> int:
        """Return 2 where the last edge is left to its weights."""
        return 2 if self.tuning_lr is not None and self.interval == 1 else self.version

    def before_epoch(self, search: Search) -> None:
        """Decide as many edges of every cell type as are due."""
        space = search.spec.space
        due = self.events(search.spec.epochs, self.decisions(space)).count(search.epoch)
        for cell in due * space.cell_types:
            self._decide(search, space.rows(cell))

    def _decide(self, search: Search, rows: Sequence[Choice]) -> None:
        if any(search.decided[group.name][row] == UNDECIDED for group, row in rows):
            group, row = self._edge(search, rows)
            search.decided[group.name][row] = self._operation(search, group, row)
            leave_out_the_rest(search.decided, rows)

    def _edge(self, search: Search, rows: Sequence[Choice]) -> Choice:
        import torch

        undecided = [index for index, (g, row) in enumerate(rows) if search.decided[g.name][row] == UNDECIDED]
        if self.edges == "random":
            drawn = torch.randint(len(undecided), (), generator=search.generators["selection"])
            return rows[undecided[int(drawn)]]
        history = self.history if self.edges == "certainty-stability" else 0
        scores = edge_scores(rows, search.history, history)
        return rows[max(undecided, key=scores.tolist().__getitem__)]

    def _operation(self, search: Search, group: Group, row: int) -> int:
        zeros = () if self.none_allowed else group.of_kind("none")[row]
        allowed = [option for option in range(group.shape[1]) if option not in zeros]
        if self.operation == "magnitude":
            order = sorted(allowed, key=search.strengths()[group.name][row].tolist().__getitem__, reverse=True)
        else:
            accuracies = accuracies_without(search, [(group, row, option) for option in allowed], self.first_images)
            order = [option for _, option in sorted(zip(accuracies, allowed, strict=True))]
        return group.choices.index(tuple(sorted(order[: group.take])))


class ProgressiveWithGrowingBatch(Progressive):
    """The same, with batches that grow with every decision, as the memory of what is decided is free (SGAS, code)."""

    name: Literal["progressive-with-growing-batch"]  # type: ignore[assignment]
    batch_growth: PositiveInt = Field(description="images more a batch of either side after each decision")

    def batch_growth_by(self, epoch: int, epochs: int, space: Space) -> int:
        """Return the images more: those of all decisions that are made before the epoch."""
        made = sum(due <= epoch for due in self.events(epochs, self.decisions(space)))
        return self.batch_growth * made


class ProgressiveWithTopology(Progressive):
    """All edges are given their operations, then nodes keep some of them (DARTS-PT, appendix A.3, Algorithm 2).

    One event an ``interval``: first an edge of every cell type at random, as in `Progressive`; then a node at random
    that has more edges than it keeps: those stay without which the supernet loses most, of equals the earlier ones. One
    epoch of tuning follows the last (official code; it looks at a node's edges again after each that it removes, but
    with none of them removed, so that once says as much).

    By ``magnitude`` (PT-Mag, of whose topology the paper says nothing): nodes keep the edges of largest weight besides
    `none`, as where DARTS discretises.
    """

    name: Literal["progressive-with-topology"]  # type: ignore[assignment]
    edges: Literal["random"]

    @model_validator(mode="after")
    def _tunes(self) -> Self:
        if self.tuning_lr is None:
            raise ValueError("decides after the search: needs 'tuning_lr'")
        return self

    def check(self, others: Mapping[str, Any]) -> None:
        """Raise ValueError where no node has more edges than it keeps, or a search has too few epochs or operations."""
        super().check(others)
        space = others.get("space")
        if space is not None and not any(_crowded(space.rows(cell)) for cell in space.cell_types):
            raise ValueError(
                f"every node of space {space.name!r} keeps all of its edges: there is no topology to decide"
            )

    def image_passes(self, space: Space, path: float, images: int) -> float:
        """Return one evaluation per option, and one per edge of a node that keeps some."""
        edges = sum(len(edges) for cell in space.cell_types for edges in _crowded(space.rows(cell)).values())
        more = 0 if self.images is None else edges * (self.first_images or images)
        return super().image_passes(space, path, images) + more

    def decisions(self, space: Space) -> int:
        """Return how many edges and nodes are decided, one after the other, in the largest cell type."""
        return max(len(rows) + len(_crowded(rows)) for rows in map(space.rows, space.cell_types))

    def tuning_epochs(self, space: Space) -> int:
        """Return the epochs of tuning."""
        return self.interval * (self.decisions(space) - 1) + 1

    def events(self, epochs: int, decisions: int) -> list[int]:
        """Return before which epochs an edge or a node of every cell type is decided, [decisions]."""
        return [self._start(epochs) + self.interval * index for index in range(decisions)]

    @property
    def mathematics(self) -> int:
        """Return the version: there is one reading."""
        return self.version

    def _decide(self, search: Search, rows: Sequence[Choice]) -> None:
        import torch

        if any(search.decided[group.name][row] == UNDECIDED for group, row in rows):
            group, row = self._edge(search, rows)
            search.decided[group.name][row] = self._operation(search, group, row)
            return
        crowded = list(_crowded([(g, row) for g, row in rows if search.decided[g.name][row] != LEFT_OUT]).values())
        if crowded:
            drawn = torch.randint(len(crowded), (), generator=search.generators["selection"])
            edges = crowded[int(drawn)]
            dispensable = self._dispensable(search, edges)
            needed = sorted(range(len(edges)), key=dispensable.__getitem__)  # of equals the earlier first
            for index in needed[edges[0][0].keep :]:
                group, row = edges[index]
                search.decided[group.name][row] = LEFT_OUT

    def _dispensable(self, search: Search, edges: Sequence[Choice]) -> list[float]:
        """Return by edge how well the supernet does without it, or how little weight its operations have."""
        if self.operation == "perturbation":
            return accuracies_without(search, [(group, row, slice(None)) for group, row in edges], self.first_images)
        strengths, weights = search.strengths(), []
        for group, row in edges:
            zeros = group.of_kind("none")[row]
            row_weights = strengths[group.name][row].tolist()
            weights.append(max(weight for option, weight in enumerate(row_weights) if option not in zeros))
        return [-weight for weight in weights]


def _kept(space: Space, weights: Mapping[str, list[list[float]]]) -> dict[Choice, int]:
    """Return the options of the edges that an architecture by these weights keeps."""
    undecided = {group.name: [UNDECIDED] * group.shape[0] for group in space.groups}
    found = space.operations(space.discretise(weights, undecided))
    kept: dict[Choice, int] = {}
    for cell, edges in found.items():
        at = {(group.sources[row], group.nodes[row]): (group, row) for group, row in space.rows(cell)}
        for edge in edges:
            group, row = at[edge.source, edge.node]
            best = [i for i, name in enumerate(group.options[row]) if name == edge.operation]
            kept[group, row] = max(best, key=weights[group.name][row].__getitem__)
    return kept


def _skips(group: Group, row: int) -> tuple[int, ...]:
    return group.of_kind("skip")[row]


def _crowded(rows: Sequence[Choice]) -> dict[int, list[Choice]]:
    """Return, by node, the edges of nodes that have more of them than they keep."""
    entering: dict[int, list[Choice]] = {}
    for group, row in rows:
        entering.setdefault(group.nodes[row], []).append((group, row))
    return {n: edges for n, edges in entering.items() if (keep := edges[0][0].keep) is not None and len(edges) > keep}


def _decisions(groups: Sequence[Group]) -> int:
    """Return how many edges of one cell type an architecture has."""
    keep = groups[0].keep
    entering = Counter(node for group in groups for node in group.nodes)
    return sum(edges if keep is None else min(edges, keep) for edges in entering.values())


def leave_out_the_rest(decided: Mapping[str, Tensor], rows: Sequence[Choice]) -> None:
    """Leave out the undecided edges of the nodes of a cell type that have as many as they keep."""
    chosen = Counter(group.nodes[row] for group, row in rows if decided[group.name][row] >= 0)
    for group, row in rows:
        full = group.keep is not None and chosen[group.nodes[row]] >= group.keep
        if full and decided[group.name][row] == UNDECIDED:
            decided[group.name][row] = LEFT_OUT


def edge_scores(
    rows: Sequence[Choice], history: Mapping[str, Sequence[Sequence[Sequence[float]]]], look_back: int
) -> Tensor:
    """Score edges by importance x certainty (x stability where ``look_back`` > 0), each min-max normalised over rows.

    ``history``: by group the mixing weights [epochs, rows, options], the last epoch being now. `none` has no part in
    p, the weights of the K others made to sum to 1. Importance: their sum before that; certainty: 1 - H(p) / log K;
    stability: mean over the last ``look_back`` epochs of sum_k min(p_now, p_then), 0 where there is none (SGAS,
    Eq. 3 to 6). Returns [rows].
    """
    import torch

    measured = {}
    for group in {group.name: group for group, _ in rows}.values():
        weights = torch.tensor(history[group.name][-1 - look_back :], dtype=torch.float64)
        for row, zeros in enumerate(group.of_kind("none")):
            real = [option for option in range(group.shape[1]) if option not in zeros]
            measured[group.name, row] = _edge_qualities(weights[:, row, real])
    qualities = torch.stack([torch.stack(measured[group.name, row]) for group, row in rows], 1)
    scores = _normalised(qualities[0]) * _normalised(qualities[1])
    return scores * _normalised(qualities[2]) if look_back else scores


def _edge_qualities(weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return importance, certainty and stability of one edge's weights [epochs, K]."""
    p = weights / weights.sum(-1, keepdim=True)
    now, past = p[-1], p[:-1]
    certainty = 1 + (now * now.clamp_min(1e-30).log()).sum() / now.new_tensor(float(len(now))).log()
    stability = now.minimum(past).sum(-1).mean() if len(past) else now.new_zeros(())
    return weights[-1].sum(), certainty, stability


def _normalised(values: Tensor) -> Tensor:
    """Map [rows] to 0..1 by their extremes; zeros where all are equal."""
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else values * 0


class FewSkips(BaseSelection):
    """As `LargestWeight`, with at most ``most`` skip connections in the space's first cell type (P-DARTS, section 3.3).

    While there are more, the chosen one of smallest weight is ruled out, and the cell is chosen anew (its code).
    """

    name: Literal["few-skips"]
    most: NonNegativeInt

    def check(self, others: Mapping[str, Any]) -> None:
        """Raise ValueError where options are no operations, so that none of them can take a skip connection's place."""
        space = others.get("space")
        if space is not None and any(group.links for group in space.groups):
            raise ValueError(f"space {space.name!r} has no skip connections, its nodes choose what they read from")

    def conclude(self, search: Search) -> bool:
        """Decide every edge."""
        space = search.spec.space
        opinion = search.alpha if space.reads_alpha else search.strengths()
        weights = {name: rows.tolist() for name, rows in opinion.items()}
        chosen = space.rows(space.cell_types[0])
        kept, ruled_out = _kept(space, weights), set[Choice]()
        while len(skips := [row for row in chosen if row in kept and kept[row] in _skips(*row)]) > self.most:
            if not (left := [row for row in skips if row not in ruled_out]):
                break  # nothing can take their places
            group, row = min(left, key=lambda row: weights[row[0].name][row[1]][kept[row]])
            ruled_out.add((group, row))
            for option in _skips(group, row):
                weights[group.name][row][option] = -math.inf
            kept = _kept(space, weights)
        for cell in space.cell_types:
            for group, row in space.rows(cell):
                search.decided[group.name][row] = kept.get((group, row), LEFT_OUT)
        return True


class BestPath(BaseSelection):
    """The best of many paths through the trained supernet, each evaluated on one batch of its own.

    ``draw``: uniformly (RSPS), those of highest joint probability among all (SETN), or from the controller (ENAS).
    Networks are in evaluation mode; of equal accuracies the first path counts (AutoDL).
    """

    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {"relaxation": ("distribution",)}
    whole_channels: ClassVar[bool] = True

    name: Literal["best-path"]
    draw: Literal["uniform", "most-probable", "policy"]
    candidates: PositiveInt
    images: PositiveInt
    augmented: bool

    def check(self, others: Mapping[str, Any]) -> None:
        """Raise ValueError where paths cannot be drawn so."""
        relaxation, update = others.get("relaxation"), others.get("update")
        if relaxation is not None and (self.draw == "policy") != relaxation.names_paths:
            raise ValueError(f"draw {self.draw!r} does not work with relaxation {relaxation.name!r}")
        if update is not None and self.draw == "most-probable" and not update.trains_alpha:
            raise ValueError(f"draw {self.draw!r} does not work with update {update.name!r}")

    def image_passes(self, space: Space, path: float, images: int) -> float:
        """Return one path per candidate."""
        return path * self.candidates * self.images

    def conclude(self, search: Search) -> bool:
        """Decide all edges."""
        paths = self._paths(search)
        accuracies = []
        for number in range(len(next(iter(paths.values())))):
            mixing = {
                group.name: hot(paths[group.name][number], group).to(search.alpha[group.name])
                for group in search.spec.space.groups
            }
            indices = search.draw_images(self.images, "selection")
            accuracies.append(search.path_accuracy(mixing, indices, augmented=self.augmented))
        best = max(range(len(accuracies)), key=accuracies.__getitem__)
        for group, chosen in paths.items():
            search.decided[group].copy_(chosen[best])
        return True

    def _paths(self, search: Search) -> Mixing:
        """Return, by group, options [candidates, rows]."""
        import torch

        groups, generator = search.spec.space.groups, search.generators["selection"]
        if self.draw == "uniform":
            shapes = {group.name: (len(group.choices), (self.candidates, group.shape[0])) for group in groups}
            return {name: torch.randint(high, shape, generator=generator) for name, (high, shape) in shapes.items()}
        if self.draw == "policy":
            return self._sampled(search, groups, replace(search.now, generator=generator))
        strengths = search.strengths()
        logs = {group.name: strengths[group.name].cpu().log()[:, list(group.choices)].sum(-1) for group in groups}
        return likeliest(logs, self.candidates)

    def _sampled(self, search: Search, groups: Sequence[Group], step: Step) -> Mixing:
        import torch

        def path() -> list[Tensor]:
            walk = search.spec.relaxation.walk
            return [walk(search.alpha[g.name].detach(), g, step.generator).path.cpu() for g in groups]

        drawn = zip(*(path() for _ in range(self.candidates)), strict=True)
        return {group.name: torch.stack(paths) for group, paths in zip(groups, drawn, strict=True)}


def likeliest(logs: Mapping[str, Tensor], count: int) -> Mixing:
    """Return, by group, the paths [count, rows] of highest joint probability, of log-probabilities [rows, options].

    Rows are independent, so that the best beginnings are those of the best paths: `BEAM` of them are kept, which is
    all of them in a small space.
    """
    import torch

    paths, joint = torch.zeros(1, 0, dtype=torch.int64), torch.zeros(1)
    for row in (row for matrix in logs.values() for row in matrix):
        joint = (joint[:, None] + row).flatten()
        options = torch.arange(len(row)).repeat(len(paths))
        paths = torch.cat([paths.repeat_interleave(len(row), 0), options[:, None]], 1)
        if len(joint) > BEAM:
            kept = joint.topk(BEAM).indices
            paths, joint = paths[kept], joint[kept]
    pieces = torch.split(paths, [len(matrix) for matrix in logs.values()], 1)
    by_group = dict(zip(logs, pieces, strict=True))
    joint = torch.cat([matrix.gather(1, by_group[name].T) for name, matrix in logs.items()]).sum(0)
    best = joint.topk(min(count, len(joint))).indices
    return {name: piece[best] for name, piece in by_group.items()}


Selection = Annotated[
    LargestWeight
    | FewSkips
    | Progressive
    | ProgressiveWithGrowingBatch
    | ProgressiveWithTopology
    | BestPath
    | Strength,
    Field(discriminator="name"),
]
