"""CDARTS: a network of the present architecture is trained beside the supernet and teaches it (and learns from it)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from harness.methods.eager import eager
from harness.methods.mixing import largest
from harness.methods.optimisers import Sgd
from harness.methods.search import Search
from harness.methods.update import BaseUpdate

if TYPE_CHECKING:
    from torch import Tensor

NET, OPTIMISER = "evaluation-net", "evaluation-optimiser"


class Collaborative(BaseUpdate):
    """Alpha and the evaluation network on the architecture's batch, then weights on theirs (CDARTS, Eq. 5 to 8).

    The first loss is CE(supernet) + CE(evaluation) + T^2 KL(evaluation || supernet) at temperature T. While alpha warms
    up only the two cross-entropies train. An approximation: here the evaluation network has weights of its own and
    evaluates the present path at every step. The official code copies its weights out of one pool for all paths, keeps
    a path for an iteration of several epochs and then begins anew, clips this step's gradients as well, and distils
    three heads' logits.
    """

    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "relaxation": ("learns", "distribution", "dense", "free"), "weight_relaxation": (),
    }  # fmt: skip
    whole_channels: ClassVar[bool] = True

    name: Literal["collaborative"]
    temperature: float = Field(gt=0)
    evaluation_optimiser: Sgd

    def passes(self, weights: float, alpha: float, path: float) -> float:
        """Return a pass of each side, and one of the evaluation network."""
        return weights + alpha + path

    def begin(self, search: Search) -> None:
        """Build the evaluation network and its optimiser."""
        import torch

        settings = self.evaluation_optimiser
        net = search.new_net(NET)
        search.parts[NET] = net
        search.parts[OPTIMISER] = eager(torch.optim.SGD)(
            net.parameters(), settings.lr, settings.momentum,
            weight_decay=settings.weight_decay, nesterov=settings.nesterov,
        )  # fmt: skip

    def step(self, search: Search, weight_batch: Tensor, architecture_batch: Tensor) -> None:
        """Do one step of each kind."""
        self.teach(search, *search.batch(architecture_batch))
        search.weight_step(weight_batch)

    def teach(self, search: Search, images: Tensor, labels: Tensor) -> None:
        """Move alpha and the evaluation network on one batch."""
        import torch
        from torch.nn import functional as F

        evaluation, optimiser = search.parts[NET], search.parts[OPTIMISER]
        path = largest(search.fixed(search.strengths()), search.spec.space.groups)
        theirs = search.logits(evaluation, images, path, sampled=True)
        loss = F.cross_entropy(theirs, labels)
        optimiser.zero_grad(set_to_none=True)
        if search.warming_up():
            torch.autograd.backward(loss)
        else:
            ours = search.logits(search.net, images, search.mixing(), sampled=False)
            own = F.cross_entropy(ours, labels)
            search.architecture_meter.add(own, ours, labels)
            loss = loss + own + self.distillation(ours, theirs)
            alphas = list(search.alpha.values())
            learners = [p for p in evaluation.parameters() if p.requires_grad]
            slopes = torch.autograd.grad(loss, [*alphas, *learners], allow_unused=True)
            for learner, slope in zip(learners, slopes[len(alphas) :], strict=True):
                learner.grad = slope
            search.move_architecture(slopes[: len(alphas)])
        optimiser.step()

    def distillation(self, ours: Tensor, theirs: Tensor) -> Tensor:
        """Return T^2 KL(theirs || ours) of logits [B, classes] at temperature T, mean over the batch."""
        from torch.nn import functional as F

        t = self.temperature
        return t**2 * F.kl_div(
            (ours / t).log_softmax(-1), (theirs / t).log_softmax(-1), reduction="batchmean", log_target=True
        )
