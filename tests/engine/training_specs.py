"""Trainings so small that they take a second."""

from __future__ import annotations

from typing import Any

import torch

from harness.config import deep_merge
from harness.data.images import Dataset, ImageSet
from harness.methods.training import TrainingSpec

CELL = "|nor_conv_3x3~0|+|skip_connect~0|avg_pool_3x3~1|+|none~0|nor_conv_1x1~1|nor_conv_3x3~2|"
DARTS_CELL = (
    "normal |sep_conv_3x3~0|dil_conv_3x3~1|+|skip_connect~0|max_pool_3x3~2|+|sep_conv_5x5~1|avg_pool_3x3~3|"
    "+|dil_conv_5x5~0|sep_conv_3x3~4| "
    "reduce |skip_connect~0|max_pool_3x3~1|+|sep_conv_5x5~0|avg_pool_3x3~1|+|dil_conv_5x5~1|dil_conv_3x3~2|"
    "+|sep_conv_3x3~0|skip_connect~3|"
)
TINY: dict[str, Any] = {
    "space": "nb201",
    "network": {"cells": 1, "channels": 4, "stem": "cifar"},
    "data": {
        "split": "test", "images": "all", "evaluated": "all", "image_size": 8, "resized_crop": None, "crop_padding": 1,
        "flip": True, "jitter": None, "cutout": 0,
    },
    "epochs": 3,
    "batch_size": 16,
    "precision": "float32",
    "optimiser": {"name": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4},
    "schedule": {"name": "cosine", "final_lr": 0.0, "period": None},
    "ramp": 0,
    "clip": None,
    "label_smoothing": 0.0,
    "drop_path": 0.0,
    "auxiliary": None,
    "evaluated_every": 1,
    "subject": {"name": "given", "architecture": CELL},
}  # fmt: skip
DARTS: dict[str, Any] = {
    "space": "darts",
    "network": {"cells": 3, "channels": 4},
    "data": {"image_size": 32, "crop_padding": 4, "cutout": 16},
    "optimiser": {"lr": 0.025, "nesterov": False, "weight_decay": 3e-4},
    "clip": 5.0,
    "drop_path": 0.6,
    "auxiliary": 0.4,
    "subject": {"name": "given", "architecture": DARTS_CELL},
}


def make(*layers: dict[str, Any]) -> TrainingSpec:
    """Build a specification of `TINY` and what changes it."""
    return TrainingSpec.model_validate(deep_merge(TINY, *layers))


def toy(side: int = 8, train: int = 40, test: int = 24) -> Dataset:
    """Random images of 3 classes, which a constant shift makes learnable."""
    generator = torch.Generator().manual_seed(0)

    def some(count: int) -> ImageSet:
        labels = torch.randint(3, (count,), generator=generator)
        pixels = torch.randint(0, 200, (count, 3, side, side), generator=generator) + 25 * labels.view(-1, 1, 1, 1)
        return ImageSet(pixels.to(torch.uint8), labels)

    return Dataset("toy", 3, some(train), some(test), (110.0, 120.0, 130.0), (60.0, 61.0, 62.0), 0, "toy")
