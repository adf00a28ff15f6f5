"""The network of a cell against a naive one in float64, and its parameters against the count."""

import random

import pytest
import torch

from harness.errors import HarnessError
from harness.spaces.oneshot.encoding import parse, pruned
from harness.spaces.registry import published
from harness.spaces.space import Size
from tests.spaces.oneshot import naive

SPACE = published("oneshot-3")
TEXTS = (
    "output(0)",
    "maxpool3x3(0)+output(1)",
    "conv3x3-bn-relu(0)+output(0,1)",
    "maxpool3x3(0)+conv3x3-bn-relu(0,1)+output(1,2)",
    "conv1x1-bn-relu(0)+maxpool3x3(1)+conv3x3-bn-relu(1)+output(2,3)",
    "conv1x1-bn-relu(0)+maxpool3x3(0,1)+conv3x3-bn-relu(0,1,2)+output(0,1,3)",
    "conv1x1-bn-relu(0)+conv3x3-bn-relu(1)+maxpool3x3(1)+conv1x1-bn-relu(1)+output(2,3,4)",  # 4, 3 and 3 of 10 channels
    "maxpool3x3(0)+conv3x3-bn-relu(0,1)+conv1x1-bn-relu(0)+output(2)",  # one vertex ends in nothing
)


def drawn(number):
    """Return cells of the third space."""
    rng = random.Random(1)
    for _ in range(number):
        weights = {g.name: [[rng.random() for _ in row] for row in g.options] for g in SPACE.groups}
        yield SPACE.discretise(weights, {g.name: [-1] * g.shape[0] for g in SPACE.groups})


@pytest.mark.parametrize("text", [*TEXTS, *drawn(6)])
def test_logits_and_parameters(text):
    torch.manual_seed(0)
    size, cell = Size(cells=2, channels=10), pruned(parse(text))
    net = SPACE.network(text, size, 7).double()
    for parameter in net.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    assert sum(p.numel() for p in net.parameters()) == SPACE.counts(text, size, 7, 8).parameters
    x = torch.randn(3, 3, 8, 8, dtype=torch.float64)
    expected = naive.network(dict(net.named_parameters()), x, cell.matrix, cell.labels, 2, 10)
    assert torch.allclose(net(x), expected, rtol=1e-9, atol=1e-11)
    assert all(m.momentum == pytest.approx(0.003) for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d))


def test_multiply_adds_are_those_of_the_convolutions():
    text, size, found = TEXTS[5], Size(cells=1, channels=12), 0

    def count(module, inputs, output):
        nonlocal found
        found += module.weight.numel() * (output[0, 0].numel() if output.dim() == 4 else 1)

    net = SPACE.network(text, size, 10)
    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
            module.register_forward_hook(count)
    net(torch.zeros(1, 3, 16, 16))
    assert SPACE.counts(text, size, 10, 16).multiplications == found


def test_images_must_be_halved_twice():
    with pytest.raises(HarnessError, match="must divide by 4"):
        SPACE.network(TEXTS[1], Size(cells=1, channels=4), 10)(torch.zeros(1, 3, 6, 6))
