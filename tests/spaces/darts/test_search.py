"""Searches of the DARTS space through the engine: they run, end as if never killed, and read what they must."""

import numpy as np
import pytest
import torch

from harness.config import deep_merge
from harness.engine.search import Search, run_search
from harness.methods.catalogue import resolve
from harness.spaces.registry import published
from tests.engine.catalogued import CATALOGUE, layer, small
from tests.engine.conftest import TINY, toy


def make(method, variant, **changes):
    """Resolve a method on a published variant with some settings changed, at the size of the engine's tests."""
    space = published(variant).model_dump() | {"channels": 4, "cells": 3} | changes
    below = {"space": space, "data": TINY["data"] | {"flip": True, "crop_padding": 1}}
    own = deep_merge(small(method), {"epochs": 2, "batch_size": 16})
    return resolve(CATALOGUE, method, [layer(own)], [layer(below)])


@pytest.mark.parametrize(
    ("method", "space"), [("darts-v1", "darts"), ("single-darts", "darts"), ("darts-v1", "s1"), ("darts-v1", "s4")]
)
def test_a_search_leaves_an_architecture_and_ends_as_if_never_killed(method, space, tmp_path):
    spec = make(method, space)
    result = run_search(spec, toy(), 7, "cpu").trajectory
    assert len(result.architectures) == 3
    for architecture in result.architectures:
        assert {kind: len(edges) for kind, edges in spec.space.operations(architecture).items()} == {
            "normal": 8, "reduce": 8,
        }  # fmt: skip
    for name in ("normal", "reduce"):
        weights = np.array(result.mixing[name])
        assert weights.shape[1] == 14 and np.isfinite(weights).all() and (weights[0] != weights[2]).any()

    def kill(epoch, epochs):
        raise KeyboardInterrupt

    file = tmp_path / "checkpoint.pt"
    with pytest.raises(KeyboardInterrupt):
        run_search(spec, toy(), 7, "cpu", file, kill)
    assert run_search(spec, toy(), 7, "cpu", file).trajectory == result


def test_the_raw_parse_reads_alpha():
    """Edges whose softmax weighs more against edges whose alphas are larger."""
    found = {}
    for parse in ("weights", "alpha"):
        search = Search(make("darts-v1", "s3", parse=parse), toy(), 0, torch.device("cpu"))
        with torch.no_grad():
            for alpha in search.alpha.values():
                alpha.copy_(torch.tensor([0.0, 0.0, 1.0]).repeat(14, 1))  # sep_conv_3x3 by a lead of 1
                alpha[4] = 5 + torch.tensor([0.0, 0.0, 0.1])  # source 2 into the second node: large, but even
        edges = search.spec.space.operations(search.architecture())["normal"]
        found[parse] = [edge.source for edge in edges if edge.node == 3]
    assert found == {"weights": [0, 1], "alpha": [0, 2]}
