"""Layers and edges that change places: which ones may, what is moved, and what the accuracies are of."""

import pytest
import torch

from harness import seeds
from harness.engine import shuffling
from harness.engine.shuffling import Stages, measure, swapped, swaps
from harness.errors import HarnessError
from harness.methods.computed import ComputedSpec, LayerShuffling
from harness.spaces.darts.variants import EDGES
from harness.spaces.registry import published
from tests.engine.training_specs import toy

TINY = {
    "name": "layer-shuffling", "network": "plain", "channels": 4, "depth": 4, "epochs": 1, "batch_size": 16,
    "weight_optimiser": {"name": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": False, "weight_decay": 3e-4},
    "clip": 5.0, "alpha_scale": 1e-3,
    "architecture_optimiser": {"name": "adam", "lr": 0.003, "betas": [0.5, 0.999], "eps": 1e-8, "weight_decay": 1e-3},
    "images": 40, "evaluated": 24, "image_size": 8, "crop_padding": 1, "shuffles": 3,
}  # fmt: skip


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def supernet():
    return published("darts").model_copy(update={"channels": 4, "cells": 4}).supernet(3)


@pytest.mark.parametrize("residual", [False, True])
def test_two_layers_of_every_stage_that_keep_the_channels_are_drawn(residual):
    network = Stages(4, 5, 3, residual=residual)
    seen = set()
    for seed in range(60):
        pairs = swaps(network, draws(seed))
        assert [first.split(".")[1] for first, _ in pairs] == ["0", "1", "2"]
        for first, second in pairs:
            assert first != second and "0" not in (first.split(".")[2], second.split(".")[2])
            seen.add(frozenset((first, second)))
    assert len(seen) == 3 * 6  # all pairs of four


def test_two_edges_of_equal_stride_are_drawn_in_every_cell():
    network, seen = supernet(), set()
    for seed in range(80):
        pairs = swaps(network, draws(seed))
        assert len(pairs) == 4
        for (first, second), kind in zip(pairs, network.kinds, strict=True):
            edges = [int(name.split(".")[3]) for name in (first, second)]
            sources = [EDGES[edge][0] < 2 for edge in edges]
            assert edges[0] != edges[1] and (kind == "normal" or sources[0] == sources[1])
            seen.update((kind, edge) for edge in edges)
    assert seen == {(kind, edge) for kind in ("normal", "reduce") for edge in range(14)}


@pytest.mark.parametrize(
    "make", [lambda: Stages(4, 4, 3, residual=False), lambda: Stages(4, 4, 3, residual=True), supernet]
)
def test_whole_layers_are_exchanged_and_twice_is_never(make):
    network = make()
    weights = {name: value.clone() for name, value in network.state_dict().items()}  # what is loaded changes the others
    pairs = swaps(network, draws())
    moved = swapped(weights, pairs)
    network.load_state_dict(moved)  # all shapes fit
    for first, second in pairs:
        names = [name.removeprefix(first) for name in weights if name.startswith(first)]
        assert names and all(torch.equal(moved[first + name], weights[second + name]) for name in names)
    untouched = [name for name in weights if not any(name.startswith(start) for pair in pairs for start in pair)]
    assert untouched and all(torch.equal(moved[name], weights[name]) for name in untouched)
    back = swapped(moved, pairs)
    assert all(torch.equal(back[name], weights[name]) for name in weights)


def test_residual_layers_near_the_identity_may_change_places_and_plain_ones_may_not():
    images = torch.randn(4, 3, 8, 8, generator=draws())
    differences = {}
    for residual in (False, True):
        torch.manual_seed(0)
        network = Stages(4, 4, 3, residual=residual).eval()
        with torch.no_grad():
            network.classifier.bias.zero_()
            for name, value in network.named_parameters():
                if residual and ".main." in name:
                    value.mul_(1e-3)
            before = network(images)
            network.load_state_dict(swapped(network.state_dict(), swaps(network, draws())))
            differences[residual] = ((network(images) - before).norm() / before.norm()).item()
    assert differences[True] < 1e-3 < 1e-2 < differences[False]


@pytest.mark.parametrize("network", ["plain", "residual", "darts-supernet"])
def test_a_measurement_says_what_shuffling_costs_and_is_the_same_again(network):
    settings = LayerShuffling.model_validate(TINY | {"network": network})
    found = measure(settings, toy(16), 3)
    assert found["drop"] == [pytest.approx(found["before"][0] - found["after"][0])]
    assert all(0 <= found[key][0] <= 100 for key in ("before", "after"))
    assert measure(settings, toy(16), 3) == found


def trained(monkeypatch, **settings):
    """Return the initial and the trained weights of a network, and what Adam moves, as it begins, of both."""
    alphas, build = [], shuffling.build_optimiser

    def capture(optimiser, parameters):
        if optimiser.name == "adam":
            alphas.extend(parameter.detach().clone() for parameter in parameters)
        return build(optimiser, parameters)

    monkeypatch.setattr(shuffling, "build_optimiser", capture)
    chosen = LayerShuffling.model_validate(TINY | settings)
    network, _ = shuffling._trained(chosen, shuffling._Feed(chosen, toy(16), 0), 3, 0)
    with monkeypatch.context() as patch:
        patch.setattr(shuffling, "_train", lambda *_: None)
        initial, _ = shuffling._trained(chosen, shuffling._Feed(chosen, toy(16), 0), 3, 0)
    return dict(initial.named_parameters()), dict(network.named_parameters()), alphas


def test_the_gradient_of_the_weights_is_clipped(monkeypatch):
    still = TINY["weight_optimiser"] | {"weight_decay": 0.0}
    before, after, _ = trained(monkeypatch, clip=1e-12, weight_optimiser=still)
    assert all((after[name] - value).abs().max() < 1e-9 for name, value in before.items())
    before, after, _ = trained(monkeypatch, weight_optimiser=still)
    assert any((after[name] - value).abs().max() > 1e-4 for name, value in before.items())


@pytest.mark.parametrize("scale", [1e-3, 1.0])
def test_alpha_begins_with_normal_draws_of_the_stated_scale(scale, monkeypatch):
    _, _, alphas = trained(monkeypatch, network="darts-supernet", alpha_scale=scale)
    drawn = torch.cat([alpha.flatten() for alpha in alphas]) / scale
    assert len(drawn) == 2 * (2 * 14 * 8) and abs(drawn.std() - 1) < 0.2 and abs(drawn.mean()) < 0.3


@pytest.mark.parametrize("network", ["plain", "darts-supernet"])
def test_others_need_not_wait_for_initial_weights_until_a_training_ends(network, monkeypatch):
    seen = []

    def train(*_):
        seen.append(seeds._GLOBAL.locked())

    monkeypatch.setattr(shuffling, "_train", train)
    measure(LayerShuffling.model_validate(TINY | {"network": network}), toy(16), 0)
    assert seen == [False]


def test_more_images_than_there_are_are_refused():
    with pytest.raises(HarnessError, match="shuffling needs 41 training and 24 test images"):
        measure(LayerShuffling.model_validate(TINY | {"images": 41}), toy(16), 0)


def test_two_layers_must_be_left_to_swap():
    with pytest.raises(ValueError, match="depth"):
        LayerShuffling.model_validate(TINY | {"depth": 2})
    spec = ComputedSpec(computation=TINY, runs=1)
    assert spec.trains and not spec.deterministic and not spec.needs_table
