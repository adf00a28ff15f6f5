"""The figures that every suite has: what its searches find, and how their mixing weights move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.analysis.series import ACCURACY, Series
from harness.analysis.verdicts import SuiteVerdict
from harness.report.operations import edge_panels, magnitude_panels, magnitudes
from harness.report.panels import (
    EPOCH,
    FigureData,
    Line,
    Panel,
    Style,
    alone,
    legible,
    on_one_scale,
    seeds_line,
    what_lines_are,
)
from harness.report.style import method_style
from harness.report.views import heading, series_label, told_label
from harness.spaces.operations import operation
from harness.suite.schema import Measure

STORY = 3  # lines of a picture that tells one thing


def accuracy_figure(verdict: SuiteVerdict) -> FigureData | None:
    """Show the test accuracy of the discretised architecture by epoch, a panel per searched data set.

    Where that would be too many lines for one panel, every series has its own, and the others are grey behind it.
    """
    panels = [each for panel in _accuracy_panels(_drawn(verdict), _styles(verdict)) for each in legible(panel)]
    title = "Accuracy of the discretised architecture"
    return _figure(verdict, "accuracy", title, panels) if panels else None


def weight_figure(verdict: SuiteVerdict) -> FigureData | None:
    """Show the magnitude of the operation that wins in a collapse by epoch, in the same way."""
    drawn, styles = _drawn(verdict), _styles(verdict)
    datasets = dict.fromkeys(series.dataset for series in drawn)
    found = (_winner_panels([s for s in drawn if s.dataset == dataset], styles) for dataset in datasets)
    panels = [each for of_dataset in found for panel in of_dataset for each in legible(panel)]
    return _figure(verdict, "weight", "What wins in a collapse", panels) if panels else None


def series_figure(verdict: SuiteVerdict, series: Series) -> FigureData:
    """Show what a series finds against all others of its suite, and its operation magnitudes (Delve, Eq. 11)."""
    label = series_label(verdict, series)
    panels = magnitude_panels("Operation magnitudes: mean mixing weight of the edges", series.done)
    for key, lines in _accuracies(_drawn(verdict), _styles(verdict)).items():
        if series.name in lines:
            found = alone(_accuracy_panel(key, tuple(lines.values())), lines[series.name])
            panels = (replace(found, title="What it finds"), *panels)
    data = _figure(verdict, f"{series.method}-{series.settings}", f"{label} on {series.dataset}", panels)
    return replace(data, legend="own")


def edge_figure(verdict: SuiteVerdict, series: Series) -> FigureData:
    """Show the mixing weights of every edge by epoch."""
    title = f"{series_label(verdict, series)} on {series.dataset}: mixing weights per edge"
    return _figure(verdict, f"edges-{series.method}-{series.settings}", title, edge_panels(series.done))


def collapse_figure(verdict: SuiteVerdict) -> FigureData | None:
    """Summarise: accuracy and skip magnitude by epoch on the first searched data set, one below the other.

    Of few series, those first that claims compare by what they find: more would tell more than one story.
    """
    drawn = _claimed_first(verdict)[:STORY]
    styles = _styles(verdict)
    if len({series.method for series in drawn}) == len(drawn):  # then a method's title says enough
        titles = verdict.loaded.catalogue.title
        styles |= {series.name: (titles(series.method), *styles[series.name][1:]) for series in drawn}
    accuracy = _accuracy_panels(drawn, styles)
    if not accuracy:
        return None
    alike = [s for s in drawn if s.dataset == drawn[0].dataset]
    panels = [accuracy[0], *_winner_panels(alike, styles)]
    return _figure(verdict, "collapse", "What the searches find, epoch by epoch", panels)


def _winner_panels(drawn: Sequence[Series], styles: Mapping[str, Style]) -> list[Panel]:
    """Show the magnitude of the operation that wins in a collapse, a panel for each and each of its cell types."""
    lines: dict[tuple[str, str], list[Line]] = {}
    for series in drawn:
        winner = series.space.telling[0]
        for name, (told, cell) in series.told.items():
            if told == winner and (curves := magnitudes(series.done, cell, winner)):
                lines.setdefault((winner, name), []).append(seeds_line(styles[series.name], curves))
    return [
        Panel(f"Weight of {told_label(name)}, searched on {drawn[0].dataset}", EPOCH,
              f"magnitude of {operation(winner).label}", tuple(found))
        for (winner, name), found in lines.items()
    ]  # fmt: skip


def _figure(verdict: SuiteVerdict, name: str, title: str, panels: Sequence[Panel]) -> FigureData:
    said = (heading(verdict), *what_lines_are(panels), "Epoch 0 is before training")
    caption = " ".join(f"{sentence}." for sentence in said)
    full_name = f"{name}-{verdict.loaded.suite.suite}-{verdict.profile_name}"
    return FigureData(full_name, title, caption, on_one_scale(panels))


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
    """Return the drawn series: those whose accuracies a claim compares, then those of other claims, then the rest."""
    claims = verdict.loaded.suite.claims.values()
    sides = [side for claim in claims for side in (claim.left, claim.right) if isinstance(side, Measure)]
    found = {side.row for side in sides if side.of == ACCURACY}
    claimed = {side.row for side in sides}

    def place(series: Series) -> tuple[bool, bool]:
        rows = series.trials[0].rows
        return found.isdisjoint(rows), claimed.isdisjoint(rows)

    return sorted(_drawn(verdict), key=place)


def _accuracy_panels(drawn: Sequence[Series], styles: Mapping[str, Style]) -> list[Panel]:
    return [_accuracy_panel(key, tuple(lines.values())) for key, lines in _accuracies(drawn, styles).items()]


def _accuracies(drawn: Sequence[Series], styles: Mapping[str, Style]) -> dict[str, dict[str, Line]]:
    """Return the lines of series by what is measured of them, and by name."""
    found: dict[str, dict[str, Line]] = {}
    for series in drawn:
        key = series.accuracy_key
        if key is not None:
            curves = [o.accuracy[key] for o in series.done if key in o.accuracy]
            found.setdefault(key, {})[series.name] = seeds_line(styles[series.name], curves)
    return found


def _accuracy_panel(key: str, lines: tuple[Line, ...]) -> Panel:
    dataset, _, epochs = key.split("/")
    title = f"Searched and tested on {dataset} ({epochs} training epochs)"
    return Panel(title, EPOCH, f"{dataset} test accuracy, %", lines, by_chance=True)
