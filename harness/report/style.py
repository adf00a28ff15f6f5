"""Colours and line styles: the same method and the same operation look alike in every figure.

The colours are those of Okabe and Ito, which readers with a colour vision deficiency tell apart, without the
yellow, which white paper swallows. `INK`, `FAINT` and `BEHIND` stand for the page's own
colours of text, of the grid, and of lines behind the one that a panel is about.
"""

from __future__ import annotations

from harness.methods.catalogue import Catalogue
from harness.spaces.operations import operation

PALETTE = {
    "vermilion": "#d55e00",
    "blue": "#0072b2",
    "green": "#009e73",
    "purple": "#cc79a7",
    "grey": "#8c8c8c",
    "orange": "#e69f00",
    "sky": "#56b4e9",
}
COLOURS = tuple(PALETTE.values())
INK, FAINT, BEHIND = "#1b1f24", "#d0d4d9", "#b1b8c0"
DASHES: tuple[tuple[float, ...], ...] = ((), (4.0, 1.5), (1.2, 1.2), (5.0, 1.5, 1.2, 1.5), (8.0, 2.0))
OPERATIONS = {
    "none": PALETTE["grey"],
    "skip_connect": PALETTE["vermilion"],
    "nor_conv_1x1": PALETTE["sky"],
    "nor_conv_3x3": PALETTE["blue"],
    "avg_pool_3x3": PALETTE["green"],
}


def operation_style(name: str, index: int) -> tuple[str, str]:
    """Return the label and colour of an operation; the colour of others by their place among the operations."""
    return operation(name).label, OPERATIONS.get(name, COLOURS[index % len(COLOURS)])


def method_style(catalogue: Catalogue, method: str, variant: int) -> tuple[str, tuple[float, ...]]:
    """Return colour and dashes of a method by its place in the catalogue; ``variant`` counts its settings.

    Dashes differ between methods too, so that lines on top of each other, as of equal architectures, both show.
    """
    place = list(catalogue.methods).index(method)
    return COLOURS[place % len(COLOURS)], DASHES[(place + variant) % len(DASHES)]
