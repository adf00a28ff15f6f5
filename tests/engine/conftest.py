"""A tiny search: C = 4, N = 1, 8x8 images."""

import pytest
import torch

from harness.data.images import Dataset, ImageSet
from harness.methods.spec import SearchSpec
from harness.spaces.nb201 import encoding as nb201

TINY = {
    "space": {
        "name": "nb201", "channels": 4, "cells": 1, "ops": nb201.OPS, "conv_bias": False, "bn_statistics": "batch",
        "partial_channels": 1,
    },
    "data": {
        "split": "halves", "weight_images": 40, "architecture_images": 24, "architecture_draw": "pass",
        "image_size": 8, "crop_padding": 0, "flip": False,
    },
    "epochs": 2,
    "batch_size": 16,
    "relaxation": {"name": "softmax"},
    "update": {"name": "alternating", "order": "weights-first", "unrolled": False},
    "alpha_init": {"name": "normal", "scale": 0.5},
    "weight_optimiser": {"name": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4},
    "weight_schedule": {"name": "cosine", "final_lr": 0.001, "period": None},
    "weight_clip": {"norm": 0.7, "include_alpha": True},
    "architecture_optimiser": {"name": "adam", "lr": 0.01, "betas": (0.5, 0.999), "eps": 1e-8, "weight_decay": 1e-3},
    "architecture_schedule": {"name": "constant"},
    "weight_noise": None,
    "architecture_warmup": 0,
    "regulariser": None,
    "auxiliary_skip": None,
    "precision": "float32",
    "weight_relaxation": None,
    "drop_path": None,
    "select": {"name": "largest-weight"},
    "diagnostics": (),
}  # fmt: skip


@pytest.fixture
def make_spec():
    """Build a tiny spec; ``make_spec(data={...}, epochs=3)`` overrides block by block."""

    def make(**changes):
        blocks = {
            key: TINY[key] | value if isinstance(value, dict) and "name" not in value and TINY[key] else value
            for key, value in changes.items()
        }
        return SearchSpec.model_validate(TINY | blocks)

    return make


def toy():
    """64 random images of 3 classes, which a constant shift makes learnable."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(3, (64,), generator=generator)
    pixels = torch.randint(0, 200, (64, 3, 8, 8), generator=generator) + 25 * labels.view(-1, 1, 1, 1)
    part = ImageSet(pixels.to(torch.uint8), labels)
    return Dataset("toy", 3, part, part, (110.0,) * 3, (60.0,) * 3, 0, "toy")


@pytest.fixture(scope="session")
def images():
    """The images of `toy`."""
    return toy()
