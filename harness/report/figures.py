"""Draw panels of lines: as SVG that follows the page's colours, or as a picture on white."""

from __future__ import annotations

import io
import math
import re
import textwrap
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from harness.report.curves import EPOCH, FigureData, Line
from harness.report.style import FAINT, INK, PALETTE

# Inches: a panel's width with its labels and the height of its axes, by the number of columns; and what is around.
PANEL = {1: (8.0, 2.2), 2: (5.2, 2.1), 3: (3.5, 1.5)}
LEFT, RIGHT, ABOVE, BELOW = 0.55, 0.12, 0.28, 0.42
TITLE, LINE_HEIGHT, LEGEND_ROW = 0.32, 0.14, 0.19
LABEL_LETTER = 0.065
CAPTION_LETTERS, TITLE_LETTERS = 16.5, 14.0  # per inch
SETTINGS: Any = {
    "text.parse_math": False,  # a name may hold a dollar sign
    "svg.fonttype": "none",  # text stays text: small, searchable, in the page's colour
    "svg.hashsalt": "harness",  # ids do not change from one run to the next
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.titlesize": 9.0,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.frameon": False,
}


def to_svg(data: FigureData) -> str:
    """Return a figure as an SVG element for a page; ids are its own, text and axes take the page's colour."""
    with matplotlib.rc_context(SETTINGS):
        return as_svg(_draw(data), data.name)


def to_png(data: FigureData, dots_per_inch: int = 160) -> bytes:
    """Return a figure as a picture on white."""
    with matplotlib.rc_context(SETTINGS):
        return as_png(_draw(data), dots_per_inch)


def as_svg(figure: Figure, name: str) -> str:
    """Write a drawn figure as an SVG element for a page; ``name`` makes its ids its own."""
    FigureCanvasSVG(figure)
    stream = io.StringIO()
    figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r' d="[^"]*"', lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path[0]), svg)  # 0.01 pt is enough
    svg = re.sub(r'\b(id="|xlink:href="#|url\(#)', rf"\g<1>{name}-", svg)
    svg = svg.replace(INK, "currentColor").replace(FAINT, "var(--grid)")
    for colour, value in PALETTE.items():
        svg = svg.replace(value, f"var(--{colour}, {value})")  # the page brightens them on dark paper
    return svg


def as_png(figure: Figure, dots_per_inch: int) -> bytes:
    """Write a drawn figure as a picture on white."""
    FigureCanvasAgg(figure)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dots_per_inch, metadata={"Software": None})
    return stream.getvalue()


@dataclass(frozen=True)
class _Layout:
    """Sizes in inches; a layout engine would draw every figure twice."""

    columns: int
    rows: int
    caption: list[str]
    titles: list[list[str]]
    legend_columns: int
    legend_rows: int

    @property
    def above(self) -> float:
        """Return the room for the titles of the panels."""
        return ABOVE + LINE_HEIGHT * (max(map(len, self.titles)) - 1)

    @property
    def legend_top(self) -> float:
        """Return how far below the top the legend begins."""
        return TITLE + LINE_HEIGHT * len(self.caption)

    @property
    def head(self) -> float:
        """Return what stands above all panels."""
        return self.legend_top + LEGEND_ROW * self.legend_rows + 0.1

    @property
    def size(self) -> tuple[float, float]:
        """Return width and height of the figure."""
        width, height = PANEL[self.columns]
        return width * self.columns, (height + self.above + BELOW) * self.rows + self.head

    def grid(self) -> dict[str, float]:
        """Return the place of the axes as matplotlib wants it."""
        axes_width, axes_height = PANEL[self.columns][0] - LEFT - RIGHT, PANEL[self.columns][1]
        width, height = self.size
        return {
            "left": LEFT / width,
            "right": 1 - RIGHT / width,
            "top": 1 - (self.head + self.above) / height,
            "bottom": BELOW / height,
            "wspace": (LEFT + RIGHT) / axes_width,
            "hspace": (self.above + BELOW) / axes_height,
        }


def _layout(data: FigureData, handles: list[Line2D]) -> _Layout:
    panel_width = PANEL[data.columns][0]
    width = data.columns * panel_width
    longest = max(len(str(handle.get_label())) for handle in handles)
    legend_columns = max(1, min(len(handles), int(width / (0.55 + longest * LABEL_LETTER))))
    return _Layout(
        columns=data.columns,
        rows=math.ceil(len(data.panels) / data.columns),
        caption=textwrap.wrap(_printable(data.caption), int(width * CAPTION_LETTERS)),
        titles=[textwrap.wrap(_printable(p.title), int((panel_width - LEFT) * TITLE_LETTERS)) for p in data.panels],
        legend_columns=legend_columns,
        legend_rows=math.ceil(len(handles) / legend_columns),
    )


def _draw(data: FigureData) -> Figure:
    handles = _handles(data)
    layout = _layout(data, handles)
    width, height = layout.size
    figure = Figure(figsize=layout.size)
    axes = figure.subplots(layout.rows, data.columns, squeeze=False, gridspec_kw=layout.grid()).flat
    for index, ax in enumerate(axes):
        if index < len(data.panels):
            _draw_panel(ax, data, index)
            ax.set_title("\n".join(layout.titles[index]), loc="left")
        else:
            ax.set_visible(False)
    figure.text(0.08 / width, 1 - 0.08 / height, _printable(data.title), va="top", fontsize=11, fontweight="bold")
    figure.text(0.08 / width, 1 - TITLE / height, "\n".join(layout.caption), va="top", fontsize=8)
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0.0, 1 - layout.legend_top / height),
        ncols=layout.legend_columns,
        fontsize=8.5,
        borderaxespad=0.2,
    )
    return figure


def _draw_panel(ax: Axes, data: FigureData, index: int) -> None:
    """Draw one panel; axes are named only at the left and at the bottom of the grid."""
    panel = data.panels[index]
    for line in panel.lines:
        for seed in line.seeds:
            ax.plot(seed, color=line.colour, linewidth=0.6, alpha=0.5, zorder=2)
        lonely = np.count_nonzero(~np.isnan(line.mean)) < 3
        ax.plot(line.mean, zorder=3, marker="o" if lonely else None, **_look(line))
    first, lowest = index % data.columns == 0, index + data.columns >= len(data.panels)
    if first or data.y_range is None:
        ax.set_ylabel(panel.y_label)
    if lowest:
        ax.set_xlabel(EPOCH)
    ax.set_xlim(0, max(1, *(len(line.mean) - 1 for line in panel.lines)))
    ax.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    if data.y_range is not None:
        ax.set_ylim(*data.y_range)
        ax.set_yticks(np.linspace(*data.y_range, 3))
        ax.tick_params(labelleft=first)


def _look(line: Line) -> dict[str, Any]:
    dashes = (0.0, line.dashes) if line.dashes else "-"
    return {"color": line.colour, "linestyle": dashes, "linewidth": 1.8, "markersize": 4.0}


def _handles(data: FigureData) -> list[Line2D]:
    """Return one entry of the legend per different line of the panels."""
    lines = {(line.label, line.colour, line.dashes): line for panel in data.panels for line in panel.lines}
    return [Line2D([], [], label=_printable(line.label), **_look(line)) for line in lines.values()]


def _printable(text: str) -> str:
    """Replace control characters, which SVG cannot hold."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
