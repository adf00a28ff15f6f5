"""Where the parts of a figure stand, in inches: known beforehand, so that nothing is drawn twice to measure it."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass

from harness.report.panels import FigureData, Line, Panel

# A panel's width with its labels and the height of its axes, by the number of columns; and what is around.
PANEL = {1: (8.0, 2.2), 2: (5.2, 2.1), 3: (3.5, 1.5), 4: (2.62, 1.35)}
LEFT, RIGHT, ABOVE, BELOW = 0.55, 0.12, 0.28, 0.42
SECOND_AXIS, POWERS = 0.45, 0.25  # more at the right, and at the left of an axis with long numbers
TITLE, LINE_HEIGHT, LEGEND_ROW = 0.32, 0.14, 0.19
HANDLE, LABEL_LETTER = 0.79, 0.065
CAPTION_LETTERS, TITLE_LETTERS = 16.5, 14.0  # per inch


@dataclass(frozen=True)
class Legend:
    """Its lines in ``columns``."""

    lines: tuple[Line, ...]
    columns: int

    @property
    def rows(self) -> int:
        """Return the number of rows, 0 without lines."""
        return math.ceil(len(self.lines) / self.columns)


@dataclass(frozen=True)
class Layout:
    """``legend`` is that of the whole figure; ``legends``: those of the panels, empty where one serves all."""

    columns: int
    rows: int
    caption: list[str]
    titles: list[list[str]]
    legend: Legend
    legends: list[Legend]
    left: float
    right: float

    @property
    def above(self) -> float:
        """Return the room above the axes, for the titles and legends of the panels."""
        return ABOVE + LINE_HEIGHT * (max(map(len, self.titles)) - 1) + self.panel_legend

    @property
    def panel_legend(self) -> float:
        """Return the room for the highest of the panels' legends."""
        return LEGEND_ROW * max(legend.rows for legend in self.legends)

    @property
    def legend_top(self) -> float:
        """Return how far below the top the legend begins."""
        return TITLE + LINE_HEIGHT * len(self.caption)

    @property
    def head(self) -> float:
        """Return what stands above all panels."""
        return self.legend_top + LEGEND_ROW * self.legend.rows + 0.1

    @property
    def size(self) -> tuple[float, float]:
        """Return width and height of the figure."""
        width, height = PANEL[self.columns]
        return width * self.columns, (height + self.above + BELOW) * self.rows + self.head

    def grid(self) -> dict[str, float]:
        """Return the place of the axes as matplotlib wants it."""
        axes_width, axes_height = PANEL[self.columns][0] - self.left - self.right, PANEL[self.columns][1]
        width, height = self.size
        return {
            "left": self.left / width,
            "right": 1 - self.right / width,
            "top": 1 - (self.head + self.above) / height,
            "bottom": BELOW / height,
            "wspace": (self.left + self.right) / axes_width,
            "hspace": (self.above + BELOW) / axes_height,
        }


def lay_out(data: FigureData) -> Layout:
    """Measure the texts and place everything."""
    panel_width = PANEL[data.columns][0]
    width = data.columns * panel_width
    of_panels = [panel.every_line if data.legend == "own" else () for panel in data.panels]
    every_line = tuple(line for panel in data.panels for line in panel.every_line) if data.legend == "shared" else ()
    return Layout(
        columns=data.columns,
        rows=math.ceil(len(data.panels) / data.columns),
        caption=textwrap.wrap(drawable(data.caption), int(width * CAPTION_LETTERS)),
        titles=[_title(panel, panel_width) for panel in data.panels],
        legend=_legend(every_line, width),
        legends=[_legend(lines, panel_width - LEFT) for lines in of_panels],
        left=LEFT + POWERS * any(map(_has_long_numbers, data.panels)),
        right=RIGHT + SECOND_AXIS * any(panel.right for panel in data.panels),
    )


def _has_long_numbers(panel: Panel) -> bool:
    """Tell whether a y-axis has powers of ten, signs, or names."""
    signs = panel.y_range is not None and panel.y_range[0] < 0
    return (
        bool(panel.y_names)
        or signs
        or panel.scales[1] == "log"
        or any(bool((line.mean < 0).any()) for line in panel.lines)
    )


def _title(panel: Panel, width: float) -> list[str]:
    return textwrap.wrap(drawable(panel.title), int((width - LEFT) * TITLE_LETTERS))


def _legend(lines: tuple[Line, ...], width: float) -> Legend:
    """Give every different line one entry."""
    different = {(line.label, line.colour, line.dashes): line for line in lines}
    longest = max((len(line.label) for line in different.values()), default=0)
    columns = max(1, min(len(different), int(width / (HANDLE + longest * LABEL_LETTER))))
    return Legend(tuple(different.values()), columns)


def drawable(text: str) -> str:
    """Replace control characters, which SVG cannot hold."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
