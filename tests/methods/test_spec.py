"""How many images a search takes."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import HarnessError
from harness.methods.spec import SearchData


def data(split: str, weights: int | str, architecture: int | str) -> SearchData:
    """Make the data settings of a search."""
    fields: dict[str, Any] = {"split": split, "weight_images": weights, "architecture_images": architecture}
    rest = {"architecture_draw": "pass", "image_size": 8, "crop_padding": 0, "flip": False}
    return SearchData.model_validate(fields | rest)


@pytest.mark.parametrize(
    ("split", "weights", "architecture", "counts", "limit"),
    [
        ("halves", "all", "all", (50, 51), None),
        ("halves", 30, "all", (30, 71), None),
        ("halves", "all", 20, (50, 20), None),
        ("halves", 30, 20, (30, 20), 50),
        ("halves", 81, 20, (81, 20), 101),
        ("shared", "all", 20, (101, 101), None),
        ("shared", 30, "all", (30, 30), 30),
        ("shared", 101, 1, (101, 101), 101),
    ],
)
def test_counts_of_101_images(
    split: str, weights: int | str, architecture: int | str, counts: tuple[int, int], limit: int | None
) -> None:
    made = data(split, weights, architecture)
    assert made.counts(101) == counts
    assert made.limit == limit


@pytest.mark.parametrize(
    ("split", "weights", "architecture", "needed"),
    [("halves", 101, "all", 102), ("halves", 500, "all", 501), ("halves", 82, 20, 102), ("halves", "all", 52, 102),
     ("shared", 102, "all", 102)],
)  # fmt: skip
def test_too_few_images(split: str, weights: int | str, architecture: int | str, needed: int) -> None:
    with pytest.raises(HarnessError, match=f"^the search needs {needed} training images, the dataset has 101$"):
        data(split, weights, architecture).counts(101)


def test_one_image_makes_no_halves() -> None:
    with pytest.raises(HarnessError, match="needs 2 training images, the dataset has 1"):
        data("halves", "all", "all").counts(1)
