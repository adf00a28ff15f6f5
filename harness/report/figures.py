"""Draw panels of lines: each as an SVG of its own that follows the page's colours, or some as a picture on white."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from harness.report.panels import SHARES, FigureData, Line, Panel, covered
from harness.report.style import BEHIND, INK
from harness.report.svg import SETTINGS, SHARED, as_png, as_svg, drawable, shortened

WIDTH, HEIGHT = 3.75, 2.2  # inches: a panel is shown at its size, side by side on wide screens, and fits a narrow one
PLACE = 0.46  # inches for a name below the axis, at least
LEFT, LEFT_LONG, RIGHT, SECOND_AXIS, TOP, BOTTOM, NAMES = 0.56, 0.84, 0.14, 0.56, 0.1, 0.44, 0.62
POINTS = 12  # so few are marked one by one
MANY_POINTS = 200  # so many are drawn thinner
FEW_POWERS = 100.0
BARS = 0.8  # of the room of a place
PICTURE = (6.4, 2.2)  # inches of a picture's width, and of the height of each panel: 11 points stay legible at 400 px
LETTER = 13.5  # points that a line of text takes there


def to_svg(panel: Panel, name: str, first: str = "") -> str:
    """Return a panel as an SVG element for a page; ids begin with ``name``, text and axes take the page's colour.

    ``first``: the name of an earlier panel of the page that has the same lines behind its own, which then are not
    written again.
    """
    with matplotlib.rc_context(SETTINGS):
        width = max(WIDTH, LEFT + RIGHT + PLACE * len(panel.x_names))
        figure = Figure(figsize=(width, HEIGHT + (NAMES - BOTTOM) * bool(panel.x_names)))
        left = LEFT_LONG if _has_long_numbers(panel) else LEFT
        right = RIGHT + SECOND_AXIS * bool(panel.right)
        below = NAMES if panel.x_names else BOTTOM
        wide, high = figure.get_size_inches()
        place = (left / wide, below / high, (wide - left - right) / wide, (high - below - TOP) / high)
        _draw_panel(figure.add_axes(place), panel)
        svg = as_svg(figure, name, panel.title or panel.y_label, describe(panel))
        shared = f'<use xlink:href="#{shortened(first)}-{SHARED}"/>'
        return re.sub(rf'<g id="{shortened(name)}-{SHARED}">.*?</g>', shared, svg) if first else svg


def to_png(data: FigureData, dots_per_inch: int = 160) -> bytes:
    """Return a figure as a picture on white, its panels one below the other, with labels at their lines."""
    left, right, above, below = 0.6, 1.75, 0.36, 0.22  # inches around the axes
    width, height = PICTURE
    high = height * len(data.drawn) + below
    with matplotlib.rc_context(SETTINGS | {"font.size": 11.0, "xtick.labelsize": 11.0, "ytick.labelsize": 11.0}):
        figure = Figure(figsize=(width, high))
        for index, panel in enumerate(data.drawn, 1):
            bottom = high - height * index + below
            place = (left / width, bottom / high, (width - left - right) / width, (height - above - below) / high)
            ax = figure.add_axes(place)
            _draw_panel(ax, panel)
            _label_lines(ax, panel.every_line, LETTER / 72 / (height - above - below))
            ax.set_ylabel("")
            ax.set_xlabel(drawable(panel.x_label) if index == len(data.drawn) else "")
            ax.set_title(
                drawable(panel.y_label), loc="left", fontsize=11, fontweight="bold", x=-left / (width - left - right)
            )
        return as_png(figure, dots_per_inch)


def describe(panel: Panel) -> str:
    """Say in words what a panel shows: its axes, and where its lines begin and end."""
    parts = [f"{panel.y_label or 'what is shown'} over {panel.x_label or ', '.join(panel.x_names)}"]
    for line in panel.every_line:
        known = np.flatnonzero(~np.isnan(line.mean))
        if len(known) and line.joined and not panel.x_names:
            first, last = ((line.mean[i], line.x[i]) for i in (known[0], known[-1]))
            parts.append(f"{line.label}: from {first[0]:.4g} at {first[1]:g} to {last[0]:.4g} at {last[1]:g}")
        elif len(known):
            parts.append(
                f"{line.label}: {len(known)} values, {line.mean[known].min():.4g} to {line.mean[known].max():.4g}"
            )
    return "; ".join(parts) + "."


def _has_long_numbers(panel: Panel) -> bool:
    """Tell whether a y-axis has powers of ten, signs, or names."""
    if panel.y_names or panel.scales[1] == "log":
        return True
    values = [float(value) for line in panel.behind or panel.lines for value in line.mean if not np.isnan(value)]
    lowest, highest = min(values, default=0.0), max(values, default=0.0)
    return lowest < 0 or 0 < highest < 0.1


def _draw_panel(ax: Axes, panel: Panel) -> None:
    """Draw the lines of one panel."""
    if panel.behind:
        ends = [np.column_stack((line.x, line.mean)) for line in panel.behind]
        x, y = np.vstack([np.vstack((end, [np.nan, np.nan])) for end in ends]).T
        ax.plot(x, y, color=BEHIND, linewidth=1.0, zorder=1.5, gid=SHARED)
    _plot(ax, panel.lines, clip=panel.by_chance)
    _draw_bars(ax, panel.lines, 0, sum(line.bar for line in panel.every_line))
    if panel.right:
        second = ax.twinx()
        _plot(second, panel.right)
        _draw_bars(second, panel.right, len(panel.lines), len(panel.every_line))
        second.set_ylabel(drawable(panel.right_label))
        if panel.right_range is not None:
            second.set_ylim(*panel.right_range)
        second.spines["right"].set_visible(True)
        second.grid(False)
    ax.set_xlabel(drawable(panel.x_label))
    ax.set_ylabel("\n".join(textwrap.wrap(drawable(panel.y_label), 24)))
    _scale(ax, panel)


def _scale(ax: Axes, panel: Panel) -> None:
    """Set limits and ticks; linear x-axes hold whole numbers and begin at 0."""
    if panel.x_names:
        ax.set_xlim(-0.6, len(panel.x_names) - 0.4)
        names = [drawable(name).replace(" ", "\n") for name in panel.x_names]
        ax.set_xticks(range(len(names)), names)
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


def _plot(ax: Axes, panel_lines: Sequence[Line], clip: bool = False) -> None:
    lines = [line for line in panel_lines if not line.bar]
    for line, hidden in zip(lines, covered(lines), strict=True):
        seeds = [np.column_stack((line.x, seed)) for seed in line.seeds]
        ax.add_collection(LineCollection(seeds, colors=line.colour, linewidths=0.6, alpha=0.4, zorder=2))
        marks = {"marker": "o", "clip_on": clip} if line.known <= POINTS and line.joined else {}
        ax.plot(line.x, line.mean, zorder=3, **(_look(line, hidden) | marks))


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


def _look(line: Line, hidden: int) -> dict[str, Any]:
    """Return how a line is drawn: the wider, the more equal ones come after it and on top of it."""
    width = (1.8 if len(line.x) <= MANY_POINTS else 1.2) * (1 + hidden)
    dashes = (0.0, [length / (1 + hidden) for length in line.dashes]) if line.dashes else "-"
    look = {"color": line.colour, "linestyle": dashes, "linewidth": width, "markersize": 4.0 + 1.8 * hidden}
    marker, size = line.marker
    return look if line.joined else look | {"linestyle": "none", "marker": marker, "markersize": size}


def _label_lines(ax: Axes, lines: Sequence[Line], letter: float) -> None:
    """Write the labels of lines at their ends, each at its height, or as near above it as the others let it.

    ``letter``: the height of a line of text, in heights of the axes.
    """
    low, high = ax.get_ylim()
    ends = [((float(line.mean[~np.isnan(line.mean)][-1]) - low) / (high - low), line) for line in lines if line.known]
    free = -1.0
    for end, line in sorted(ends, key=lambda item: item[0]):
        words = textwrap.wrap(drawable(line.label), 18)
        room = letter * len(words)
        middle = max(end, free + room / 2)
        free = middle + room / 2
        ax.text(
            1.02, middle, "\n".join(words), transform=ax.transAxes, va="center", color=line.colour, fontweight="bold"
        )
