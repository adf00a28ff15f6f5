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
LEGIBLE = 4  # lines that one set of axes can hold
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

    @property
    def known(self) -> int:
        """Return at how many places it has a value."""
        return int(np.count_nonzero(~np.isnan(self.mean)))

    def hides(self, other: Line) -> bool:
        """Tell whether another line is in the same places."""
        return np.array_equal(self.x, other.x) and np.array_equal(self.mean, other.mean, equal_nan=True)


@dataclass(frozen=True)
class Panel:
    """One set of axes.

    ``y_range``: fixed limits, None to follow the data. ``scales``: of x and y. ``right``: lines on a second y-axis,
    named ``right_label``, within ``right_range``. ``x_names``, ``y_names``: what stands at the places 0, 1, ... instead
    of numbers. ``note``: what stands in the place of lines that are not there. ``by_chance``: what lines have at 0,
    before anything was learnt, is chance, and sets no limits. ``behind``: lines of all panels of its kind, grey.
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
    by_chance: bool = False
    behind: tuple[Line, ...] = ()

    @property
    def every_line(self) -> tuple[Line, ...]:
        """Return the lines of both axes."""
        return (*self.lines, *self.right)

    @property
    def curved(self) -> bool:
        """Tell whether lines over numbers are all that it shows, on one axis."""
        plain = all(line.joined and not line.bar for line in self.lines)
        return bool(self.lines) and plain and not (self.right or self.x_names or self.y_names)

    @property
    def numbers(self) -> tuple[str, ...]:
        """Return its values as texts where no line has more than one point: there is nothing to draw then."""
        if not self.curved or any(line.known > 1 for line in self.lines):
            return ()
        found = [(line, float(y), float(x)) for line in self.lines for x, y in zip(line.x, line.mean, strict=True)]
        where = self.x_label.partition(" ")[0] or "place"
        return tuple(f"{line.label}: {y:.4g} at {where} {x:g}" for line, y, x in found if not np.isnan(y))


@dataclass(frozen=True)
class FigureData:
    """A figure: its panels, and one ``legend``, or one per panel where looks mean other things there.

    ``legend``: ``none`` where titles, or labels at the lines, say what is what.
    """

    name: str
    title: str
    caption: str
    panels: tuple[Panel, ...]
    legend: Literal["shared", "own", "none"] = "shared"

    @property
    def drawn(self) -> tuple[Panel, ...]:
        """Return the panels that show more than numbers or a note."""
        return tuple(panel for panel in self.panels if panel.every_line and not panel.numbers)


def covered(lines: Sequence[Line]) -> list[int]:
    """Return of each line how many later ones are equal to it, and hide it unless it is wider."""
    return [sum(map(line.hides, lines[index + 1 :])) for index, line in enumerate(lines)]


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


def alone(panel: Panel, line: Line) -> Panel:
    """Return a panel for one of the lines, which stands out there from all of them."""
    title = ": ".join(text for text in (panel.title, line.label) if text)
    [whole] = on_one_scale([panel])
    return replace(whole, title=title, lines=(replace(line, dashes=()),), behind=panel.lines)


def legible(panel: Panel) -> tuple[Panel, ...]:
    """Return the panel, or where it has more lines than can be told apart one for each."""
    many = panel.curved and len(panel.lines) > LEGIBLE
    return tuple(alone(panel, line) for line in panel.lines) if many else (panel,)


def _follows_data(panel: Panel) -> bool:
    return panel.y_range is None and panel.scales[1] == "linear"


def _limits(panels: Sequence[Panel]) -> tuple[float, float] | None:
    values = np.concatenate([np.zeros(0), *(_limiting(line, panel) for panel in panels for line in panel.lines)])
    values = values[~np.isnan(values)]
    if not len(values):
        return None
    room = MARGIN * (float(np.ptp(values)) or 1.0)
    return float(values.min()) - room, float(values.max()) + room


def _limiting(line: Line, panel: Panel) -> Curve:
    """Return the values of a line that must be seen."""
    curves = np.vstack((line.mean, line.seeds))
    return curves[:, line.x > 0].ravel() if panel.by_chance and (line.x > 0).any() else curves.ravel()


def what_lines_are(panels: Sequence[Panel]) -> list[str]:
    """Say how many seeds are behind the lines that are means; nothing where none are."""
    lines = [line for panel in panels for line in panel.every_line if line.n]
    grey = ["Grey: all of them together"] if any(panel.behind for panel in panels) else []
    bands = ["Bands: equal lines"] if any(sum(covered(panel.lines)) for panel in panels if panel.curved) else []
    return [*_means(lines), *bands, *grey] if lines else []


def _means(lines: Sequence[Line]) -> list[str]:
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
