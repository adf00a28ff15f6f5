"""Draw Delve's Figure 6(a): accuracies of architectures in which one operation holds more than half of the edges."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.audit.majority import HALF, Majority
from harness.report.style import INK, operation_style
from harness.report.svg import SETTINGS, as_svg

TITLE = "Accuracy where one operation holds more than half of the edges (Delve, Figure 6a)"
SIZES = {4: 1.7, 5: 3.0, 6: 5.2}  # diameters of dots in points, by the edges held
ALPHAS = {4: 0.35, 5: 0.8, 6: 1.0}
ROOM = 0.34  # of a row, for dots on both sides of its middle
INCHES = (3.75, 2.9)


def figure6a_svgs(majorities: Sequence[Majority], name: str) -> list[tuple[str, str]]:
    """Return the title and the SVG element of each data set; ids begin with ``name``."""
    with matplotlib.rc_context(SETTINGS):
        return [(dataset, _svg(majorities, dataset, f"{name}-{dataset}")) for dataset in majorities[0].accuracy]


def figure6a_about(majorities: Sequence[Majority]) -> str:
    """Say what dots, boxes and bars are."""
    sizes = ", ".join(f"{(majorities[0].edges == n).sum()} with {n}" for n in SIZES)
    return (
        "Each dot is an architecture of NAS-Bench-201 after 200 epochs, the larger the more of its six edges hold the "
        f"operation: of each operation {sizes}. Bar: median; box: quartiles."
    )


def figure6a_csv(majorities: Sequence[Majority]) -> str:
    """Write the data of the figure, one line per architecture and data set."""
    lines = ["operation,edges,dataset,test_accuracy"]
    for item in majorities:
        for dataset, values in item.accuracy.items():
            lines += [
                f"{item.operation},{edges},{dataset},{value:.3f}"
                for edges, value in zip(item.edges, values, strict=True)
            ]
    return "\n".join(lines) + "\n"


def _svg(majorities: Sequence[Majority], dataset: str, name: str) -> str:
    figure = Figure(figsize=INCHES)
    _draw_panel(figure.add_axes((0.18, 0.15, 0.79, 0.82)), majorities, dataset)
    medians = (f"{operation_style(m.operation)[0]} {np.median(m.accuracy[dataset]):.1f}" for m in majorities)
    description = f"Test accuracies on {dataset}, %, by operation; medians: {', '.join(medians)}."
    return _shortened(as_svg(figure, name, f"{TITLE}: {dataset}", description))


def _draw_panel(ax: Axes, majorities: Sequence[Majority], dataset: str) -> None:
    """Draw one data set: a row of dots, box and median per operation."""
    generator = np.random.default_rng(0)  # scatters dots only
    rows = range(len(majorities) - 1, -1, -1)
    for row, item in zip(rows, majorities, strict=True):
        colour = operation_style(item.operation)[1]
        values = item.accuracy[dataset]
        for edges, size in SIZES.items():
            chosen = values[item.edges == edges]
            height = row + generator.uniform(-ROOM, ROOM, len(chosen)) * (edges == HALF + 1)
            edge = INK if edges == len(SIZES) + HALF else "none"
            look: dict[str, Any] = {
                "color": colour,
                "markersize": size,
                "markeredgecolor": edge,
                "alpha": ALPHAS[edges],
            }
            ax.plot(chosen, height, linestyle="none", marker="o", zorder=edges, **look)
        low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
        ax.fill_between([low, high], row - ROOM, row + ROOM, facecolor="none", edgecolor=INK, linewidth=0.8, zorder=8)
        ax.plot([middle, middle], [row - ROOM, row + ROOM], color=INK, linewidth=2.0, zorder=9)
    ax.set_xlabel("test accuracy, %")
    ax.set_ylim(-0.6, len(majorities) - 0.4)
    names = [operation_style(item.operation)[0] for item in majorities]
    ax.set_yticks(list(rows), names)
    ax.grid(axis="y", visible=False)


def _shortened(svg: str) -> str:
    """Write the style that all dots of a group share once, and places to a hundredth of a point."""

    def group(match: re.Match[str]) -> str:
        dots, styles = match[2], set(re.findall(r' style="[^"]*"', match[2]))
        if len(styles) > 1:
            return match[0]
        style = styles.pop()
        places = re.sub(r"(\.\d\d)\d+", r"\1", dots.replace(style, ""))
        return f"{match[1]}{style}>{places}"

    return re.sub(r'(<g clip-path="[^"]*")>((?:\s*<use [^>]* style="[^"]*"/>)+)', group, svg)
