"""Running sums of loss and accuracy."""

from __future__ import annotations

import torch
from torch import Tensor


class Meter:
    """Sums of loss, correct answers and images on the device: no host synchronisation within an epoch."""

    def __init__(self, device: torch.device) -> None:
        self.sums = torch.zeros(3, dtype=torch.float64, device=device)

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Count one batch; ``loss`` is its mean."""
        correct = (logits.argmax(1) == labels).sum()
        count = labels.new_full((), len(labels))
        self.sums += torch.stack((loss.detach() * len(labels), correct, count))

    def take(self) -> tuple[float | None, float | None]:
        """Return mean loss and accuracy in percent (None, None without a batch), and start anew."""
        loss, correct, images = self.sums.tolist()
        self.sums.zero_()
        return (loss / images, 100 * correct / images) if images else (None, None)
