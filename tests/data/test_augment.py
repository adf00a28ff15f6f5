from __future__ import annotations

import pytest
import torch
from torch import Generator, Tensor

from harness.data.augment import augment, average_pool_images, normalise

MEAN = (125.3, 123.0, 113.9)
STD = (63.0, 62.1, 66.7)


def make(count: int = 6, side: int = 8) -> Tensor:
    return torch.randint(0, 256, (count, 3, side, side), generator=Generator().manual_seed(1), dtype=torch.uint8)


def naive_normalise(pixels: list[list[list[float]]]) -> list[list[list[float]]]:
    return [[[(v - m) / s for v in row] for row in plane] for plane, m, s in zip(pixels, MEAN, STD, strict=True)]


def naive_augment(images: Tensor, padding: int, flip: bool, generator: Generator) -> Tensor:
    """One image, one pixel at a time; draws as documented: flips, then tops, then lefts."""
    count, side = len(images), images.shape[-1]
    flips = (torch.rand(count, generator=generator) < 0.5).tolist() if flip else [False] * count
    tops, lefts = (
        torch.randint(0, 2 * padding + 1, (count,), generator=generator).tolist() if padding else [0] * count
        for _ in range(2)
    )
    result = []
    for image, flipped, top, left in zip(images.tolist(), flips, tops, lefts, strict=True):
        planes = []
        for plane in image:
            turned = [list(reversed(row)) for row in plane] if flipped else plane
            blank = [0] * (side + 2 * padding)
            rows = [[0] * padding + row + [0] * padding for row in turned]
            padded = [blank] * padding + rows + [blank] * padding
            planes.append([row[left : left + side] for row in padded[top : top + side]])
        result.append(naive_normalise(planes))
    return torch.tensor(result)


@pytest.mark.parametrize("flip", [True, False])
@pytest.mark.parametrize("padding", [0, 1, 4])
def test_augment_equals_the_naive_loop(padding: int, flip: bool) -> None:
    images = make(20)
    before = images.clone()
    seeds = (Generator().manual_seed(7), Generator().manual_seed(7))
    result = augment(images, padding=padding, flip=flip, mean=MEAN, std=STD, generator=seeds[0])
    torch.testing.assert_close(result, naive_augment(images, padding, flip, seeds[1]))
    assert result.dtype == torch.float32
    assert result.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(images, before)
    assert torch.equal(seeds[0].get_state(), seeds[1].get_state())  # no draw more, none less


def test_every_offset_and_both_sides_come_equally_often() -> None:
    # One white pixel in the middle of a black image: its place tells the offsets, a brighter neighbour the flip.
    image = torch.zeros(1, 3, 5, 5, dtype=torch.uint8)
    image[..., 2, 2], image[..., 2, 3] = 100, 255
    batch = image.expand(9000, -1, -1, -1)
    out = augment(batch, padding=1, flip=True, mean=(0.0,) * 3, std=(1.0,) * 3, generator=Generator().manual_seed(0))
    place = (out[:, 0] == 100).flatten(1).int().argmax(dim=1)
    flipped = out[:, 0].flatten(1).gather(1, place[:, None] - 1)[:, 0] == 255
    counts = torch.bincount(place, minlength=25).view(5, 5)[1:4, 1:4]
    assert counts.sum() == 9000
    assert (counts - 1000).abs().max() < 150  # 5 standard deviations
    assert abs(int(flipped.sum()) - 4500) < 240


def test_padding_is_black_before_normalising() -> None:
    white = torch.full((64, 3, 4, 4), 255, dtype=torch.uint8)
    out = augment(white, padding=2, flip=False, mean=MEAN, std=STD, generator=Generator().manual_seed(0))
    for channel in range(3):
        values = set(out[:, channel].flatten().tolist())
        expected = {(0 - MEAN[channel]) / STD[channel], (255 - MEAN[channel]) / STD[channel]}
        assert sorted(values) == pytest.approx(sorted(expected))


def test_normalise() -> None:
    images = make(3)
    result = normalise(images, MEAN, STD)
    torch.testing.assert_close(result, torch.tensor([naive_normalise(image) for image in images.tolist()]))
    assert result.dtype == torch.float32
    assert result.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("side", "size"), [(8, 4), (8, 2), (8, 8), (6, 2)])
def test_average_pool_equals_the_naive_loop(side: int, size: int) -> None:
    images = make(5, side)
    block = side // size
    expected = torch.zeros(5, 3, size, size, dtype=torch.uint8)
    for index in torch.cartesian_prod(*(torch.arange(n) for n in expected.shape)).tolist():
        n, c, y, x = index
        window = images[n, c, y * block : (y + 1) * block, x * block : (x + 1) * block].flatten().tolist()
        expected[n, c, y, x] = int(sum(window) / len(window) + 0.5)
    assert torch.equal(average_pool_images(images, size), expected)


def test_average_pool_rounds_half_up() -> None:
    images = torch.tensor([[0, 0], [1, 1]], dtype=torch.uint8).expand(1, 3, 2, 2)
    assert average_pool_images(images, 1).flatten().tolist() == [1, 1, 1]
    images = torch.tensor([[2, 2], [3, 3]], dtype=torch.uint8).expand(1, 3, 2, 2)
    assert average_pool_images(images, 1).flatten().tolist() == [3, 3, 3]  # to even would be 2
    assert average_pool_images(torch.full((1, 3, 2, 2), 255, dtype=torch.uint8), 1).max() == 255


@pytest.mark.parametrize("size", [0, 3, 16])
def test_average_pool_needs_whole_blocks(size: int) -> None:
    with pytest.raises(ValueError, match="by whole blocks"):
        average_pool_images(make(), size)


@pytest.mark.gpu
def test_augment_on_the_gpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    images = make(64).cuda()
    generator = Generator("cuda").manual_seed(0)
    out = augment(images, padding=4, flip=True, mean=MEAN, std=STD, generator=generator)
    assert out.device.type == "cuda" and out.is_contiguous(memory_format=torch.channels_last)
    plain = augment(images, padding=0, flip=False, mean=MEAN, std=STD, generator=generator)
    torch.testing.assert_close(plain.cpu(), normalise(images.cpu(), MEAN, STD))
    assert torch.equal(average_pool_images(images, 4).cpu(), average_pool_images(images.cpu(), 4))
