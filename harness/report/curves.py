"""The figures that every suite has: what its searches find, and how their mixing weights move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.analysis.series import Series
from harness.analysis.verdicts import SuiteVerdict
from harness.report.operations import edge_panels, magnitude_panels
from harness.report.panels import EPOCH, FigureData, Line, Panel, Style, on_one_scale, seeds_line, what_lines_are
from harness.report.style import method_style
from harness.report.views import heading, series_label, told_label
from harness.spaces.operations import operation
from harness.suite.schema import Measure

LEGIBLE = 8  # lines that one set of axes can hold


def accuracy_figure(verdict: SuiteVerdict) -> FigureData | None:
    """Show the test accuracy of the discretised architecture by epoch, a panel per searched data set.

    Where that would be too many lines for one panel, every series has its own.
    """
    panels = _accuracy_panels(verdict, _drawn(verdict))
    title = "Accuracy of the discretised architecture"
    if any(len(panel.lines) > LEGIBLE for panel in panels):
        each = on_one_scale([_alone(panel, line) for panel in panels for line in panel.lines])
        return replace(_figure(verdict, "accuracy", title, each, columns=4), legend="none")
    return _figure(verdict, "accuracy", title, panels, columns=2) if panels else None


def magnitude_figure(verdict: SuiteVerdict) -> FigureData | None:
    """Show the operation magnitudes m(t, o) by epoch (Delve, Eq. 11), a panel per series."""
    drawn = _drawn(verdict)
    if not drawn:
        return None
    panels = [panel for s in drawn for panel in magnitude_panels(series_label(verdict, s), s.done)]
    title = f"Operation magnitudes on {', '.join(sorted({s.dataset for s in drawn}))}: mean mixing weight of the edges"
    return _figure(verdict, "magnitude", title, panels, columns=3)


def edge_figures(verdict: SuiteVerdict) -> list[FigureData]:
    """Show the mixing weights of every edge by epoch, a figure per method and data set: of its first series.

    Of other series a suite may declare them: there can be hundreds.
    """
    firsts: dict[tuple[str, str], Series] = {}
    for series in _drawn(verdict):
        firsts.setdefault((series.method, series.dataset), series)
    figures = []
    for index, series in enumerate(firsts.values()):
        title = f"{series_label(verdict, series)} on {series.dataset}: mixing weights per edge"
        figures.append(_figure(verdict, f"edges-{index}", title, edge_panels(series.done), columns=3))
    return figures


def collapse_figure(verdict: SuiteVerdict) -> FigureData | None:
    """Summarise: accuracy and skip magnitude by epoch on the first searched data set, side by side.

    Of many series only those that claims are about are shown, and not more than can be told apart.
    """
    drawn = _claimed_first(verdict)[:LEGIBLE]
    accuracy = _accuracy_panels(verdict, drawn)
    if not accuracy:
        return None
    styles = _styles(verdict)
    alike = [s for s in drawn if s.dataset == drawn[0].dataset]
    return _figure(
        verdict, "collapse", "What the searches find, epoch by epoch", (accuracy[0], *_winner_panels(alike, styles)),
        columns=2,
    )  # fmt: skip


def _winner_panels(drawn: Sequence[Series], styles: dict[str, Style]) -> list[Panel]:
    """Show the magnitude of the operation that wins in a collapse, a panel for each and each of its cell types."""
    lines: dict[tuple[str, str], list[Line]] = {}
    for series in drawn:
        winner = series.space.telling[0]
        for name, (told, cell) in series.told.items():
            if told == winner:
                curves = [outcome.magnitude[cell][winner] for outcome in series.done]
                lines.setdefault((winner, name), []).append(seeds_line(styles[series.name], curves))
    return [
        Panel(f"Weight of {told_label(name)}, searched on {drawn[0].dataset}", EPOCH,
              f"magnitude of {operation(winner).label}", tuple(found))
        for (winner, name), found in lines.items()
    ]  # fmt: skip


def _figure(verdict: SuiteVerdict, name: str, title: str, panels: Sequence[Panel], *, columns: int) -> FigureData:
    said = (heading(verdict), *what_lines_are(panels), "Epoch 0 is before training")
    caption = " ".join(f"{sentence}." for sentence in said)
    full_name = f"{name}-{verdict.loaded.suite.suite}-{verdict.profile_name}"
    return FigureData(full_name, title, caption, tuple(panels), min(columns, len(panels)))


def _drawn(verdict: SuiteVerdict) -> list[Series]:
    return [series for series in verdict.series if series.done]


def _styles(verdict: SuiteVerdict) -> dict[str, Style]:
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


def _claimed_first(verdict: SuiteVerdict) -> list[Series]:
    """Return the drawn series, those that a claim is about before the others."""
    claims = verdict.loaded.suite.claims.values()
    claimed = {side.row for claim in claims for side in (claim.left, claim.right) if isinstance(side, Measure)}
    return sorted(_drawn(verdict), key=lambda series: claimed.isdisjoint(series.trials[0].rows))


def _accuracy_panels(verdict: SuiteVerdict, drawn: Sequence[Series]) -> list[Panel]:
    styles = _styles(verdict)
    panels: dict[str, list[Line]] = {}
    for series in drawn:
        key = series.accuracy_key
        if key is not None:
            curves = [o.accuracy[key] for o in series.done if key in o.accuracy]
            panels.setdefault(key, []).append(seeds_line(styles[series.name], curves))
    return [_accuracy_panel(key, tuple(lines)) for key, lines in panels.items()]


def _alone(panel: Panel, line: Line) -> Panel:
    return replace(panel, title=line.label, lines=(replace(line, dashes=()),))


def _accuracy_panel(key: str, lines: tuple[Line, ...]) -> Panel:
    dataset, _, epochs = key.split("/")
    title = f"Searched and tested on {dataset} ({epochs} training epochs)"
    return Panel(title, EPOCH, f"{dataset} test accuracy, %", lines)
