"""``count`` without a cell: every published cell counted, beside the counts that papers print of it."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import typer

from harness.api.request import DEFAULT_SUITES
from harness.audit.counts import CLASSES, Comparison, compare
from harness.audit.published_rows import collect
from harness.cli.text import columns
from harness.methods.catalogue import load_catalogue
from harness.spaces.cells import PublishedArchitecture, load_cells
from harness.spaces.registry import published
from harness.spaces.space import Size
from harness.suite.load import find_suites, load_suite

HEADER = ("cell", "network", "parameters", "multiply_adds", "prints", "source")


SHOWN = ("cell", "network", "parameters", "multiply-adds", "printed")


class Line(NamedTuple):
    """A network of a published cell; ``prints``: the printed counts of it, ours, and what the audit calls them."""

    cell: str
    network: str
    parameters: int
    multiply_adds: int
    prints: str
    source: str


def count_all(layout: str) -> int:
    """Print a line per published cell and size of network."""
    rows = collect([load_suite(path, load_catalogue()) for path in find_suites((DEFAULT_SUITES,))])
    lines = table(compare(rows))
    if layout == "csv":
        csv.writer(sys.stdout, lineterminator="\n").writerows([HEADER, *lines])
    elif layout == "json":
        typer.echo(json.dumps([line._asdict() for line in lines], indent=1))
    else:
        typer.echo(columns(SHOWN, (row for line in lines for row in _for_people(line))))
    return 0


def table(comparisons: Sequence[Comparison]) -> list[Line]:
    """Return the networks on CIFAR-10 and ImageNet of all cells, and others of which a count is printed."""
    found = []
    for name, cell in load_cells().items():
        of_cell = [one for one in comparisons if one.name == name]
        space = published(cell.space)
        sizes = [(size, classes, side) for size, classes, side in _networks(cell) if size is not None]
        for size, classes, side in sizes:
            counted = space.counts(cell.architecture, size, classes, side)
            printed = [one for one in of_cell if CLASSES[str(one.number.quantity.dataset)] == classes]
            if classes == CLASSES["cifar100"] and not printed:
                continue
            found.append(
                Line(
                    name, f"{size.cells} x {size.channels}, {classes} classes", counted.parameters,
                    counted.multiplications, "; ".join(map(_print, printed)), str(cell.source),
                )
            )  # fmt: skip
    return found


def _networks(cell: PublishedArchitecture) -> list[tuple[Size | None, int, int]]:
    space = published(cell.space)
    large = space.large
    if large is not None and cell.imagenet_channels is not None:
        large = Size(large.cells, cell.imagenet_channels, large.stem)
    return [(space.standard, 10, 32), (space.standard, 100, 32), (large, 1000, 224)]


def _for_people(line: Line) -> Iterator[tuple[str, ...]]:
    """Yield a row per print: the counts in the first."""
    first, *others = line.prints.split("; ")
    yield line.cell, line.network, f"{line.parameters:,}", f"{line.multiply_adds:,}", first
    yield from (("", "", "", "", other) for other in others)


def _print(one: Comparison) -> str:
    ours = " or ".join(f"{value:.4g}" for value in one.ours.values())
    where = f"{one.line.paper} {one.line.table}/{one.line.row}"
    return f"{where}: {one.number.column.label} {one.number.printed} M, ours {ours}: {one.word}"
