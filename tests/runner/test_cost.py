"""Estimates: of the right order, and proportional to the work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.methods.catalogue import load_catalogue, override_layers
from harness.methods.spec import SearchSpec
from harness.runner.cost import SPEEDS, estimate_seconds, training_seconds
from harness.suite.load import load_suite
from tests.engine.training_specs import DARTS, DARTS_CELL, make
from tests.suite.test_load import NB201

MEASURED = json.loads((Path(__file__).parents[2] / "speed" / "cost.json").read_text(encoding="utf-8"))["steps"]


def spec(*overrides: str, row: str = "darts") -> SearchSpec:
    """Return a search of the shipped suite in single precision, with some settings changed."""
    loaded = load_suite(NB201, load_catalogue())
    layers = override_layers(("precision=float32", *overrides))
    return loaded.resolve("single-darts-t1", row, "paper", overrides=layers)


def estimate(*overrides: str, row: str = "darts") -> float:
    """Return the estimate for one core."""
    return estimate_seconds(spec(*overrides, row=row), 50_000, "cpu")


@pytest.mark.parametrize("point", MEASURED, ids=lambda p: "C{channels} N{cells} {side}x{side} B{batch}".format(**p))
def test_measured_steps(point: dict[str, float]) -> None:
    """Bi-level steps on one core, as `speed.cost` measured them; the estimate only has to be of that order."""
    settings = {"space.channels": "channels", "space.cells": "cells", "data.image_size": "side"}
    settings |= dict.fromkeys(("batch_size", "data.weight_images", "data.architecture_images"), "batch")
    one_step = estimate("epochs=1", *(f"{key}={point[name]}" for key, name in settings.items()))
    assert one_step == pytest.approx(point["seconds"], rel=0.35)


def test_work_counts() -> None:
    whole = estimate()
    assert estimate("epochs=100") == pytest.approx(2 * whole)
    assert estimate("update={name: joint}") == pytest.approx(whole / 2)
    # One level on all images: one pass over twice the images.
    assert estimate(row="single-darts") == pytest.approx(whole, rel=0.01)
    assert estimate("space.ops=[skip_connect]") < whole
    assert estimate("precision=bfloat16") < 0.7 * whole
    assert estimate("space.partial_channels=4") < 0.5 * whole
    assert estimate_seconds(spec(), 50_000, "cuda") < whole / 20


def test_what_is_not_a_dense_step_counts() -> None:
    whole, images = estimate(), "data.architecture_images=1000"
    assert estimate("update.unrolled=true") == pytest.approx(2.5 * whole)
    assert estimate("relaxation={name: gumbel-hard, start: 10, end: 0.1}") == pytest.approx(whole / 5)
    noise = "weight_noise={name: adversarial, start: 0.03, end: 0.3, steps: 7}"
    assert estimate(noise) == pytest.approx(4.5 * whole)
    measured = "diagnostics=[{name: supernet-accuracy, every: 1, images: 1000}]"
    passes = 50 * 1000 / 3 / (2 * 50 * 25_000)
    assert estimate(measured, images) / estimate(images) == pytest.approx(1 + passes, rel=1e-3)


def test_too_few_images() -> None:
    with pytest.raises(HarnessError, match="needs 65 training images"):
        estimate_seconds(spec("data.weight_images=64"), 60, "cpu")


def test_maps_behind_the_stem_of_imagenet_are_an_eighth_as_wide() -> None:
    """But for the multiplications, which are counted, cells on 224 pixels cost what they do on 28 without that stem."""
    crop = {"resized_crop": {"scale": [0.1, 1], "ratio": [0.75, 1.33]}, "crop_padding": 0, "cutout": 0}
    small = make(DARTS, {"data": {"image_size": 28}})
    large = make(DARTS, {"network": {"stem": "imagenet"}, "data": {"image_size": 224, **crop}})
    counts = [
        spec.architectures.counts(DARTS_CELL, spec.network.size, 10, spec.data.image_size) for spec in (large, small)
    ]
    seen = small.epochs * (1000 + 100 / 3)
    more = seen * 6 * (counts[0].multiplications - counts[1].multiplications) / SPEEDS["cpu"].flops
    found = training_seconds(large, 1000, 100, "cpu") - training_seconds(small, 1000, 100, "cpu")
    assert found == pytest.approx(more, rel=1e-6)
