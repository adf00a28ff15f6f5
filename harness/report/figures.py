"""Draw panels of lines: as SVG that follows the page's colours, or as a picture on white."""

from __future__ import annotations

import io
import math
import re
import textwrap
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

# Inches: one set of axes with its labels by the number of columns, and what stands above the axes.
PANEL = {1: (8.0, 2.9), 2: (5.2, 2.75), 3: (3.5, 2.2)}
LEFT, RIGHT, ABOVE, BELOW = 0.55, 0.12, 0.28, 0.42
TITLE, LINE_HEIGHT, LEGEND_ROW, LABEL_LETTER = 0.32, 0.14, 0.19, 0.065
CAPTION_LETTERS = 16.5  # per inch
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
        figure = _draw(data)
        FigureCanvasSVG(figure)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r'\b(id="|xlink:href="#|url\(#)', rf"\g<1>{data.name}-", svg)
    svg = svg.replace(INK, "currentColor").replace(FAINT, "var(--grid)")
    for name, colour in PALETTE.items():
        svg = svg.replace(colour, f"var(--{name}, {colour})")  # the page brightens them on dark paper
    return svg


def to_png(data: FigureData, dots_per_inch: int = 160) -> bytes:
    """Return a figure as a picture on white."""
    with matplotlib.rc_context(SETTINGS):
        figure = _draw(data)
        FigureCanvasAgg(figure)
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=dots_per_inch, metadata={"Software": None})
    return stream.getvalue()


def _draw(data: FigureData) -> Figure:
    rows = math.ceil(len(data.panels) / data.columns)
    panel_width, panel_height = PANEL[data.columns]
    width = data.columns * panel_width
    handles = _handles(data)
    caption = textwrap.wrap(_printable(data.caption), int(width * CAPTION_LETTERS))
    legend_columns = _legend_columns(handles, width)
    legend_top = TITLE + LINE_HEIGHT * len(caption)
    head = legend_top + LEGEND_ROW * math.ceil(len(handles) / legend_columns) + 0.1
    height = panel_height * rows + head

    figure = Figure(figsize=(width, height))
    grid = figure.subplots(rows, data.columns, squeeze=False, gridspec_kw=_margins(data.columns, rows, head))
    for index, ax in enumerate(grid.flat):
        if index < len(data.panels):
            _draw_panel(ax, data, index)
        else:
            ax.set_visible(False)
    figure.text(0.08 / width, 1 - 0.08 / height, _printable(data.title), va="top", fontsize=11, fontweight="bold")
    figure.text(0.08 / width, 1 - TITLE / height, "\n".join(caption), va="top", fontsize=8)
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0.0, 1 - legend_top / height),
        ncols=legend_columns,
        fontsize=8.5,
        borderaxespad=0.2,
    )
    return figure


def _margins(columns: int, rows: int, head: float) -> dict[str, float]:
    """Place the axes by inches; a layout engine would draw every figure twice."""
    panel_width, panel_height = PANEL[columns]
    axes_width = panel_width - LEFT - RIGHT
    axes_height = panel_height - ABOVE - BELOW
    width, height = panel_width * columns, panel_height * rows + head
    return {
        "left": LEFT / width,
        "right": 1 - RIGHT / width,
        "top": 1 - (head + ABOVE) / height,
        "bottom": BELOW / height,
        "wspace": (LEFT + RIGHT) / axes_width,
        "hspace": (ABOVE + BELOW) / axes_height,
    }


def _draw_panel(ax: Axes, data: FigureData, index: int) -> None:
    """Draw one panel; axes are named only at the left and at the bottom of the grid."""
    panel = data.panels[index]
    for line in panel.lines:
        for seed in line.seeds:
            ax.plot(seed, color=line.colour, linewidth=0.6, alpha=0.5, zorder=2)
        lonely = np.count_nonzero(~np.isnan(line.mean)) < 3
        ax.plot(line.mean, zorder=3, marker="o" if lonely else None, **_look(line))
    ax.set_title(_printable(panel.title), loc="left")
    if index % data.columns == 0 or data.y_range is None:
        ax.set_ylabel(panel.y_label)
    if index + data.columns >= len(data.panels):
        ax.set_xlabel(EPOCH)
    if data.y_range is not None:
        ax.set_ylim(*data.y_range)
    ax.set_xlim(0, max(1, *(len(line.mean) - 1 for line in panel.lines)))
    ax.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))


def _look(line: Line) -> dict[str, Any]:
    dashes = (0.0, line.dashes) if line.dashes else "-"
    return {"color": line.colour, "linestyle": dashes, "linewidth": 1.8, "markersize": 4.0}


def _handles(data: FigureData) -> list[Line2D]:
    """Return one entry of the legend per different line of the panels."""
    lines = {(line.label, line.colour, line.dashes): line for panel in data.panels for line in panel.lines}
    return [Line2D([], [], label=_printable(line.label), **_look(line)) for line in lines.values()]


def _legend_columns(handles: list[Line2D], width: float) -> int:
    longest = max(len(str(handle.get_label())) for handle in handles)
    return max(1, min(len(handles), int(width / (0.55 + longest * LABEL_LETTER))))


def _printable(text: str) -> str:
    """Replace control characters, which SVG cannot hold, and the leading underscore that hides a label."""
    clean = "".join(letter if letter.isprintable() else " " for letter in text)
    return f" {clean}" if clean.startswith("_") else clean
