"""ENAS: the recurrent network that names a path, one operation after the other (ENAS, section 2.1; AutoDL)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Generator, Tensor

HIDDEN, LAYERS = 32, 2  # of the LSTM (AutoDL)


@dataclass(frozen=True)
class Walk:
    """What the controller said. ``path``: [edges] operations; ``probabilities``: [edges, ops] at each of its steps.

    ``log_probability`` of the whole path and ``entropy``, summed over the steps, are scalars with gradients.
    """

    path: Tensor
    probabilities: Tensor
    log_probability: Tensor
    entropy: Tensor


def _shapes(ops: int) -> list[tuple[int, ...]]:
    """List the controller's weights: first input, LSTM layers, embedding of an operation, output layer."""
    layer: list[tuple[int, ...]] = [(4 * HIDDEN, HIDDEN), (4 * HIDDEN, HIDDEN), (4 * HIDDEN,), (4 * HIDDEN,)]
    return [(1, HIDDEN), *LAYERS * layer, (ops, HIDDEN), (ops, HIDDEN), (ops,)]


def weight_count(ops: int) -> int:
    """Return the number of the controller's weights."""
    return sum(shape[0] * (shape[1] if len(shape) > 1 else 1) for shape in _shapes(ops))


def walk(weights: Tensor, edges: int, temperature: float, tanh_constant: float, generator: Generator | None) -> Walk:
    """Name one operation per edge with flat weights [p]: drawn with ``generator``, else each the most probable.

    Logits are tanh_constant tanh(output / temperature); the operation named last is the next input.
    """
    import torch

    ops = (len(weights) - weight_count(0)) // (weight_count(1) - weight_count(0))
    shapes = _shapes(ops)
    pieces = torch.split(weights, [torch.Size(shape).numel() for shape in shapes])
    first, *lstm, embedding, output, bias = (p.view(s) for p, s in zip(pieces, shapes, strict=True))
    state = [(torch.zeros_like(first), torch.zeros_like(first)) for _ in range(LAYERS)]
    given, path, rows = first, [], []
    for _ in range(edges):
        here = given
        for layer in range(LAYERS):
            state[layer] = torch.lstm_cell(here, state[layer], *lstm[4 * layer : 4 * layer + 4])
            here = state[layer][0]
        logits = tanh_constant * torch.tanh(torch.nn.functional.linear(here, output, bias)[0] / temperature)
        rows.append(logits.log_softmax(-1))
        chances = rows[-1].detach().exp()
        named = chances.argmax() if generator is None else chances.cpu().multinomial(1, generator=generator)[0]
        path.append(named.to(weights.device))
        given = embedding[path[-1]].unsqueeze(0)
    chosen, logs = torch.stack(path), torch.stack(rows)
    return Walk(chosen, logs.exp(), logs.gather(1, chosen[:, None]).sum(), -(logs.exp() * logs).sum())
