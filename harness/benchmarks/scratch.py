"""The benchmark of last resort: train the found architecture from scratch and test it."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from harness.benchmarks.spec import ScratchBenchmark
from harness.data.augment import augment, normalise
from harness.data.batches import epoch_batches
from harness.data.images import Dataset, ImageSet
from harness.errors import HarnessError
from harness.seeds import derive_seed, global_stream
from harness.spaces.space import Size, Space

TEST_BATCH = 512


def train_from_scratch(
    space: Space, architecture: str, dataset: Dataset, benchmark: ScratchBenchmark, seed: int, device: str
) -> dict[str, float]:
    """Train the stand-alone network of an architecture; return ``{"<dataset>/test/<epochs>": percent}``.

    SGD with Nesterov momentum, cosine learning rate to 0 per epoch, cross-entropy: the protocol of
    NAS-Bench-201 (section 2.3) at the size that the benchmark's settings give. The accuracy is the last epoch's.
    Raises `HarnessError` if the loss stops being a number.
    """
    torch_device = torch.device(device)
    purposes = ("scratch-batches", "scratch-augmentation")
    order, draws = (torch.Generator().manual_seed(derive_seed(seed, p)) for p in purposes)
    if torch_device.type != "cpu":
        draws = torch.Generator(torch_device).manual_seed(derive_seed(seed, purposes[1]))
    with global_stream(derive_seed(seed, "scratch-weights")):
        net = space.network(architecture, Size(benchmark.cells, benchmark.channels), dataset.classes)
    net.to(torch_device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    train = dataset.train.to(torch_device)
    optimiser = torch.optim.SGD(
        net.parameters(), benchmark.lr, benchmark.momentum, weight_decay=benchmark.weight_decay,
        nesterov=benchmark.momentum > 0, fused=True,
    )  # fmt: skip
    net.train()
    for epoch in range(benchmark.epochs):
        for group in optimiser.param_groups:
            group["lr"] = benchmark.lr * (1 + math.cos(math.pi * epoch / benchmark.epochs)) / 2
        for batch in epoch_batches(len(train), benchmark.batch_size, order, drop_last=False):
            images = augment(
                train.images[batch], padding=benchmark.crop_padding, flip=benchmark.flip, mean=dataset.mean,
                std=dataset.std, generator=draws,
            )  # fmt: skip
            loss = F.cross_entropy(net(images), train.labels[batch])
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimiser.step()
    if not math.isfinite(loss.item()):
        raise HarnessError(f"training {architecture} from scratch diverged: loss {loss.item()}")
    return {f"{dataset.name}/test/{benchmark.epochs}": accuracy(net, dataset, dataset.test.to(torch_device))}


@torch.no_grad()
def accuracy(net: torch.nn.Module, dataset: Dataset, images: ImageSet) -> float:
    """Return the accuracy in percent on a set, in evaluation mode."""
    net.eval()
    correct = 0
    for start in range(0, len(images), TEST_BATCH):
        part = slice(start, start + TEST_BATCH)
        logits = net(normalise(images.images[part], dataset.mean, dataset.std))
        correct += int((logits.argmax(1) == images.labels[part]).sum())
    return 100 * correct / len(images)
