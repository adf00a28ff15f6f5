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
MORE = {"navy": "#332288", "wine": "#882255", "olive": "#7a7a00", "brown": "#8c510a"}  # there are more operations
NAMED = {**PALETTE, **MORE, "ink": INK}  # what the pages' style sheet has a colour for, in the light and in the dark
# Those of one space differ; those of different spaces that are alike share a colour. Links: NAS-Bench-1Shot1's.
OPERATIONS = {
    name: NAMED[colour]
    for colour, names in {
        "grey": "none noise from-3",
        "vermilion": "skip_connect from-0",
        "sky": "nor_conv_1x1 sep_conv_5x5 conv1x1-bn-relu",
        "blue": "nor_conv_3x3 sep_conv_3x3 conv3x3-bn-relu",
        "green": "avg_pool_3x3 from-1",
        "orange": "max_pool_3x3 maxpool3x3",
        "purple": "dil_conv_3x3 from-2",
        "wine": "dil_conv_5x5 from-4",
        "navy": "sep_conv_7x7 conv_3x1_1x3",
        "olive": "conv_7x1_1x7 from-5",
        "brown": "max_pool_5x5",
    }.items()
    for name in names.split()
}


def operation_style(name: str) -> tuple[str, str]:
    """Return the label and colour of an operation; those that have no colour here are black."""
    return operation(name).label, OPERATIONS.get(name, INK)


def method_style(catalogue: Catalogue, method: str, variant: int) -> tuple[str, tuple[float, ...]]:
    """Return colour and dashes of a method by its place in the catalogue; ``variant`` counts its settings.

    Dashes differ between methods too, so that lines on top of each other, as of equal architectures, both show.
    """
    place = list(catalogue.methods).index(method)
    return COLOURS[place % len(COLOURS)], DASHES[(place + variant) % len(DASHES)]
