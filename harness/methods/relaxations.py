"""Relaxations: architecture parameters alpha [edges, ops] -> mixing weights [edges, ops].

A part is its settings and its mathematics in one class. Torch is imported inside functions only, so that listing
and validating stay quick. ``mixing`` is what a step uses and may draw at random from the moment's generator;
``strengths`` is what a trajectory records and discretisation reads, and never draws.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeInt

from harness.methods.part import Part
from harness.spaces import nb201

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from harness.methods.controller import Walk

Side = Literal["weights", "architecture"]  # whose step it is


@dataclass(frozen=True)
class Moment:
    """When a relaxation is asked: ``epoch`` counts from 0 to ``epochs`` - 1.

    ``coin``: one number in [0, 1) per step, the same for the step's weights and architecture. ``generator``: the
    relaxation's own random stream, on the host. ``tuning``: the search proper is over, its last epoch stands still.
    """

    epoch: int
    epochs: int
    coin: float
    generator: Generator
    tuning: bool = False


class _Relaxation(Part):
    """``sampled``: one operation per edge is evaluated, and no other is paid for."""

    @property
    def sampled(self) -> bool:
        """Tell whether mixing weights are one-hot."""
        return False

    def alpha_shape(self, edges: int, ops: int) -> tuple[int, ...]:
        """Return the shape of alpha."""
        return edges, ops

    def branch(self, moment: Moment) -> Hashable | None:
        """Name what of the moment `mixing` depends on; None where it draws."""
        return ()

    def mixing(self, alpha: Tensor, moment: Moment) -> Tensor:
        """Return the [edges, ops] weights of a step."""
        return self.strengths(alpha)

    def strengths(self, alpha: Tensor) -> Tensor:
        """Return the [edges, ops] weights that stand for the search's opinion."""
        return alpha.softmax(-1)


class Softmax(_Relaxation):
    """Mixing weights compete: softmax over the operations of each edge (DARTS, Eq. 2)."""

    name: Literal["softmax"]


class Sigmoid(_Relaxation):
    """Mixing weights do not compete: sigmoid of each parameter (Single-DARTS, section 4)."""

    name: Literal["sigmoid"]

    def strengths(self, alpha: Tensor) -> Tensor:
        """Return [edges, ops] weights, each in (0, 1)."""
        return alpha.sigmoid()


class Uniform(_Relaxation):
    """Mixing weights stay at 1 / ops whatever alpha is: the control without architecture search."""

    name: Literal["uniform"]

    def strengths(self, alpha: Tensor) -> Tensor:
        """Return the constant [edges, ops] weights."""
        return alpha.detach().new_full(alpha.shape, 1 / alpha.shape[-1])


class Simplex(_Relaxation):
    """Alpha itself lies on the simplex and is the mixing weight (GAEA, section 3): its optimiser keeps it there."""

    name: Literal["simplex"]

    def strengths(self, alpha: Tensor) -> Tensor:
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

    def mixing(self, alpha: Tensor, moment: Moment) -> Tensor:
        """Return the weights at this step's temperature, which its weights and architecture share (Eq. 16-19)."""
        return (alpha / (self.sparse if self.branch(moment) else self.smooth)).softmax(-1)

    def branch(self, moment: Moment) -> bool:
        """Tell whether the step is a sparse one."""
        return moment.coin < self.probability(moment.epoch, moment.epochs)


class _Drawn(_Relaxation):
    """Mixing weights that are drawn anew for every pass."""

    def branch(self, moment: Moment) -> None:
        """Say that nothing of a step is known before."""


class GumbelHard(_Drawn):
    """GDAS: one operation per edge by Gumbel-softmax, one-hot forward, the soft weights' gradient (GDAS, Eq. 3-4).

    The temperature falls linearly from ``start`` to ``end`` over the epochs; ``start`` at a single epoch.
    """

    version: ClassVar[int] = 2  # 1 left the weights of operations that were not drawn out of decay and momentum

    name: Literal["gumbel-hard"]
    start: float = Field(gt=0)
    end: float = Field(gt=0)

    @property
    def sampled(self) -> bool:
        """One operation per edge."""
        return True

    def temperature(self, epoch: int, epochs: int) -> float:
        """Return the temperature of an epoch."""
        return self.start + (self.end - self.start) * epoch / max(epochs - 1, 1)

    def mixing(self, alpha: Tensor, moment: Moment) -> Tensor:
        """Draw one-hot weights that pass gradients straight through."""
        import torch
        from torch.nn import functional as F

        uniform = torch.rand(alpha.shape, generator=moment.generator).clamp_(1e-20, 1 - 1e-7).to(alpha.dtype)
        gumbel = (-(-uniform.log()).log()).to(alpha)
        logits = (alpha.log_softmax(-1) + gumbel) / self.temperature(moment.epoch, moment.epochs)
        soft = logits.softmax(-1)
        hard = F.one_hot(soft.argmax(-1), alpha.shape[-1]).to(soft)
        return hard + soft - soft.detach()


class UniformPath(_Drawn):
    """One operation per edge, drawn uniformly: the weights' steps of RSPS and SETN."""

    version: ClassVar[int] = 2  # 1 left the weights of operations that were not drawn out of decay and momentum

    name: Literal["uniform-path"]

    @property
    def sampled(self) -> bool:
        """One operation per edge."""
        return True

    def mixing(self, alpha: Tensor, moment: Moment) -> Tensor:
        """Draw one-hot weights; alpha gets no gradient."""
        import torch
        from torch.nn import functional as F

        drawn = torch.randint(alpha.shape[-1], alpha.shape[:-1], generator=moment.generator)
        return F.one_hot(drawn, alpha.shape[-1]).to(alpha)


class Dirichlet(_Drawn):
    """DrNAS: weights drawn from Dirichlet(ELU(alpha) + 1), reparametrised (DrNAS, Eq. 4; official code)."""

    name: Literal["dirichlet"]

    def mixing(self, alpha: Tensor, moment: Moment) -> Tensor:
        """Draw weights [edges, ops] that sum to 1 on each edge."""
        import torch

        # torch's sampler reads the global stream: give it ours
        with torch.random.fork_rng(devices=[alpha.device] if alpha.is_cuda else []):
            torch.manual_seed(int(torch.randint(2**62, (), generator=moment.generator)))
            drawn: Tensor = torch.distributions.Dirichlet(self.concentration(alpha)).rsample()
        return drawn

    def strengths(self, alpha: Tensor) -> Tensor:
        """Return the distribution's mean."""
        concentration = self.concentration(alpha)
        return concentration / concentration.sum(-1, keepdim=True)

    def concentration(self, alpha: Tensor) -> Tensor:
        """Return the parameters of the distribution, above 0."""
        from torch.nn import functional as F

        return F.elu(alpha) + 1


class EdgeNormalised(_Relaxation):
    """PC-DARTS: softmax over operations times softmax over the edges that enter a node (PC-DARTS, Eq. 2; its code).

    alpha [edges, ops + 1]: the last column is the paper's beta. A row sums to the weight of its edge.
    """

    name: Literal["edge-normalised"]

    def alpha_shape(self, edges: int, ops: int) -> tuple[int, ...]:
        """Return the shape with a column for the edges."""
        return edges, ops + 1

    def strengths(self, alpha: Tensor) -> Tensor:
        """Return weights [edges, ops]; those of all edges into a node sum to 1."""
        import torch

        incoming = [sum(target == node for target, _ in nb201.EDGES) for node in range(1, nb201.NODES)]
        edges = torch.cat([beta.softmax(0) for beta in torch.split(alpha[:, -1], incoming)])
        return alpha[:, :-1].softmax(-1) * edges[:, None]


class Controller(_Drawn):
    """ENAS: a recurrent network names one operation after the other (ENAS, section 2.1; as run by NAS-Bench-201).

    alpha [p] holds the weights of `harness.methods.controller.Walk`. What is recorded, strengths, are the
    probabilities where each operation before is the most probable: what it says of an edge depends on those.
    """

    name: Literal["controller"]
    temperature: float = Field(gt=0)
    tanh_constant: float = Field(gt=0)

    @property
    def sampled(self) -> bool:
        """One operation per edge."""
        return True

    def alpha_shape(self, edges: int, ops: int) -> tuple[int, ...]:
        """Return the number of the network's weights."""
        from harness.methods.controller import weight_count

        return (weight_count(ops),)

    def mixing(self, alpha: Tensor, moment: Moment) -> Tensor:
        """Draw one-hot weights; alpha gets no gradient from them."""
        from torch.nn import functional as F

        walk = self.walk(alpha.detach(), moment.generator)
        return F.one_hot(walk.path, walk.probabilities.shape[-1]).to(alpha)

    def strengths(self, alpha: Tensor) -> Tensor:
        """Return the probabilities [edges, ops] where each operation before is the most probable."""
        return self.walk(alpha, None).probabilities

    def walk(self, alpha: Tensor, generator: Generator | None) -> Walk:
        """Let the network name the operations: drawn with ``generator``, else each the most probable."""
        from harness.methods.controller import walk

        return walk(alpha, len(nb201.EDGES), self.temperature, self.tanh_constant, generator)


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
