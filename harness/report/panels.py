"""What a figure shows: panels of lines, plain numbers without a pixel."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from harness.analysis.trajectories import Curve, mean_over_seeds, stack
from harness.text import counted

SEEDS_DRAWN = 5  # thin lines per mean: more would bury it
EPOCH = "epoch of the search"
MARGIN = 0.05  # of the values' range, above and below
SHARES = (0.0, 1.0)  # limits of mixing weights
Dashes = tuple[float, ...]
Style = tuple[str, str, Dashes]  # label, colour, dashes
Scale = Literal["linear", "log"]


@dataclass(frozen=True)
class Line:
    """The mean over ``n`` seeds at ``x`` (epoch 0 is before training), and the first seeds one by one [seeds, x].

    ``n`` is 0 where it is no mean. ``joined``: the points are joined. ``bar``: bars instead, with the single seeds as
    points, and an interval where ``limits`` [2, x] has one. ``marker``: of points, and its size.
    """

    label: str
    colour: str
    dashes: Dashes
    n: int
    x: Curve
    mean: Curve
    seeds: Curve
    joined: bool = True
    bar: bool = False
    limits: Curve | None = None
    marker: tuple[str, float] = ("o", 4.0)


@dataclass(frozen=True)
class Panel:
    """One set of axes.

    ``y_range``: fixed limits, None to follow the data. ``scales``: of x and y. ``right``: lines on a second y-axis,
    named ``right_label``, within ``right_range``. ``x_names``, ``y_names``: what stands at the places 0, 1, ... instead
    of numbers. ``note``: what stands in the place of lines that are not there.
    """

    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    y_range: tuple[float, float] | None = None
    scales: tuple[Scale, Scale] = ("linear", "linear")
    right_label: str = ""
    right: tuple[Line, ...] = ()
    right_range: tuple[float, float] | None = None
    x_names: tuple[str, ...] = ()
    y_names: tuple[str, ...] = ()
    note: str = ""

    @property
    def every_line(self) -> tuple[Line, ...]:
        """Return the lines of both axes."""
        return (*self.lines, *self.right)


@dataclass(frozen=True)
class FigureData:
    """A figure: its panels in ``columns``, and one ``legend``, or one per panel where looks mean other things there."""

    name: str
    title: str
    caption: str
    panels: tuple[Panel, ...]
    columns: int
    legend: Literal["shared", "own", "none"] = "shared"


def seeds_line(style: Style, curves: Sequence[Curve], first: int = 0) -> Line:
    """Return the line of curves by epoch, one per seed, from epoch ``first`` on, which becomes 0."""
    stacked = stack([curve[first:] for curve in curves])
    return Line(*style, len(curves), epochs(stacked.shape[1]), mean_over_seeds(stacked), stacked[:SEEDS_DRAWN])


def only_measured(line: Line) -> Line:
    """Leave out the epochs at which nothing was measured, so that a line joins those at which something was."""
    there = ~np.isnan(line.seeds).all(axis=0) | ~np.isnan(line.mean)
    return replace(line, x=line.x[there], mean=line.mean[there], seeds=line.seeds[:, there])


def epochs(count: int) -> Curve:
    """Return the epochs 0 to ``count`` - 1."""
    return np.arange(count, dtype=np.float64)


def on_one_scale(panels: Sequence[Panel]) -> tuple[Panel, ...]:
    """Give panels whose y-axes have one name the limits of all their values, so that they can be compared."""
    alike: dict[str, list[Panel]] = {}
    for panel in panels:
        if _follows_data(panel):
            alike.setdefault(panel.y_label, []).append(panel)
    limits = {name: _limits(group) for name, group in alike.items()}
    return tuple(replace(p, y_range=limits[p.y_label]) if _follows_data(p) else p for p in panels)


def _follows_data(panel: Panel) -> bool:
    return panel.y_range is None and panel.scales[1] == "linear"


def _limits(panels: Sequence[Panel]) -> tuple[float, float] | None:
    curves = [curve for panel in panels for line in panel.lines for curve in (line.mean, *line.seeds)]
    values = np.concatenate([np.zeros(0), *curves])
    values = values[~np.isnan(values)]
    if not len(values):
        return None
    room = MARGIN * (float(np.ptp(values)) or 1.0)
    return float(values.min()) - room, float(values.max()) + room


def what_lines_are(panels: Sequence[Panel]) -> list[str]:
    """Say how many seeds are behind the lines that are means; nothing where none are."""
    lines = [line for panel in panels for line in panel.every_line if line.n]
    if not lines:
        return []
    fewest, most = min(line.n for line in lines), max(line.n for line in lines)
    seeds = f"{fewest} to {most} seeds" if fewest < most else counted(most, "seed")
    if all(line.bar for line in lines):
        return [f"Bars: mean over {seeds}; points: single seeds; whiskers: 95% intervals of the means"]
    if not any(len(line.seeds) for line in lines):
        return [f"Mean over {seeds}"]
    return [f"Thick: mean over {seeds}; thin: single seeds, at most {SEEDS_DRAWN}"]


def to_csv(figure: FigureData) -> str:
    """Write the data of a figure, a row per line and x: the mean, and the curves that are drawn thin."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    by_epoch = all(panel.x_label.startswith("epoch") for panel in figure.panels)
    drawn = max((len(line.seeds) for panel in figure.panels for line in panel.every_line), default=0)
    curves = [f"curve {number}" for number in range(1, drawn + 1)]
    writer.writerow(["panel", "line", "n", "epoch" if by_epoch else "x", "mean", *curves])
    for panel in figure.panels:
        for line in panel.every_line:
            writer.writerows([panel.title, line.label, line.n, *values] for values in _points(line))
    return text.getvalue()


def _points(line: Line) -> Iterator[list[str]]:
    """Yield x, mean and single curves as texts, where there is any; no value is an empty text."""
    for x, *values in zip(line.x, line.mean, *line.seeds, strict=True):
        if not np.isnan(values).all():
            yield [f"{x:.6g}", *("" if np.isnan(value) else f"{value:.6g}" for value in values)]
