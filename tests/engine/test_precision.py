"""bfloat16: the network alone; alpha, statistics and losses stay in single precision, and results near its own."""

import pytest
import torch

from harness.engine.search import Search
from tests.engine.catalogued import SEARCHING, enough_epochs, tiny

FIRST = 3  # steps whose losses are compared: a coarse ReLU flips soon, and then the searches part


def steps(method, precision, images):
    """A search after one epoch, its first losses, and the types that left its network."""
    settings = {"epochs": enough_epochs(method, 2), "batch_size": 16, "space": {"bn_statistics": "running"}}
    search = Search(tiny(method, precision=precision, **settings), images, 0, torch.device("cpu"))
    losses, types, plain = [], set(), search.loss

    def loss(*args, **kwargs):
        value = plain(*args, **kwargs)
        losses.append(value.item())
        types.add(value.dtype)
        return value

    search.loss = loss
    search.net.stem.register_forward_hook(lambda module, inputs, output: types.add(output.dtype))
    search.run_epoch()
    return search, losses, types


@pytest.mark.parametrize("method", SEARCHING)
def test_half_the_bits_give_nearly_the_same_losses(method, images):
    search, losses, types = steps(method, "bfloat16", images)
    _, wanted, plain = steps(method, "float32", images)
    # the stem ends in a batch norm, which the CPU runs in the type of its input
    assert plain == {torch.float32} and types == {torch.float32, torch.bfloat16}
    assert losses[:FIRST] == pytest.approx(wanted[:FIRST], rel=0.03)
    assert losses != wanted
    kept = [*search.alpha.values(), *search.weights, *search.net.buffers()]
    assert {tensor.dtype for tensor in kept} <= {torch.float32, torch.int64}


def test_accuracies_and_the_curvature_are_measured_too(images):
    found = {}
    for precision in ("float32", "bfloat16"):
        search = Search(tiny("darts-es", precision=precision), images, 0, torch.device("cpu"))
        found[precision] = search.dominant_eigenvalue(16)
        (accuracy,) = search.accuracies([search.strengths()], None)
        assert 0 <= accuracy <= 100
    assert found["bfloat16"] == found["float32"]  # in single precision either way
