from __future__ import annotations

import hashlib

import pytest
import torch

from harness.data.images import ImageSet, fingerprint


def make(count: int, seed: int) -> ImageSet:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (count, 3, 4, 4), generator=generator, dtype=torch.uint8)
    return ImageSet(images, torch.randint(0, 10, (count,), generator=generator))


def test_the_fingerprint_is_the_documented_hash() -> None:
    train, test = make(5, 0), make(2, 1)
    content = b""
    for part in (train, test):
        content += f"{len(part)}x3x4x4;".encode()
        content += bytes(part.images.flatten().tolist())
        content += b"".join(label.to_bytes(8, "little") for label in part.labels.tolist())
    assert fingerprint(train, test) == f"5+2-{hashlib.sha256(content).hexdigest()[:16]}"


def test_the_fingerprint_ignores_memory_layout() -> None:
    train, test = make(5, 0), make(2, 1)
    other = ImageSet(train.images.contiguous(memory_format=torch.channels_last), train.labels)
    assert fingerprint(other, test) == fingerprint(train, test)


def test_the_fingerprint_sees_pixel_label_order_and_part() -> None:
    train, test = make(5, 0), make(2, 1)
    pixel = train.images.clone()
    pixel[4, 2, 3, 3] ^= 1
    label = train.labels.clone()
    label[0] = (label[0] + 1) % 10
    turned = torch.arange(4, -1, -1)
    variants = [
        (train, test),
        (ImageSet(pixel, train.labels), test),
        (ImageSet(train.images, label), test),
        (ImageSet(train.images[turned], train.labels[turned]), test),
        (ImageSet(train.images[:4], train.labels[:4]), test),
        (test, train),
    ]
    hashes = {fingerprint(*variant).partition("-")[2] for variant in variants}
    assert len(hashes) == len(variants)


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (torch.zeros(2, 3, 4, 4), torch.zeros(2, dtype=torch.int64)),
        (torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64)),
        (torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.zeros(3, dtype=torch.int64)),
        (torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.zeros(2, dtype=torch.int32)),
    ],
)
def test_other_types_and_shapes_are_refused(images: torch.Tensor, labels: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="must be"):
        ImageSet(images, labels)
