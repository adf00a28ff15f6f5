"""``count``: parameters and multiply-adds of an architecture's stand-alone network, by string or published name."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Literal

import typer

from harness.cli.text import columns
from harness.errors import HarnessError, nearest
from harness.spaces.cells import PublishedArchitecture, load_cells
from harness.spaces.registry import known, published
from harness.spaces.space import Counts, Size, Space

IMAGES = {"cifar": (10, 32), "imagenet": (1000, 224)}  # classes, side of the images
LARGEST = 100_000  # cells, channels, classes, pixels
LARGE = 64  # pixels from which on images are taken for ImageNet's


@dataclass(frozen=True)
class Asked:
    """The options of the command; None: as the space's networks are published."""

    space: str | None
    cells: int | None
    channels: int | None
    classes: int | None
    image_size: int | None
    stem: Literal["cifar", "imagenet"] | None
    squeeze: bool


@dataclass(frozen=True)
class Found:
    """An architecture, what is known of it, and the network that is counted."""

    space: Space
    architecture: str
    cell: PublishedArchitecture | None
    size: Size
    classes: int
    image_size: int

    @property
    def counts(self) -> Counts:
        """Count."""
        return self.space.counts(self.architecture, self.size, self.classes, self.image_size)


def count(text: str, asked: Asked, layout: str) -> int:
    """Print the counts of one architecture."""
    found = find(text, asked)
    typer.echo(as_json(found) if layout == "json" else as_text(text, found))
    return 0


def find(text: str, asked: Asked) -> Found:
    """Resolve what is asked for; raise `HarnessError`."""
    cell = load_cells().get(text)
    architecture = text if cell is None else cell.architecture
    space = _space(text, asked.space or (cell.space if cell else None))
    sizes = {"cells": asked.cells, "channels": asked.channels, "classes": asked.classes, "image-size": asked.image_size}
    for option, value in sizes.items():
        if value is not None and value < 1:
            raise HarnessError(f"--{option} {value}: must be at least 1")
        if value is not None and value > LARGEST:
            raise HarnessError(f"--{option} {value}: must be at most {LARGEST:,}")
    stem = asked.stem or ("imagenet" if (asked.image_size or 0) >= LARGE else "cifar")
    size = space.standard if stem == "cifar" else space.large
    if size is None:
        raise HarnessError(f"space {space.name!r} has no networks with the stem {stem!r}")
    if asked.squeeze and not space.drops_paths:
        raise HarnessError(f"--squeeze: networks of space {space.name!r} have no squeeze-and-excitation")
    cells, channels = asked.cells or size.cells, asked.channels or size.channels
    size = replace(size, cells=cells, channels=channels, squeeze=asked.squeeze)
    classes, side = IMAGES[stem]
    return Found(space, architecture, cell, size, asked.classes or classes, asked.image_size or side)


def _space(text: str, name: str | None) -> Space:
    """Return the space that is asked for, else the one that reads an architecture."""
    if name is not None:
        return published(name)
    errors = {}
    for kind in known().values():
        space = published(next(iter(kind.presets())))
        try:
            space.operations(text)
            return space
        except HarnessError as error:
            errors[space.name] = error
    if not any(mark in text for mark in "|(~"):
        raise HarnessError(f"no published cell is called {text!r}{nearest(text, load_cells())}")
    raise HarnessError("no space reads it: " + "; ".join(f"{space}: {error}" for space, error in errors.items()))


def as_json(found: Found) -> str:
    """Write counts for programs."""
    counts = found.counts
    return json.dumps(
        {
            "architecture": found.architecture,
            "space": found.space.name,
            "network": asdict(found.size) | {"classes": found.classes, "image_size": found.image_size},
            "parameters": counts.parameters,
            "multiply_adds": counts.multiplications,
            "multiply_adds_with_batch_norms_and_relus": counts.multiplications + counts.elementwise,
            "source": None if found.cell is None else str(found.cell.source),
        }
    )


def as_text(name: str, found: Found) -> str:
    """Write counts for people."""
    counts, size = found.counts, found.size
    network = f"{size.cells} cells, {size.channels} channels, {found.classes} classes"
    excited = ", squeeze-and-excitation" if size.squeeze else ""
    rows = [
        ("architecture", found.architecture),
        ("space", found.space.name),
        ("network", f"{network}, {found.image_size} x {found.image_size} pixels, stem: {size.stem}{excited}"),
        ("parameters", f"{counts.parameters:,}  (auxiliary head left out)"),
        ("multiply-adds", f"{counts.multiplications:,}  (convolutions and linear layers)"),
        ("", f"{counts.multiplications + counts.elementwise:,}  (and 2 per element of batch norms, 1 of ReLUs)"),
    ]
    if found.cell is not None:
        rows.insert(0, ("cell", name))
        rows.append(("source", str(found.cell.source)))
        rows += [("note", found.cell.note)] if found.cell.note else []
    return columns(rows[0], rows[1:])
