"""Parts that do not go together: whatever would be ignored, or mean what no paper means, is one clear error."""

import re

import pytest

from harness.errors import HarnessError
from tests.engine.catalogued import tiny

NOISE = {"name": "random", "start": 0.03, "end": 0.3}
PATH = {"name": "uniform-path"}
DROP = {"name": "drop-path", "probability": 0.2, "cutout": 4}
AUXILIARY = {"name": "auxiliary-skip"}
EIGENVALUE = [{"name": "eigenvalue", "first": 0, "every": 1, "images": 16}]
KL = {"name": "dirichlet-kl", "weight": 1.0}
BEST = {"name": "best-path", "draw": "uniform", "candidates": 3, "images": 8, "augmented": False}
LARGEST = {"name": "largest-weight"}
QUARTER = {"partial_channels": 4}
ADAM = {"name": "adam", "lr": 0.01, "betas": [0.5, 0.999], "eps": 1e-8, "weight_decay": 0.0}


@pytest.mark.parametrize(
    ("method", "change", "said"),
    [
        ("single-darts-softmax", {"weight_noise": NOISE}, "weight_noise: 'random' does not work with update 'joint'"),
        ("darts-v1", {"relaxation": {"name": "sigmoid"}, "weight_noise": NOISE}, "with relaxation 'sigmoid'"),
        ("gdas", {"weight_noise": NOISE}, "weight_noise: 'random' does not work with relaxation 'gumbel-hard'"),
        ("darts-v1", {"relaxation": {"name": "uniform"}}, "update: 'alternating' does not work with relaxation"),
        ("gaea-erm", {"architecture_optimiser": ADAM}, "architecture_optimiser: 'adam' does not work with relaxation"),
        ("gaea-erm", {"relaxation": {"name": "softmax"}}, "'exponentiated-gradient' does not work with relaxation"),
        ("gaea-erm", {"alpha_init": {"value": 0.25}}, "alpha_init: relaxation 'simplex' needs a constant start at"),
        ("darts-v1", {"regulariser": {"name": "entropy", "weight": 1.0}}, "regulariser: 'entropy' does not work with"),
        ("darts-v1", {"regulariser": {"name": "dirichlet-kl", "weight": 1.0}}, "'dirichlet-kl' does not work with"),
        ("darts-minus", {"relaxation": {"name": "uniform-path"}, "update": {"name": "weights-only"}}, "auxiliary_skip"),
        ("darts-minus", {"weight_noise": NOISE}, "auxiliary_skip: 'auxiliary-skip' does not work with weight_noise"),
        ("darts-minus", {"space": {"ops": ["none", "nor_conv_3x3"]}}, "needs the operation 'skip_connect'"),
        ("darts-v2", {"weight_optimiser": ADAM}, "weight_optimiser: an unrolled update looks one step of 'sgd' ahead"),
        # the weights' own relaxation
        ("setn", {"weight_noise": NOISE}, "weight_noise: 'random' does not work with weight_relaxation 'uniform-path'"),
        ("setn", {"auxiliary_skip": AUXILIARY}, "'auxiliary-skip' does not work with weight_relaxation"),
        ("setn", {"drop_path": DROP}, "drop_path: 'drop-path' does not work with weight_relaxation 'uniform-path'"),
        ("darts-v2", {"weight_relaxation": PATH}, "an unrolled update knows one relaxation for both sides"),
        ("single-darts", {"weight_relaxation": PATH}, "update: 'joint' does not work with weight_relaxation"),
        ("cdarts", {"weight_relaxation": PATH}, "update: 'collaborative' does not work with weight_relaxation"),
        ("darts-uniform", {"weight_relaxation": PATH}, "update: 'weights-only' does not work with weight_relaxation"),
        # updates
        ("darts-v1", {"relaxation": PATH}, "update: 'alternating' does not work with relaxation 'uniform-path'"),
        ("enas", {"relaxation": {"name": "softmax"}}, "'policy-gradient' does not work with relaxation 'softmax'"),
        ("cdarts", {"relaxation": {"name": "sigmoid"}}, "'collaborative' does not work with relaxation 'sigmoid'"),
        ("cdarts", {"drop_path": DROP}, "drop_path: 'drop-path' does not work with update 'collaborative'"),
        ("cdarts", {"auxiliary_skip": AUXILIARY}, "auxiliary_skip: 'auxiliary-skip' does not work with update"),
        ("cdarts", {"weight_noise": NOISE}, "weight_noise: 'random' does not work with update 'collaborative'"),
        ("cdarts", {"relaxation": {"name": "dirichlet"}, "regulariser": KL}, "does not work with update"),
        ("drnas", {"regulariser": KL, "update": {"name": "weights-only"}}, "does not work with update"),
        ("enas", {"drop_path": DROP}, "drop_path: 'drop-path' does not work with relaxation 'controller'"),
        ("gdas", {"drop_path": DROP}, "drop_path: 'drop-path' does not work with relaxation 'gumbel-hard'"),
        # partial channels
        ("pc-darts", {"space": QUARTER | {"channels": 6}}, "space.partial_channels: must divide the 6 channels"),
        ("gdas", {"space": QUARTER}, "relaxation: 'gumbel-hard' does not work with space.partial_channels above 1"),
        ("rsps", {"space": QUARTER}, "relaxation: 'uniform-path' does not work with space.partial_channels above 1"),
        ("enas", {"space": QUARTER}, "relaxation: 'controller' does not work with space.partial_channels above 1"),
        ("setn", {"space": QUARTER}, "weight_relaxation: 'uniform-path' does not work with space.partial_channels"),
        ("single-darts", {"space": QUARTER}, "relaxation: 'sigmoid' does not work with space.partial_channels above 1"),
        ("cdarts", {"space": QUARTER}, "update: 'collaborative' does not work with space.partial_channels above 1"),
        ("darts-v1", {"space": QUARTER, "select": BEST}, "'best-path' does not work with space.partial_channels"),
        # selections
        ("enas", {"select": BEST}, "select: draw 'uniform' does not work with relaxation 'controller'"),
        ("rsps", {"select": {"draw": "policy"}}, "select: draw 'policy' does not work with relaxation 'uniform-path'"),
        ("rsps", {"select": {"draw": "most-probable"}}, "does not work with update 'weights-only'"),
        ("single-darts", {"select": BEST}, "select: 'best-path' does not work with relaxation 'sigmoid'"),
        ("pc-darts", {"space": {}, "select": BEST}, "select: 'best-path' does not work with"),
        ("pc-darts", {"select": "pt"}, "select: 'progressive' does not work with relaxation 'edge-normalised'"),
        ("enas", {"select": "pt"}, "select: 'progressive' does not work with relaxation 'controller'"),
        ("sgas-1", {"epochs": 6}, "select: the last edge is decided before epoch 6, but there are 6"),
        ("darts-pt", {"epochs": 6, "select": {"start": 7}}, "select: tuning starts after epoch 7, but there are 6"),
        ("darts-pt", {"select": {"history": 3}}, "select: stability, and nothing else, needs a 'history' above 0"),
        ("darts-pt", {"space": {"ops": ["none", "nor_conv_3x3"]}}, "select: needs two operations besides 'none'"),
        ("sgas-1", {"epochs": 7, "space": {"ops": ["skip_connect", "nor_conv_3x3"]}}, "equally important without"),
        # diagnostics
        ("darts-uniform", {"diagnostics": EIGENVALUE}, "'eigenvalue' does not work with relaxation 'uniform'"),
        ("enas", {"diagnostics": EIGENVALUE}, "'eigenvalue' does not work with relaxation 'controller'"),
        ("darts-v1", {"diagnostics": 2 * EIGENVALUE}, "diagnostics: each diagnostic only once"),
    ],
)  # fmt: skip
def test_parts_that_do_not_go_together_are_one_clear_error(method, change, said):
    if change.get("select") == "pt":
        change = change | {"select": tiny("darts-pt").select.model_dump()}
    with pytest.raises(HarnessError, match=re.escape(said)) as caught:
        tiny(method, **{"space": {}, **change})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("method", "change"),
    [
        ("enas", {"update": {"name": "weights-only"}}),  # a control: the controller is never trained
        ("darts-v1", {"space": QUARTER}),
        ("darts-v1", {"select": BEST}),
        ("r-darts-dp", {"space": QUARTER}),
        ("gdas", {"diagnostics": EIGENVALUE}),
    ],
)
def test_parts_that_do_go_together(method, change):
    tiny(method, **{"space": {}, **change})
