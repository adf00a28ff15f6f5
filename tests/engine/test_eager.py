"""Optimisers that never ask torch's compiler: the same steps to the bit, and a search that does not import it."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import torch

from harness.methods.eager import eager

KINDS = [
    (torch.optim.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 5e-4, "fused": True}),
    (torch.optim.SGD, {"momentum": 0.9}),
    (torch.optim.Adam, {"betas": (0.5, 0.999), "weight_decay": 1e-3, "fused": True}),
]


@pytest.mark.parametrize(("kind", "settings"), KINDS)
def test_steps_are_those_of_torch_to_the_bit(kind, settings):
    draw = torch.Generator().manual_seed(0)
    start = torch.randn(7, 3, generator=draw)
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    optimisers = eager(kind)([ours], 0.1, **settings), kind([theirs], 0.1, **settings)
    for step in range(20):
        gradient = torch.randn(7, 3, generator=draw)
        for parameter, optimiser in zip((ours, theirs), optimisers, strict=True):
            parameter.grad = gradient.clone()
            optimiser.step()
            optimiser.zero_grad()
            assert parameter.grad is None
        assert torch.equal(ours, theirs), step
        if step == 10:
            optimisers[0].load_state_dict(copy.deepcopy(optimisers[1].state_dict()))
    assert isinstance(optimisers[0], kind) and ours.requires_grad


SEARCHES = """
import sys
import torch
from harness.engine.search import run_search
from tests.engine.catalogued import tiny
from tests.engine.conftest import toy
for method in {methods!r}:
    run_search(tiny(method, epochs=1), toy(), 0, "cpu")
    assert "torch._dynamo" not in sys.modules, method
print("none")
"""


def test_a_search_does_not_import_the_compiler():
    methods = ["darts-v1", "darts-v2", "single-darts", "cdarts", "gaea-erm", "enas", "drnas", "sdarts-adv", "darts-pt"]
    words = [sys.executable, "-c", SEARCHES.format(methods=methods)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=110)
    assert done.stdout.strip() == "none", done.stderr
