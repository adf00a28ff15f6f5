"""AutoAugment against PIL, operation by operation and level by level, and its draws against their probabilities."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from PIL.Image import Resampling, Transform

from harness.data.autoaugment import FULL, GREY, POLICIES, auto_augment, changed, whole

SIDE = 32
FILL = (GREY,) * 3
PLAIN = ("invert", "solarize", "posterize", "autocontrast", "equalize")


# Cubuk et al. 2018, Tables 7 and 9: operation, probability, level; typed a second time
CIFAR = """
invert 0.1 7, contrast 0.2 6
rotate 0.7 2, translate-x 0.3 9
sharpness 0.8 1, sharpness 0.9 3
shear-y 0.5 8, translate-y 0.7 9
autocontrast 0.5 8, equalize 0.9 2
shear-y 0.2 7, posterize 0.3 7
color 0.4 3, brightness 0.6 7
sharpness 0.3 9, brightness 0.7 9
equalize 0.6 5, equalize 0.5 1
contrast 0.6 7, sharpness 0.6 5
color 0.7 7, translate-x 0.5 8
equalize 0.3 7, autocontrast 0.4 8
translate-y 0.4 3, sharpness 0.2 6
brightness 0.9 6, color 0.2 8
solarize 0.5 2, invert 0.0 3
equalize 0.2 0, autocontrast 0.6 0
equalize 0.2 8, equalize 0.8 4
color 0.9 9, equalize 0.6 6
autocontrast 0.8 4, solarize 0.2 8
brightness 0.1 3, color 0.7 0
solarize 0.4 5, autocontrast 0.9 3
translate-y 0.9 9, translate-y 0.7 9
autocontrast 0.9 2, solarize 0.8 3
equalize 0.8 8, invert 0.1 3
translate-y 0.7 9, autocontrast 0.9 1
"""
IMAGENET = """
posterize 0.4 8, rotate 0.6 9
solarize 0.6 5, autocontrast 0.6 5
equalize 0.8 8, equalize 0.6 3
posterize 0.6 7, posterize 0.6 6
equalize 0.4 7, solarize 0.2 4
equalize 0.4 4, rotate 0.8 8
solarize 0.6 3, equalize 0.6 7
posterize 0.8 5, equalize 1.0 2
rotate 0.2 3, solarize 0.6 8
equalize 0.6 8, posterize 0.4 6
rotate 0.8 8, color 0.4 0
rotate 0.4 9, equalize 0.6 2
equalize 0.0 7, equalize 0.8 8
invert 0.6 4, equalize 1.0 8
color 0.6 4, contrast 1.0 8
rotate 0.8 8, color 1.0 2
color 0.8 8, solarize 0.8 7
sharpness 0.4 7, invert 0.6 8
shear-x 0.6 5, equalize 1.0 9
color 0.4 0, equalize 0.6 3
equalize 0.4 7, solarize 0.2 4
solarize 0.6 5, autocontrast 0.6 5
invert 0.6 4, equalize 1.0 8
color 0.6 4, contrast 1.0 8
equalize 0.8 8, equalize 0.6 3
"""


@pytest.mark.parametrize(("name", "table"), [("cifar", CIFAR), ("imagenet", IMAGENET)])
def test_a_policy_is_the_printed_one(name, table):
    printed = [[part.split() for part in line.split(", ")] for line in table.split("\n")[1:-1]]
    assert len(printed) == 25
    assert [[[c.operation, f"{c.probability:.1f}", str(c.level)] for c in pair] for pair in POLICIES[name]] == printed


def test_what_was_stretched_is_rounded_to_whole_numbers():
    assert whole(torch.tensor([0.4, 0.6, 253.6, 254.9])).tolist() == [0, 1, 254, 255]
    given = torch.tensor([7, 255], dtype=torch.uint8)
    assert whole(given) is given


def images(count=6, seed=0):
    """Noise, smooth pictures, one with few values, one of a single colour."""
    rng = np.random.default_rng(seed)
    found = rng.integers(0, 256, (count, 3, SIDE, SIDE), dtype=np.uint8)
    ramp = np.linspace(0, 1, SIDE)
    found[1] = (40 + 150 * np.outer(ramp, ramp))[None].astype(np.uint8) + rng.integers(0, 9, (3, 1, 1), dtype=np.uint8)
    found[2] = rng.integers(100, 103, (3, SIDE, SIDE))
    found[3] = np.array([3, 77, 200])[:, None, None]
    return torch.from_numpy(found)


def picture(image):
    return Image.fromarray(image.permute(1, 2, 0).numpy())


def by_pil(image, operation, level, sign):
    """What the public code of StacNAS composes of PIL."""
    at = FULL.get(operation, 0.0) * level / 9
    affine = {
        "shear-x": (1, at * sign, 0, 0, 1, 0), "shear-y": (1, 0, 0, at * sign, 1, 0),
        "translate-x": (1, 0, at * SIDE * sign, 0, 1, 0), "translate-y": (1, 0, 0, 0, 1, at * SIDE * sign),
    }  # fmt: skip
    enhanced = {"color": ImageEnhance.Color, "contrast": ImageEnhance.Contrast, "sharpness": ImageEnhance.Sharpness,
                "brightness": ImageEnhance.Brightness}  # fmt: skip
    if operation in affine:
        how = Resampling.BICUBIC if operation.startswith("shear") else Resampling.NEAREST
        return image.transform(image.size, Transform.AFFINE, affine[operation], how, fillcolor=FILL)
    if operation == "rotate":
        turned = image.convert("RGBA").rotate(at)
        return Image.composite(turned, Image.new("RGBA", turned.size, (GREY,) * 4), turned).convert("RGB")
    if operation in enhanced:
        return enhanced[operation](image).enhance(1 + at * sign)
    plain = {
        "invert": ImageOps.invert, "autocontrast": ImageOps.autocontrast, "equalize": ImageOps.equalize,
        "solarize": lambda i: ImageOps.solarize(i, float(np.linspace(256, 0, 10)[level])),
        "posterize": lambda i: ImageOps.posterize(i, int(np.round(np.linspace(8, 4, 10))[level])),
    }  # fmt: skip
    return plain[operation](image)


@pytest.mark.parametrize("level", range(10))
@pytest.mark.parametrize("operation", [*FULL, *PLAIN])
def test_an_operation_is_that_of_pil(operation, level):
    given = images()
    for sign in (-1.0, 1.0):
        found = changed(given, operation, level, torch.full((len(given),), sign))
        for ours, image in zip(found, given, strict=True):
            theirs = torch.from_numpy(np.array(by_pil(picture(image), operation, level, sign))).permute(2, 0, 1)
            assert ours.dtype == torch.uint8
            assert torch.equal(ours, theirs), (operation, level, sign)


def test_each_image_has_its_own_direction():
    given = images()[:2]
    found = changed(given, "translate-x", 9, torch.tensor([1.0, -1.0]))
    one = changed(given[:1], "translate-x", 9, torch.tensor([1.0]))
    other = changed(given[1:], "translate-x", 9, torch.tensor([-1.0]))
    assert torch.equal(found, torch.cat([one, other]))
    assert (one[0, :, :, -10:] == GREY).all() and (other[0, :, :, :10] == GREY).all()


@pytest.mark.parametrize("name", POLICIES)
def test_pairs_and_probabilities_are_drawn_as_the_policy_says(name, monkeypatch):
    """Count what is done: each pair a 25th of the time, each operation with its probability, both ways alike."""
    seen = {}

    def counted(chosen, operation, level, signs):
        seen.setdefault((operation, level), []).append(signs)
        return chosen

    monkeypatch.setattr("harness.data.autoaugment.changed", counted)
    count = 50_000
    auto_augment(torch.zeros((count, 3, 1, 1), dtype=torch.uint8), torch.Generator().manual_seed(0), name)
    expected, policy = {}, POLICIES[name]
    for pair in policy:
        for operation, probability, level in pair:
            expected[operation, level] = expected.get((operation, level), 0.0) + probability / len(policy)
    for change, probability in expected.items():
        signs = torch.cat(seen.get(change, [torch.zeros(0)]))
        spread = (probability * (1 - probability) / count) ** 0.5
        assert abs(len(signs) / count - probability) <= 5 * spread, change
        assert probability == 0 or abs(signs.mean()) <= 5 / len(signs) ** 0.5
    assert set(seen) == {change for change, probability in expected.items() if probability}


def test_both_operations_of_a_pair_are_done_one_after_the_other(monkeypatch):
    first, second = POLICIES["cifar"][4]
    monkeypatch.setitem(POLICIES, "always", ((first._replace(probability=1.0), second),))
    given, generator = images(), torch.Generator().manual_seed(1)
    found = auto_augment(given, generator, "always")
    plain = changed(given, "autocontrast", 8, torch.ones(len(given)))
    both = changed(plain, "equalize", 2, torch.ones(len(given)))
    for ours, one, two in zip(found, plain, both, strict=True):
        assert torch.equal(ours, one) or torch.equal(ours, two)
    assert not torch.equal(found, plain)


def test_the_same_draws_give_the_same_images():
    given = images(40)
    one, other = (auto_augment(given, torch.Generator().manual_seed(5), "imagenet") for _ in range(2))
    assert torch.equal(one, other) and not torch.equal(one, given)
    assert torch.equal(given, images(40))  # which is left as it was
