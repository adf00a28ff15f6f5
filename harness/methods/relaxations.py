"""Relaxations: architecture parameters alpha of a group -> its mixing weights [rows, options].

A part is its settings and its mathematics in one class. Torch is imported inside functions only, so that listing
and validating stay quick. ``mixing`` is what a step uses and may draw at random from the step's generator;
``strengths`` is what a trajectory records and discretisation reads, and never draws.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, NonNegativeInt

from harness.methods.composition import Composed
from harness.methods.mixing import hot
from harness.methods.step import Step
from harness.seeds import global_stream

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from harness.methods.walk import Walk
    from harness.spaces.space import Group


class _Relaxation(Composed):
    """What others may need of a relaxation.

    ``sampled``: one operation per edge is evaluated, and no other is paid for; ``dense``: all are. ``learns``: alpha
    has a gradient. ``independent``: a row of weights depends on its row of alpha alone. ``distribution``: strengths
    are probabilities. ``on_simplex``: alpha must lie there; ``free``: it may be any number. ``concentrated``: it stands
    for the concentration of a Dirichlet distribution. ``names_paths``: a policy that is trained by its reward.
    """

    sampled: ClassVar[bool] = False
    learns: ClassVar[bool] = True
    independent: ClassVar[bool] = True
    distribution: ClassVar[bool] = True
    on_simplex: ClassVar[bool] = False
    concentrated: ClassVar[bool] = False
    names_paths: ClassVar[bool] = False

    @property
    def dense(self) -> bool:
        """Tell whether all operations are evaluated."""
        return not self.sampled

    @property
    def free(self) -> bool:
        """Tell whether alpha may be any number."""
        return not self.on_simplex

    def check(self, others: Mapping[str, Any]) -> None:
        """Raise ValueError where the space's parse cannot read this alpha."""
        space = others.get("space")
        if space is not None and space.reads_alpha and any(self.alpha_shape(g) != g.shape for g in space.groups):
            raise ValueError(f"the parse of space {space.name!r} reads alpha itself, which has another shape here")

    def alpha_shape(self, group: Group) -> tuple[int, ...]:
        """Return the shape of alpha."""
        return group.shape

    def branch(self, step: Step) -> Hashable | None:
        """Name what of the step `mixing` depends on; None where it draws."""
        return ()

    def mixing(self, alpha: Tensor, group: Group, step: Step) -> Tensor:
        """Return the [rows, options] weights of a step."""
        return self.strengths(alpha, group)

    def strengths(self, alpha: Tensor, group: Group) -> Tensor:
        """Return the [rows, options] weights that stand for the search's opinion."""
        return alpha.softmax(-1)


class Softmax(_Relaxation):
    """Mixing weights compete: softmax over the operations of each edge (DARTS, Eq. 2)."""

    name: Literal["softmax"]


class Sigmoid(_Relaxation):
    """Mixing weights do not compete: sigmoid of each parameter (Single-DARTS, section 4)."""

    distribution: ClassVar[bool] = False
    whole_channels: ClassVar[bool] = True

    name: Literal["sigmoid"]

    def strengths(self, alpha: Tensor, group: Group) -> Tensor:
        """Return [rows, options] weights, each in (0, 1)."""
        return alpha.sigmoid()


class Uniform(_Relaxation):
    """Mixing weights stay at 1 / ops whatever alpha is: the control without architecture search."""

    learns: ClassVar[bool] = False

    name: Literal["uniform"]

    def strengths(self, alpha: Tensor, group: Group) -> Tensor:
        """Return the constant [rows, options] weights."""
        return alpha.detach().new_full(alpha.shape, 1 / alpha.shape[-1])


class Simplex(_Relaxation):
    """Alpha itself lies on the simplex and is the mixing weight (GAEA, section 3): its optimiser keeps it there."""

    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {"architecture_optimiser": ("keeps_simplex",)}
    on_simplex: ClassVar[bool] = True

    name: Literal["simplex"]

    def strengths(self, alpha: Tensor, group: Group) -> Tensor:
        """Return alpha."""
        return alpha


class MixedTemperature(_Relaxation):
    """SP-DARTS: with probability p a step sees softmax(alpha / sparse), else softmax(alpha / smooth) (Eq. 15-20).

    p rises linearly to ``high`` in the last epoch. It is ``low`` in epoch number ``warmup``, the first being number 1
    (Algorithm 1), and 0 before. With ``low`` 0 it is what the official code does.
    """

    version: ClassVar[int] = 2  # 1 counted epochs from 0, so that p began to rise one epoch late

    name: Literal["mixed-temperature"]
    sparse: float = Field(gt=0)
    smooth: float = Field(gt=0)
    low: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)
    warmup: NonNegativeInt

    def probability(self, epoch: int, epochs: int) -> float:
        """Return p of an epoch (Eq. 20, where i = ``epoch`` + 1 and I = ``epochs``)."""
        since = epoch + 1 - self.warmup
        if since < 0:
            return 0.0
        return self.low + (self.high - self.low) * since / max(epochs - self.warmup, 1)

    def mixing(self, alpha: Tensor, group: Group, step: Step) -> Tensor:
        """Return the weights at this step's temperature, which its weights and architecture share (Eq. 16-19)."""
        return (alpha / (self.sparse if self.branch(step) else self.smooth)).softmax(-1)

    def branch(self, step: Step) -> bool:
        """Tell whether the step is a sparse one."""
        return step.coin < self.probability(step.epoch, step.epochs)


class _Drawn(_Relaxation):
    """Mixing weights that are drawn anew for every pass."""

    def branch(self, step: Step) -> None:
        """Say that nothing of a step is known before."""


class GumbelHard(_Drawn):
    """GDAS: one operation per edge by Gumbel-softmax, one-hot forward, the soft weights' gradient (GDAS, Eq. 3-4).

    The temperature falls linearly from ``start`` to ``end`` over the epochs; ``start`` at a single epoch. What nodes
    read from mixes by the soft weights, as the code of NAS-Bench-1Shot1 (hard ones let gradients explode, it says).
    """

    sampled: ClassVar[bool] = True
    whole_channels: ClassVar[bool] = True
    version: ClassVar[int] = 2  # 1 left the weights of operations that were not drawn out of decay and momentum

    name: Literal["gumbel-hard"]
    start: float = Field(gt=0)
    end: float = Field(gt=0)

    def temperature(self, epoch: int, epochs: int) -> float:
        """Return the temperature of an epoch."""
        return self.start + (self.end - self.start) * epoch / max(epochs - 1, 1)

    def mixing(self, alpha: Tensor, group: Group, step: Step) -> Tensor:
        """Draw one-hot weights that pass gradients straight through."""
        import torch
        from torch.nn import functional as F

        uniform = torch.rand(alpha.shape, generator=step.generator).clamp_(1e-20, 1 - 1e-7).to(alpha.dtype)
        gumbel = (-(-uniform.log()).log()).to(alpha)
        logits = (alpha.log_softmax(-1) + gumbel) / self.temperature(step.epoch, step.epochs)
        soft = logits.softmax(-1)
        if group.links:
            return soft
        hard = F.one_hot(soft.argmax(-1), alpha.shape[-1]).to(soft)
        return hard + soft - soft.detach()


class UniformPath(_Drawn):
    """One operation per edge, drawn uniformly: the weights' steps of RSPS and SETN."""

    sampled: ClassVar[bool] = True
    learns: ClassVar[bool] = False
    whole_channels: ClassVar[bool] = True
    version: ClassVar[int] = 2  # 1 left the weights of operations that were not drawn out of decay and momentum

    name: Literal["uniform-path"]

    def mixing(self, alpha: Tensor, group: Group, step: Step) -> Tensor:
        """Draw one-hot weights; alpha gets no gradient."""
        import torch

        drawn = torch.randint(len(group.choices), alpha.shape[:-1], generator=step.generator)
        return hot(drawn, group).to(alpha)


class Dirichlet(_Drawn):
    """DrNAS: weights drawn from Dirichlet(ELU(alpha) + 1), reparametrised (DrNAS, Eq. 4; official code)."""

    concentrated: ClassVar[bool] = True

    name: Literal["dirichlet"]

    def mixing(self, alpha: Tensor, group: Group, step: Step) -> Tensor:
        """Draw weights [rows, options] that sum to 1 on each edge."""
        import torch

        seed = int(torch.randint(2**62, (), generator=step.generator))
        with global_stream(seed, [alpha.device] if alpha.is_cuda else []):
            drawn: Tensor = torch.distributions.Dirichlet(self.concentration(alpha)).rsample()
        return drawn

    def strengths(self, alpha: Tensor, group: Group) -> Tensor:
        """Return the distribution's mean."""
        concentration = self.concentration(alpha)
        return concentration / concentration.sum(-1, keepdim=True)

    def concentration(self, alpha: Tensor) -> Tensor:
        """Return the parameters of the distribution, above 0."""
        from torch.nn import functional as F

        return F.elu(alpha) + 1


class EdgeNormalised(_Relaxation):
    """PC-DARTS: softmax over operations times softmax over the edges that enter a node (PC-DARTS, Eq. 2; its code).

    alpha [rows, options + 1]: the last column is the paper's beta. A row sums to the weight of its edge.
    """

    independent: ClassVar[bool] = False
    distribution: ClassVar[bool] = False

    name: Literal["edge-normalised"]

    def alpha_shape(self, group: Group) -> tuple[int, ...]:
        """Return the shape with a column for the edges."""
        rows, options = group.shape
        return rows, options + 1

    def check(self, others: Mapping[str, Any]) -> None:
        """Raise ValueError where the edges into a node lie in several groups."""
        super().check(others)
        space = others.get("space")
        if space is None:
            return
        for cell in space.cell_types:
            rows = space.rows(cell)
            groups, nodes = {(g.nodes[row], g.name) for g, row in rows}, {g.nodes[row] for g, row in rows}
            if len(nodes) < len(groups):
                raise ValueError(f"{self.name!r} needs all edges into a node in one group, with equally many options")
            if len(nodes) == len(rows):
                raise ValueError(f"{self.name!r} has nothing to normalise: one edge enters each node of {space.name!r}")

    def strengths(self, alpha: Tensor, group: Group) -> Tensor:
        """Return weights [rows, options]; those of all edges into a node sum to 1."""
        import torch

        incoming = [len(list(edges)) for _, edges in groupby(group.nodes)]
        edges = torch.cat([beta.softmax(0) for beta in torch.split(alpha[:, -1], incoming)])
        return alpha[:, :-1].softmax(-1) * edges[:, None]


class Controller(_Drawn):
    """ENAS: a recurrent network names one operation after the other (ENAS, section 2.1; as run by NAS-Bench-201).

    alpha [p] holds the weights of `harness.methods.walk.Walk`. What is recorded, strengths, are the
    probabilities where each operation before is the most probable: what it says of an edge depends on those.
    """

    sampled: ClassVar[bool] = True
    learns: ClassVar[bool] = False
    independent: ClassVar[bool] = False
    names_paths: ClassVar[bool] = True
    whole_channels: ClassVar[bool] = True

    name: Literal["controller"]
    temperature: float = Field(gt=0)
    tanh_constant: float = Field(gt=0)

    def alpha_shape(self, group: Group) -> tuple[int, ...]:
        """Return the number of the network's weights."""
        from harness.methods.walk import weight_count

        return (weight_count(len(group.choices)),)

    def mixing(self, alpha: Tensor, group: Group, step: Step) -> Tensor:
        """Draw one-hot weights; alpha gets no gradient from them."""
        return hot(self.walk(alpha.detach(), group, step.generator).path, group).to(alpha)

    def strengths(self, alpha: Tensor, group: Group) -> Tensor:
        """Return the probabilities [rows, options] where each operation before is the most probable.

        Where a row takes several options these are their shares of all choices: the largest need not be the likeliest
        choice.
        """
        import torch

        of_choices = self.walk(alpha, group, None).probabilities
        if group.take == 1:
            return of_choices
        options = hot(torch.arange(len(group.choices), device=alpha.device), group)
        return of_choices @ options.to(of_choices) / group.take

    def walk(self, alpha: Tensor, group: Group, generator: Generator | None) -> Walk:
        """Let the network name the operations: drawn with ``generator``, else each the most probable."""
        from harness.methods.walk import walk

        return walk(alpha, group.shape[0], self.temperature, self.tanh_constant, generator)


Relaxation = Annotated[
    Softmax
    | Sigmoid
    | Uniform
    | Simplex
    | MixedTemperature
    | GumbelHard
    | UniformPath
    | Dirichlet
    | EdgeNormalised
    | Controller,
    Field(discriminator="name"),
]
