from __future__ import annotations

from collections import defaultdict

import pytest
import torch
from sklearn.datasets import load_digits

from harness.data.digits import TRAIN_IMAGES
from harness.data.load import load_dataset
from harness.errors import HarnessError


def test_the_images_are_scikit_learns() -> None:
    digits = load_digits()
    seen: dict[int, int] = defaultdict(int)
    train, test = [], []
    for image, label in zip(digits.images, digits.target, strict=True):
        seen[label] += 1
        pixels = [[[int(v * 255 / 16 + 0.5) for v in row] for row in image]] * 3
        (test if seen[label] % 5 == 0 else train).append((pixels, int(label)))
    dataset = load_dataset("digits", None)
    for part, expected in ((dataset.train, train), (dataset.test, test)):
        assert part.images.tolist() == [pixels for pixels, _ in expected]
        assert part.labels.tolist() == [label for _, label in expected]
    assert len(train) == TRAIN_IMAGES and len(train) + len(test) == 1797


def test_the_split_is_balanced() -> None:
    dataset = load_dataset("digits", None)
    for part in (dataset.train, dataset.test):
        counts = part.labels.bincount(minlength=10).float()
        assert counts.max() / counts.min() < 1.1


def test_mean_and_deviation_are_those_of_the_training_images() -> None:
    dataset = load_dataset("digits", None)
    pixels = dataset.train.images.double()
    assert pixels.mean(dim=(0, 2, 3)).tolist() == pytest.approx(dataset.mean, abs=0.05)
    assert pixels.std(dim=(0, 2, 3), correction=0).tolist() == pytest.approx(dataset.std, abs=0.05)


def test_a_prefix() -> None:
    whole = load_dataset("digits", None)
    part = load_dataset("digits", None, limit=100, test=False)
    assert torch.equal(part.train.images, whole.train.images[:100])
    assert len(part.test) == 0
    assert whole.fingerprint == "1442+355-862151f2b05aea2a"
    assert part.fingerprint.startswith("100+0-")
    with pytest.raises(HarnessError, match=r"limit 1443 is not in 1\.\.1442"):
        load_dataset("digits", None, limit=1443)
