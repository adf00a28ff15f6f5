"""Which images a step sees: index tensors (int64, on the CPU), drawn with explicit generators."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Generator, Tensor


def epoch_batches(count: int, batch_size: int, generator: Generator, *, drop_last: bool) -> Iterator[Tensor]:
    """Yield index tensors [batch_size] of one shuffled pass over 0..count-1.

    The last batch holds the rest, [1..batch_size]; with ``drop_last`` it is left out unless it is full. One
    draw from ``generator``, at the first batch.
    """
    order = torch.randperm(count, generator=generator)
    for batch in torch.split(order, batch_size):
        if len(batch) == batch_size or not drop_last:
            yield batch


def draw_with_replacement(count: int, batch_size: int, generator: Generator) -> Tensor:
    """Return [batch_size] indices drawn uniformly from 0..count-1, repeats allowed."""
    return torch.randint(count, (batch_size,), generator=generator)
