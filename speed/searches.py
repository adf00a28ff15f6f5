"""Searches and ordinary searches of one size, on random images: no time depends on what they show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from harness.data.images import Dataset, ImageSet
from harness.engine.search import Search
from harness.methods.catalogue import load_catalogue, override_layers
from harness.methods.spec import SearchSpec
from harness.suite.load import load_suite
from speed.reference import Network, Steps

SUITE = Path(__file__).parents[1] / "suites" / "nb201.yaml"
ROWS = {
    "darts-v1": ("single-darts-t1", "darts"),
    "single-darts": ("single-darts-t1", "single-darts"),
    "gdas": ("single-darts-t1", "gdas"),
}
CLASSES, BATCH = 10, 64


@dataclass(frozen=True)
class Size:
    """Channels, cells a stage, pixels a side; ``images`` of both halves together."""

    channels: int
    cells: int
    side: int
    images: int = 512


SIZES = {"full": Size(16, 5, 32), "reduced": Size(8, 1, 16), "tiny": Size(4, 1, 8)}


def dataset(images: int, side: int) -> Dataset:
    """Make random images."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (images, 3, side, side), generator=generator, dtype=torch.uint8)
    part = ImageSet(pixels, torch.randint(CLASSES, (images,), generator=generator))
    return Dataset("random", CLASSES, part, part, (125.0,) * 3, (60.0,) * 3, 4, "random")


def spec_of(method: str, *overrides: str) -> SearchSpec:
    """Return the paper profile's search of a method, some settings replaced."""
    return load_suite(SUITE, load_catalogue()).resolve(*ROWS[method], "paper", overrides=override_layers(overrides))


def search_of(method: str, size: Size, precision: str = "float32", *overrides: str) -> Search:
    """Begin a search of a size, some other settings replaced."""
    spec = spec_of(
        method,
        f"space.channels={size.channels}",
        f"space.cells={size.cells}",
        f"data.image_size={size.side}",
        f"data.crop_padding={size.side // 8}",
        f"precision={precision}",
        *overrides,
    )
    search = Search(spec, dataset(size.images, size.side), 0, torch.device("cpu"))
    search.net.train()
    return search


def step_of(search: Search) -> Callable[[], None]:
    """Return what does the search's next step, augmentation included."""
    pairs = [pair for pair in search.feed.batches(0) if len(pair[0]) == search.spec.batch_size]
    done = 0

    def step() -> None:
        nonlocal done
        search.now = search.next_step()
        search.step(*pairs[done % len(pairs)])
        done += 1

    return step


def ordinary_step(size: Size) -> Callable[[], None]:
    """Return what does a bi-level step of the ordinary implementation, on batches that are ready."""
    torch.manual_seed(0)
    steps = Steps(Network(size.channels, size.cells, CLASSES))
    batch = torch.randn(BATCH, 3, size.side, size.side), torch.randint(CLASSES, (BATCH,))
    return lambda: steps.bilevel_step(batch, batch)
