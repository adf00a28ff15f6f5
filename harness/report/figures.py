"""Draw panels of lines: as SVG that follows the page's colours, or as a picture on white."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from harness.report.layout import PANEL, TITLE, Layout, Legend, drawable, lay_out
from harness.report.panels import SHARES, FigureData, Line, Panel
from harness.report.style import FAINT, INK, PALETTE

POINTS = 12  # so few are marked one by one: a line of one point would not show
MANY_POINTS = 200  # so many are drawn thinner
FEW_POWERS = 100.0
NOTE_LETTERS = 11  # per inch of a panel's width
BARS = 0.8  # of the room of a place
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


def _draw(data: FigureData) -> Figure:
    layout = lay_out(data)
    width, height = layout.size
    figure = Figure(figsize=layout.size)
    axes = figure.subplots(layout.rows, data.columns, squeeze=False, gridspec_kw=layout.grid()).flat
    for index, ax in enumerate(axes):
        if index < len(data.panels):
            _draw_panel(ax, data.panels[index], layout.columns)
            _label_panel(ax, data, layout, index)
        else:
            ax.set_visible(False)
    figure.text(0.08 / width, 1 - 0.08 / height, drawable(data.title), va="top", fontsize=11, fontweight="bold")
    figure.text(0.08 / width, 1 - TITLE / height, "\n".join(layout.caption), va="top", fontsize=8)
    if layout.legend.lines:
        at = (0.0, 1 - layout.legend_top / height)
        figure.legend(loc="upper left", bbox_to_anchor=at, fontsize=8.5, borderaxespad=0.2, **_entries(layout.legend))
    return figure


def _draw_panel(ax: Axes, panel: Panel, columns: int) -> None:
    """Draw the lines of one panel, or say why there are none."""
    _plot(ax, panel.lines)
    _draw_bars(ax, panel.lines, 0, sum(line.bar for line in panel.every_line))
    if panel.right:
        second = ax.twinx()
        _plot(second, panel.right)
        _draw_bars(second, panel.right, len(panel.lines), len(panel.every_line))
        second.set_ylabel(panel.right_label)
        if panel.right_range is not None:
            second.set_ylim(*panel.right_range)
        second.spines["right"].set_visible(True)
        second.grid(False)
    if panel.note:
        note = textwrap.fill(drawable(panel.note), int(PANEL[columns][0] * NOTE_LETTERS))
        ax.text(0.5, 0.5, note, transform=ax.transAxes, ha="center", va="center", fontsize=8)
    _scale(ax, panel)


def _scale(ax: Axes, panel: Panel) -> None:
    """Set limits and ticks; linear x-axes hold whole numbers and begin at 0."""
    if not panel.lines:
        ax.set_xticks([])
    elif panel.x_names:
        ax.set_xlim(-0.6, len(panel.x_names) - 0.4)
        names = [drawable(name).replace(" ", "\n") for name in panel.x_names]
        ax.set_xticks(range(len(names)), names, fontsize=7)
        ax.grid(False, axis="x")
    elif panel.scales[0] == "linear":
        ax.set_xlim(0, max(float(line.x[-1]) for line in panel.every_line) or 1)
        ax.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    for axis, set_scale, scale in zip((ax.xaxis, ax.yaxis), (ax.set_xscale, ax.set_yscale), panel.scales, strict=True):
        if scale == "log":
            set_scale("log")
            _name_powers(axis)
    if panel.y_names:
        ax.set_ylim(-0.6, len(panel.y_names) - 0.4)
        ax.set_yticks(range(len(panel.y_names)), map(drawable, panel.y_names))
        ax.grid(False, axis="y")
    elif panel.y_range is not None:
        ax.set_ylim(*panel.y_range)
        ax.yaxis.set_major_locator(MaxNLocator(nbins=2 if panel.y_range == SHARES else 5, steps=[1, 2, 5, 10]))


def _name_powers(axis: Axis) -> None:
    """Name the powers of ten of a logarithmic axis; where they are few, 2 and 5 times them, too."""
    low, high = axis.get_view_interval()
    if high < FEW_POWERS * low:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _label_panel(ax: Axes, data: FigureData, layout: Layout, index: int) -> None:
    """Write a panel's texts; an axis like that of the panel to the left, or below, is named only there."""
    panel = data.panels[index]
    left = data.panels[index - 1] if index % data.columns else None
    below = data.panels[index + data.columns] if index + data.columns < len(data.panels) else None
    if left is None or panel.y_range is None or (left.y_label, left.y_range) != (panel.y_label, panel.y_range):
        ax.set_ylabel(drawable(panel.y_label))
    else:
        ax.tick_params(labelleft=False)
    if below is None or below.x_label != panel.x_label:
        ax.set_xlabel(drawable(panel.x_label))
    ax.set_title("\n".join(layout.titles[index]), loc="left", pad=6.0 + 72 * layout.panel_legend)
    if layout.legends[index].lines:
        at = (0.0, 1 + layout.panel_legend / PANEL[layout.columns][1])
        ax.legend(loc="upper left", bbox_to_anchor=at, fontsize=8, borderaxespad=0.0, **_entries(layout.legends[index]))


def _plot(ax: Axes, lines: Sequence[Line]) -> None:
    for line in lines:
        if line.bar:
            continue
        seeds = [np.column_stack((line.x, seed)) for seed in line.seeds]
        ax.add_collection(LineCollection(seeds, colors=line.colour, linewidths=0.6, alpha=0.5, zorder=2))
        few = np.count_nonzero(~np.isnan(line.mean)) <= POINTS
        marks = {"marker": "o", "clip_on": False} if few and line.joined else {}
        ax.plot(line.x, line.mean, zorder=3, **(_look(line) | marks))


def _draw_bars(ax: Axes, lines: Sequence[Line], before: int, beside: int) -> None:
    """Draw bars next to each other; ``before``: how many of the ``beside`` at a place stand to the left of these."""
    for index, line in enumerate((line for line in lines if line.bar), before):
        width = BARS / beside
        x = line.x + (index - (beside - 1) / 2) * width
        ax.bar(x, line.mean, width, color=line.colour, zorder=2)
        for seed in line.seeds:
            ax.plot(x, seed, linestyle="none", marker="o", markersize=2.0, color=INK, alpha=0.6, zorder=3)
        if line.limits is not None:
            ax.vlines(x, line.limits[0], line.limits[1], colors=INK, linewidth=1.2, zorder=4)


def _look(line: Line) -> dict[str, Any]:
    dashes = (0.0, line.dashes) if line.dashes else "-"
    width = 1.8 if len(line.x) <= MANY_POINTS else 1.2
    look = {"color": line.colour, "linestyle": dashes, "linewidth": width, "markersize": 4.0}
    marker, size = line.marker
    return look if line.joined else look | {"linestyle": "none", "marker": marker, "markersize": size}


def _entries(legend: Legend) -> dict[str, Any]:
    handles = [_handle(line) for line in legend.lines]
    return {"handles": handles, "ncols": legend.columns, "handlelength": 4.0}  # long enough to show all dashes


def _handle(line: Line) -> Line2D | Patch:
    """Return a line's entry in a legend."""
    label = drawable(line.label)
    return Patch(color=line.colour, label=label) if line.bar else Line2D([], [], label=label, **_look(line))
