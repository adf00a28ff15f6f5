"""Figures of the theory layer as panels: they need no records."""

from __future__ import annotations

import numpy as np

from harness.report.panels import Line, Panel
from harness.report.style import COLOURS, DASHES
from harness.theory import result
from harness.theory.checks import FIGURES

NO_SEEDS = 0  # such a line is no mean
SINGLE = 3  # so few points are printed numbers, not a curve


def theory_panel(title: str, name: str) -> Panel:
    """Draw a figure anew; labels ``group: variant`` have the group's colour and the variant's dashes."""
    figure = FIGURES[name]()
    parts = [line.label.partition(": ") for line in figure.lines]
    groups = list(dict.fromkeys(group for group, _, _ in parts))
    variants = list(dict.fromkeys(variant for _, _, variant in parts))
    lines = tuple(
        _line(line, COLOURS[groups.index(group) % len(COLOURS)], DASHES[variants.index(variant) % len(DASHES)])
        for line, (group, _, variant) in zip(figure.lines, parts, strict=True)
    )
    return Panel(title, figure.x_label, figure.y_label, lines, scales=(figure.x_scale, figure.y_scale))


def _line(line: result.Line, colour: str, dashes: tuple[float, ...]) -> Line:
    x, y = np.array(line.x), np.array(line.y)
    return Line(line.label, colour, dashes, NO_SEEDS, x, y, np.zeros((0, len(x))), joined=len(x) > SINGLE)
