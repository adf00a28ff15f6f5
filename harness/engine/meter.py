"""Running sums of loss and accuracy."""

from __future__ import annotations

import torch
from torch import Tensor


class Meter:
    """Sums of loss and correct answers on the device: no host synchronisation within an epoch."""

    def __init__(self, device: torch.device) -> None:
        self.sums = torch.zeros(2, dtype=torch.float64, device=device)
        self.images = 0

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Count one batch; ``loss`` is its mean."""
        correct = (logits.argmax(1) == labels).sum()
        self.sums += torch.stack((loss.detach() * len(labels), correct))
        self.images += len(labels)

    def take(self) -> tuple[float | None, float | None]:
        """Return mean loss and accuracy in percent (None, None without a batch), and start anew."""
        if not self.images:
            return None, None
        loss, correct = (self.sums / self.images).tolist()
        self.sums.zero_()
        self.images = 0
        return loss, 100 * correct
