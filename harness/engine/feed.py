"""Which images a step sees, and how: index batches, augmented on the device of the images."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Generator, Tensor

from harness.data.augment import augment, average_pool_images, cut_out, normalise
from harness.data.batches import draw_with_replacement, epoch_batches
from harness.data.images import Dataset, ImageSet
from harness.errors import HarnessError
from harness.methods.spec import SearchData, SearchSpec
from harness.methods.step import Step


class Feed:
    """The images of one search, those of the weights and those of the architecture."""

    def __init__(self, spec: SearchSpec, dataset: Dataset, device: torch.device, streams: dict[str, Generator]) -> None:
        self.spec, self.dataset, self.device, self.streams = spec, dataset, device, streams
        images, self.weight_set, self.architecture_set = select_images(dataset, spec.data)
        self.images = images.to(device)
        asked, there = spec.evaluated_images, len(self.architecture_set)
        if asked > there:
            raise HarnessError(f"{asked} images are to be evaluated, but the architecture has {there}")
        if spec.measured_weight_images > len(self.weight_set):
            what = f"{spec.measured_weight_images} images are to be measured on"
            raise HarnessError(f"{what}, but the weights have {len(self.weight_set)}")

    def augmented(self, indices: Tensor, step: Step) -> tuple[Tensor, Tensor]:
        """Return the augmented images [B, 3, H, W] and the labels [B] of image indices [B]."""
        data, drop_path, generator = self.spec.data, self.spec.drop_path, self.streams["augmentation"]
        images = augment(
            self.images.images[indices], padding=data.crop_padding, flip=data.flip, mean=self.dataset.mean,
            std=self.dataset.std, generator=generator,
        )  # fmt: skip
        if drop_path is not None and drop_path.cutout:
            images = cut_out(images, drop_path.cutout, drop_path.cutout_probability(step), generator)
        return images, self.images.labels[indices]

    def plain(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Return the images and labels without augmentation."""
        return normalise(self.images.images[indices], self.dataset.mean, self.dataset.std), self.images.labels[indices]

    def draw(self, count: int, stream: str) -> Tensor:
        """Draw indices [count] of the architecture's images, with replacement."""
        drawn = draw_with_replacement(len(self.architecture_set), count, self.streams[stream])
        return self.architecture_set[drawn].to(self.device)

    def first(self, count: int | None) -> Tensor:
        """Return the indices of the architecture's first images (None: of all)."""
        return self.architecture_set[:count].to(self.device)

    def steps(self, epoch: int) -> int:
        """Return the steps of an epoch."""
        return -(-len(self.weight_set) // self.spec.batch_size_in(epoch))

    def batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the epoch's pairs of image index batches; the weights' pass sets the number of steps."""
        generator, size = self.streams["weight-batches"], self.spec.batch_size_in(epoch)
        passes = epoch_batches(len(self.weight_set), size, generator, drop_last=False)
        for weight_batch, architecture_batch in zip(passes, self._architecture_batches(size), strict=False):
            yield (
                self.weight_set[weight_batch].to(self.device, non_blocking=True),
                self.architecture_set[architecture_batch].to(self.device, non_blocking=True),
            )

    def _architecture_batches(self, size: int) -> Iterator[Tensor]:
        """Yield batches for ever: independent draws, or shuffled passes that begin anew with each epoch."""
        count = len(self.architecture_set)
        generator = self.streams["architecture-batches"]
        while True:
            match self.spec.data.architecture_draw:
                case "with-replacement":
                    yield draw_with_replacement(count, size, generator)
                case "first-of-pass":
                    yield next(epoch_batches(count, size, generator, drop_last=False))
                case "pass":
                    yield from epoch_batches(count, size, generator, drop_last=False)


def select_images(dataset: Dataset, data: SearchData) -> tuple[ImageSet, Tensor, Tensor]:
    """Return the images at the search's size, and the index sets of weights and architecture."""
    weights, architecture = data.counts(len(dataset.train))
    pixels, labels = dataset.train.images, dataset.train.labels
    if data.split == "test":
        architecture = min(architecture, len(dataset.test) // 2)
        pixels = torch.cat([pixels[:weights], dataset.test.images[:architecture]])
        labels = torch.cat([labels[:weights], dataset.test.labels[:architecture]])
    first = torch.arange(weights)
    second = first if data.split == "shared" else torch.arange(weights, weights + architecture)
    return ImageSet(average_pool_images(pixels, data.image_size), labels), first, second
