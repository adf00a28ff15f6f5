"""The data of the figures: plain panels of lines, without a pixel."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.analysis.series import Series
from harness.analysis.trajectories import Curve, mean_over_seeds, stack
from harness.analysis.verdicts import SuiteVerdict
from harness.report.style import method_style, operation_style
from harness.report.views import heading, series_label
from harness.spaces import nb201

SEEDS_DRAWN = 5  # thin lines per mean: more would bury it
EPOCH = "epoch of the search"


@dataclass(frozen=True)
class Line:
    """The mean over ``n`` seeds by epoch (epoch 0 is before training), and the first seeds one by one."""

    label: str
    colour: str
    dashes: tuple[float, ...]
    n: int
    mean: Curve
    seeds: Curve


@dataclass(frozen=True)
class Panel:
    """One set of axes."""

    title: str
    y_label: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class FigureData:
    """A figure; ``y_range``: fixed limits, None to follow the data."""

    name: str
    title: str
    caption: str
    panels: tuple[Panel, ...]
    columns: int
    y_range: tuple[float, float] | None


def accuracy_figure(verdict: SuiteVerdict) -> FigureData | None:
    """Show the test accuracy of the discretised architecture by epoch, a panel per searched data set."""
    panels = _accuracy_panels(verdict)
    if not panels:
        return None
    return _figure(verdict, "accuracy", "Accuracy of the discretised architecture", panels, columns=2)


def magnitude_figure(verdict: SuiteVerdict) -> FigureData | None:
    """Show the operation magnitudes m(t, o) by epoch (Delve, Eq. 11), a panel per series."""
    drawn = _drawn(verdict)
    if not drawn:
        return None
    panels = tuple(Panel(series_label(verdict, s), "magnitude", _magnitude_lines(s)) for s in drawn)
    title = f"Operation magnitudes on {', '.join(sorted({s.dataset for s in drawn}))}: mean mixing weight of the edges"
    return _figure(verdict, "magnitude", title, panels, columns=3, y_range=(0.0, 1.0))


def edge_figures(verdict: SuiteVerdict) -> list[FigureData]:
    """Show the mixing weights of every edge by epoch, a figure per series."""
    figures = []
    for index, series in enumerate(_drawn(verdict)):
        title = f"{series_label(verdict, series)} on {series.dataset}: mixing weights per edge"
        figures.append(_figure(verdict, f"edges-{index}", title, _edge_panels(series), columns=3, y_range=(0.0, 1.0)))
    return figures


def collapse_figure(verdict: SuiteVerdict) -> FigureData | None:
    """Summarise: accuracy and skip magnitude by epoch on the first searched data set, side by side."""
    accuracy = _accuracy_panels(verdict)
    drawn = _drawn(verdict)
    if not accuracy or not drawn:
        return None
    styles = _styles(verdict)
    lines = tuple(
        _line(styles[s.name], s, [o.magnitude[:, o.ops.index("skip_connect")] for o in s.done])
        for s in drawn
        if s.dataset == drawn[0].dataset and "skip_connect" in s.done[0].ops
    )
    skip = Panel(f"Weight of skip connections, searched on {drawn[0].dataset}", "magnitude of skip", lines)
    return _figure(verdict, "collapse", "What the searches find, epoch by epoch", (accuracy[0], skip), columns=2)


def to_csv(figure: FigureData) -> str:
    """Write the data of a figure, one row per point; ``seed`` counts the seeds drawn, or says ``mean``."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["panel", "line", "n", "seed", "epoch", "value"])
    for panel in figure.panels:
        for line in panel.lines:
            curves = [("mean", line.mean), *((str(i), seed) for i, seed in enumerate(line.seeds))]
            for name, curve in curves:
                points = ((e, f"{v:.6g}") for e, v in enumerate(curve) if not np.isnan(v))
                writer.writerows([panel.title, line.label, line.n, name, epoch, value] for epoch, value in points)
    return text.getvalue()


def _figure(
    verdict: SuiteVerdict,
    name: str,
    title: str,
    panels: tuple[Panel, ...],
    *,
    columns: int,
    y_range: tuple[float, float] | None = None,
) -> FigureData:
    caption = f"{heading(verdict)}. {_what_lines_are(panels)}. Epoch 0 is before training."
    full_name = f"{name}-{verdict.loaded.suite.suite}-{verdict.profile_name}"
    return FigureData(full_name, title, caption, panels, min(columns, len(panels)), y_range)


def _what_lines_are(panels: Sequence[Panel]) -> str:
    lines = [line for panel in panels for line in panel.lines]
    fewest, most = min(line.n for line in lines), max(line.n for line in lines)
    seeds = f"{fewest} to {most} seeds" if fewest < most else f"{most} seed{'s' if most > 1 else ''}"
    if not any(len(line.seeds) for line in lines):
        return f"Mean over {seeds}"
    return f"Thick: mean over {seeds}; thin: single seeds, at most {SEEDS_DRAWN}"


def _drawn(verdict: SuiteVerdict) -> list[Series]:
    return [series for series in verdict.series if series.done]


def _styles(verdict: SuiteVerdict) -> dict[str, tuple[str, str, tuple[float, ...]]]:
    """Return label, colour and dashes by series: the colour is the method's, dashes tell its variants apart."""
    used: dict[str, list[str]] = {}
    styles = {}
    for series in verdict.series:
        variants = used.setdefault(series.method, [])
        if str(series.variant) not in variants:
            variants.append(str(series.variant))
        style = method_style(verdict.loaded.catalogue, series.method, variants.index(str(series.variant)))
        styles[series.name] = (series_label(verdict, series), *style)
    return styles


def _accuracy_panels(verdict: SuiteVerdict) -> tuple[Panel, ...]:
    styles = _styles(verdict)
    panels: dict[str, list[Line]] = {}
    for series in _drawn(verdict):
        key = series.accuracy_key
        if key is not None:
            curves = [o.accuracy[key] for o in series.done if key in o.accuracy]
            panels.setdefault(key, []).append(_line(styles[series.name], series, curves))
    return tuple(Panel(_accuracy_title(key), "test accuracy, %", tuple(lines)) for key, lines in panels.items())


def _accuracy_title(key: str) -> str:
    dataset, _, epochs = key.split("/")
    return f"Searched and tested on {dataset} ({epochs} training epochs)"


def _magnitude_lines(series: Series) -> tuple[Line, ...]:
    first = series.done[0]
    styled = ((index, operation_style(op, index)) for index, op in enumerate(first.ops))
    return tuple(
        _line((label, colour, ()), series, [o.magnitude[:, index] for o in series.done])
        for index, (label, colour) in styled
    )


def _edge_panels(series: Series) -> tuple[Panel, ...]:
    first = series.done[0]
    means = mean_over_seeds(stack([outcome.weights.astype(np.float64) for outcome in series.done]))
    panels = []
    for edge, place in enumerate(first.edges):
        lines = tuple(
            Line(*operation_style(op, index), (), len(series.done), means[:, edge, index], np.zeros((0, 0)))
            for index, op in enumerate(first.ops)
        )
        panels.append(Panel(_edge_title(place), "mixing weight", lines))
    return tuple(panels)


def _edge_title(place: tuple[str, int]) -> str:
    group, edge = place
    if group == "cell" and edge < len(nb201.EDGES):
        target, source = nb201.EDGES[edge]
        return f"node {source} → node {target}"
    return f"{group}, edge {edge}"


def _line(style: tuple[str, str, tuple[float, ...]], series: Series, curves: Sequence[Curve]) -> Line:
    stacked: NDArray[np.float64] = stack(curves)
    return Line(*style, len(curves), mean_over_seeds(stacked), stacked[:SEEDS_DRAWN])
