"""Which images a training sees, and how: index batches, augmented on the device of the training.

Small images lie there, all of them. Large ones stay on the host, mapped from their file: a batch of them is brought
over for each step.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Generator, Tensor

from harness.data.augment import average_pool_images, cut_out, moved, normalise
from harness.data.augment_large import centre_crop, jitter, random_resized_crop
from harness.data.autoaugment import auto_augment, whole
from harness.data.batches import epoch_batches
from harness.data.images import Dataset, ImageSet
from harness.methods.training import TrainingSpec


class TrainingFeed:
    """The images of one training, those that train and those that are evaluated. ``generator``: of augmentation."""

    def __init__(self, spec: TrainingSpec, dataset: Dataset, device: torch.device, generator: Generator) -> None:
        self.spec, self.dataset, self.device, self.generator = spec, dataset, device, generator
        train, evaluated = spec.data.counts(len(dataset.train), len(dataset.test))
        held_out, first = (dataset.test, 0) if spec.data.split == "test" else (dataset.train, train)
        self.large = spec.data.resized_crop is not None
        self.images = self._sized(dataset.train, 0, train)
        self.held_out = self._sized(held_out, first, first + evaluated)

    def _sized(self, images: ImageSet, first: int, last: int) -> ImageSet:
        pixels, labels = images.images[first:last], images.labels[first:last]
        if self.large:
            return ImageSet(pixels, labels)
        return ImageSet(average_pool_images(pixels, self.spec.data.image_size), labels).to(self.device)

    @property
    def evaluated_count(self) -> int:
        """Return how many images are evaluated."""
        return len(self.held_out)

    def batches(self, generator: Generator) -> Iterator[Tensor]:
        """Yield the index batches of one shuffled pass; the last one holds the rest."""
        for batch in epoch_batches(len(self.images), self.spec.batch_size, generator, drop_last=False):
            yield batch if self.large else batch.to(self.device, non_blocking=True)

    def augmented(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Return the augmented images [B, 3, H, W] and the labels [B] of image indices [B]."""
        data, pixels = self.spec.data, self.images.images[indices].to(self.device)
        labels = self.images.labels[indices].to(self.device)
        if (crop := data.resized_crop) is not None:
            pixels = random_resized_crop(pixels, data.image_size, crop.scale, crop.ratio, self.generator)
        pixels = moved(pixels, padding=data.crop_padding, flip=data.flip, generator=self.generator)
        if data.auto_augment is not None:
            pixels = auto_augment(whole(pixels), self.generator, data.auto_augment)
        if data.jitter is not None:
            pixels = jitter(pixels.float(), **dict(data.jitter), generator=self.generator)
        images = self._normalised(pixels)
        if data.cutout:
            images = cut_out(images, data.cutout, 1.0, self.generator)
        return images, labels

    def evaluated(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the images that are evaluated, as they are, with their labels."""
        for start in range(0, len(self.held_out), size):
            yield self._plain(self.held_out, slice(start, start + size))

    def plain(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Return training images and labels without augmentation."""
        return self._plain(self.images, indices if self.large else indices.to(self.device))

    def _plain(self, of: ImageSet, part: slice | Tensor) -> tuple[Tensor, Tensor]:
        pixels = centre_crop(of.images[part], self.spec.data.image_size).to(self.device)
        return self._normalised(pixels), of.labels[part].to(self.device)

    def _normalised(self, pixels: Tensor) -> Tensor:
        return normalise(pixels, self.dataset.mean, self.dataset.std)
