"""Crops and colours of large images against Pillow and the standard library."""

import colorsys
import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance

from harness.data.augment_large import _stretched, centre_crop, jitter, random_resized_crop, turned


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def some(count=4, side=40, low=0):
    return torch.randint(low, 256, (count, 3, side, side), generator=stream(7), dtype=torch.uint8)


def picture(image):
    return Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())


def test_a_rectangle_is_stretched_as_pillow_does():
    images = some(3)
    boxes = [(5, 3, 10, 12), (0, 0, 40, 40), (20, 17, 16, 20)]  # top, left, height, width; enlarged: no filter
    parts = torch.tensor(boxes, dtype=torch.float32).T
    ours = _stretched(images.float(), *parts, 48)
    for image, found, (top, left, high, wide) in zip(images, ours, boxes, strict=True):
        cut = picture(image).crop((left, top, left + wide, top + high))
        theirs = np.asarray(cut.resize((48, 48), Image.Resampling.BILINEAR))
        inside = np.abs(found.permute(1, 2, 0).numpy() - theirs)[4:-4, 4:-4]  # at its edge a cut knows no neighbours
        assert inside.max() <= 1.5  # Pillow rounds twice


def test_crops_have_the_areas_shapes_and_places_that_are_asked_for(monkeypatch):
    seen = {}

    def keep(images, top, left, high, wide, size):
        seen.update(top=top, left=left, high=high, wide=wide)
        return images

    monkeypatch.setattr("harness.data.augment_large._stretched", keep)
    images = torch.zeros((20_000, 3, 100, 120), dtype=torch.uint8)
    random_resized_crop(images, 8, (0.08, 0.5), (3 / 4, 4 / 3), stream())
    area, shape = seen["high"] * seen["wide"] / 12_000, seen["wide"] / seen["high"]
    assert area.min() > 0.075 and area.max() < 0.51 and area.mean().item() == pytest.approx(0.29, abs=0.005)
    assert shape.min() > 0.72 and shape.max() < 1.38 and shape.log().mean().item() == pytest.approx(0, abs=0.005)
    for start, length, side in ((seen["top"], seen["high"], 100), (seen["left"], seen["wide"], 120)):
        assert start.min() == 0 and (start + length).max() == side and torch.equal(start, start.round())
        assert (start / (side - length)).mean().item() == pytest.approx(0.5, abs=0.01)


def test_where_nothing_fits_the_whole_image_is_taken():
    images = some(2, 16)
    whole = random_resized_crop(images, 16, (3.0, 4.0), (1.0, 1.0), stream())
    assert torch.equal(whole, images.float())


def test_the_middle_is_cut_out():
    images = some(2, 10)
    assert torch.equal(centre_crop(images, 6), images[:, :, 2:8, 2:8])


@pytest.mark.parametrize(
    ("key", "enhance"),
    [("brightness", ImageEnhance.Brightness), ("contrast", ImageEnhance.Contrast), ("saturation", ImageEnhance.Color)],
)
def test_light_and_colour_change_as_pillow_changes_them(key, enhance):
    images, others = some(), dict.fromkeys(("brightness", "contrast", "saturation", "hue"), 0.0)
    ours = jitter(images.float(), **{**others, key: 0.4}, generator=stream(3))
    position = ("brightness", "contrast", "saturation").index(key)
    generator = stream(3)
    drawn = [torch.rand(len(images), generator=generator) for _ in range(position + 1)][position]
    for image, found, share in zip(images, ours, drawn, strict=True):
        theirs = np.asarray(enhance(picture(image)).enhance(1 + 0.4 * (2 * share.item() - 1)))
        assert np.abs(found.permute(1, 2, 0).numpy() - theirs).max() <= 2.0  # Pillow rounds between its steps


def test_the_hue_turns_as_in_the_standard_library():
    images = torch.cat([some(2, 6), some(1, 6, 255), some(1, 6)[:, :1].expand(1, 3, 6, 6)])  # white and grey, too
    turns = [0.0, 0.2, -0.17, 0.4]
    ours = turned(images.float(), torch.tensor(turns).view(-1, 1, 1, 1))
    for image, found, turn in zip(images, ours, turns, strict=True):
        for pixel, colour in zip(image.flatten(1).T.tolist(), found.flatten(1).T.tolist(), strict=True):
            hue, saturation, value = colorsys.rgb_to_hsv(*(level / 255 for level in pixel))
            theirs = [255 * level for level in colorsys.hsv_to_rgb((hue + turn) % 1, saturation, value)]
            assert all(math.isclose(a, b, abs_tol=0.01) for a, b in zip(colour, theirs, strict=True))
