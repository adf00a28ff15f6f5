"""Noise on the mixing weights of a weight step (SDARTS): the weights learn to work around the present architecture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

from harness.methods.composition import Composed
from harness.methods.mixing import Mixing
from harness.methods.step import Step

if TYPE_CHECKING:
    from torch import Tensor

Loss = Callable[[Mixing], "Tensor"]


class _Noise(Composed):
    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "relaxation": ("distribution", "dense"), "update": ("plain", "separate"), "weight_relaxation": (),
    }  # fmt: skip

    start: float = Field(ge=0, description="largest change of a weight in the first epoch")
    end: float = Field(ge=0, description="towards the last")

    @property
    def passes(self) -> int:
        """Return how many more passes a step of the weights has."""
        return 0

    def radius(self, step: Step) -> float:
        """Return epsilon(e) = start + (end - start) e / E (SDARTS' code)."""
        return self.start + (self.end - self.start) * step.epoch / step.epochs


class _RandomNoise(_Noise):
    """SDARTS-RS: each weight moves by U(-epsilon, epsilon), then back onto the simplex (SDARTS, Eq. 6; its code)."""

    def perturb(self, mixing: Mixing, step: Step, loss: Loss) -> Mixing:
        """Return noisy weights; ``loss`` is not used."""
        import torch

        radius = self.radius(step)
        return {
            group: onto_simplex(
                weights + radius * (2 * torch.rand(weights.shape, generator=step.generator).to(weights) - 1)
            )
            for group, weights in mixing.items()
        }


class RandomNoise(_RandomNoise):
    """SDARTS-RS, in tuning as in the last epoch."""

    name: Literal["random"]


class RandomThenConstantNoise(_RandomNoise):
    """SDARTS-RS, with a radius of its own while the supernet is tuned between decisions (DARTS-PT's code)."""

    name: Literal["random-then-constant"]
    tuning: float = Field(ge=0, description="largest change of a weight while tuning")

    def radius(self, step: Step) -> float:
        """Return ``tuning`` after the search."""
        return self.tuning if step.tuning else super().radius(step)


class AdversarialNoise(_Noise):
    """SDARTS-ADV: the worst weights within epsilon, by projected sign-gradient ascent from a random start.

    SDARTS, Eq. 5 and its code: ``steps`` steps of 2 epsilon / steps; kept only if the loss rose.
    """

    name: Literal["adversarial"]
    steps: PositiveInt

    @property
    def passes(self) -> int:
        """Return one per step of the ascent."""
        return self.steps

    def perturb(self, mixing: Mixing, step: Step, loss: Loss) -> Mixing:
        """Return adversarial weights for ``loss`` (of the batch that the weights will step on)."""
        import torch

        radius = self.radius(step)
        if not radius:
            return mixing
        low = {g: (w - radius).clamp(min=0) for g, w in mixing.items()}
        high = {g: (w + radius).clamp(max=1) for g, w in mixing.items()}
        noisy = RandomNoise(name="random", start=self.start, end=self.end).perturb(mixing, step, loss)
        with torch.no_grad():
            before = loss(mixing)
        for _ in range(self.steps):
            noisy = {g: w.detach().requires_grad_() for g, w in noisy.items()}
            slopes = torch.autograd.grad(loss(noisy), list(noisy.values()))
            noisy = {
                g: onto_simplex(torch.clamp(w + 2 * radius / self.steps * s.sign(), low[g], high[g]).detach())
                for (g, w), s in zip(noisy.items(), slopes, strict=True)
            }
        with torch.no_grad():
            rose = bool(loss(noisy) > before)
        return noisy if rose else mixing


Noise = Annotated[RandomNoise | RandomThenConstantNoise | AdversarialNoise, Field(discriminator="name")]


def onto_simplex(weights: Tensor) -> Tensor:
    """Clip [edges, ops] to [0, 1] and normalise the rows; a row of zeros becomes one-hot at its argmax."""
    from torch.nn import functional as F

    clipped = weights.clamp(0, 1)
    total = clipped.sum(-1, keepdim=True)
    one_hot = F.one_hot(weights.argmax(-1), weights.shape[-1]).to(weights)
    return clipped.where(total > 0, one_hot) / total.where(total > 0, total.new_ones(()))
