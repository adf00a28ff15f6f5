"""Estimates: of the right order, and proportional to the work."""

from __future__ import annotations

import pytest

from harness.errors import HarnessError
from harness.methods.catalogue import load_catalogue, override_layers
from harness.methods.spec import SearchSpec
from harness.runner.cost import estimate_seconds
from harness.suite.load import load_suite
from tests.suite.test_load import NB201


def spec(*overrides: str, row: str = "darts") -> SearchSpec:
    """Return a search of the shipped suite with some settings changed."""
    loaded = load_suite(NB201, load_catalogue())
    return loaded.resolve("single-darts-t1", row, "paper", overrides=override_layers(overrides))


# Measured seconds of one bi-level step on one core; the estimate only has to be of that order.
@pytest.mark.parametrize(
    ("channels", "cells", "side", "seconds"),
    [(4, 1, 8, 0.044), (8, 1, 16, 0.16), (16, 1, 16, 0.27), (8, 1, 32, 0.52), (16, 5, 32, 5.5)],
)
def test_measured_steps(channels: int, cells: int, side: int, seconds: float) -> None:
    one_step = spec(f"space.channels={channels}", f"space.cells={cells}", f"data.image_size={side}", "epochs=1",
                    "data.weight_images=64")  # fmt: skip
    assert estimate_seconds(one_step, 50_000, "cpu") == pytest.approx(seconds, rel=0.35)


def test_work_counts() -> None:
    whole = estimate_seconds(spec(), 50_000, "cpu")
    assert estimate_seconds(spec("epochs=100"), 50_000, "cpu") == pytest.approx(2 * whole)
    assert estimate_seconds(spec("update={name: joint}"), 50_000, "cpu") == pytest.approx(whole / 2)
    # One level on all images: one pass over twice the images.
    assert estimate_seconds(spec(row="single-darts"), 50_000, "cpu") == pytest.approx(whole, rel=0.01)
    assert estimate_seconds(spec("space.ops=[skip_connect]"), 50_000, "cpu") < whole
    assert estimate_seconds(spec(), 50_000, "cuda") < whole / 20


def test_too_few_images() -> None:
    with pytest.raises(HarnessError, match="needs 65 training images"):
        estimate_seconds(spec("data.weight_images=64"), 60, "cpu")
