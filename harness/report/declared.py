"""The papers' figures as suites declare them: one function per kind of panel, from records to lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from harness.analysis.measured import Context, row_values
from harness.analysis.measures import diagnostic_at, stop_epoch
from harness.analysis.trajectories import Curve, entropy_sum
from harness.analysis.verdicts import SuiteVerdict
from harness.audit.majority import Majority
from harness.report.cells import DrawnCell, cells_csv, cells_svgs
from harness.report.figure_rows import FigureRows
from harness.report.figures_audit import figure6a_about, figure6a_csv, figure6a_svgs
from harness.report.operations import correlation_lines, edge_panels, gradients_panel, magnitude_panels
from harness.report.panels import (
    EPOCH,
    SEEDS_DRAWN,
    FigureData,
    Line,
    Panel,
    legible,
    on_one_scale,
    only_measured,
    seeds_line,
    what_lines_are,
)
from harness.report.replayed import STATUS, replayed_panel
from harness.report.strength import about, agreement_panels, strength_panels, strongest_panels
from harness.report.style import COLOURS, DASHES, method_style, operation_style
from harness.report.theory import theory_panel
from harness.report.views import heading
from harness.runner.plan import Plan
from harness.spaces.cells import load_cells
from harness.spaces.operations import operation
from harness.spaces.registry import published
from harness.suite import figures as declared
from harness.suite.figures import Since, search_number

SINCE: Mapping[Since | None, str] = {
    None: EPOCH,
    "architecture_warmup": "epoch after the warm-up",
    "search_epochs": "epoch of the selection",
}
MEASUREMENTS = {
    "eigenvalue": "dominant eigenvalue",
    "supernet-accuracy": "validation accuracy, %",
    "discretised-accuracy": "validation accuracy, %",
}
OF_STRENGTH = ("strength", "strongest", "agreement")
OF_ROWS = ("accuracy", "entropy", "diagnostic", "sweep")
BY_OPERATION = ("magnitude", "edge-weights", "gradients")


@dataclass(frozen=True)
class DeclaredFigure:
    """A figure of a suite; ``data`` is None without records. ``waiting``: rows without any, and why.

    ``name``: of its files. ``drawing``: of a figure that has no lines, in the place of ``data``.
    """

    key: str
    name: str
    heading: str
    data: FigureData | None
    waiting: tuple[str, ...]
    drawing: Drawing | None = None


@dataclass(frozen=True)
class Drawing:
    """A figure that is no panels of lines, in the forms in which it is shown; each is made when it is asked for.

    ``panels``: titles and SVG elements.
    """

    caption: str
    panels: Callable[[], list[tuple[str, str]]]
    csv: Callable[[], str]


def declared_figures(verdict: SuiteVerdict, majorities: Sequence[Majority] = ()) -> list[DeclaredFigure]:
    """Return the suite's figures of whose rows the plan names at least one, in their order.

    One of the table alone is no matter of profiles, and is shown beside the papers' protocol. ``majorities``: from
    the table, empty where it is not at hand.
    """
    plan = verdict.evidence.plan
    shown = {
        key: figure
        for key, figure in verdict.loaded.suite.figures.items()
        if _named(figure, plan) and (verdict.follows_papers or not _is_of_table(figure))
    }
    return [_figure(verdict, key, figure, majorities) for key, figure in shown.items()]


def _figure(verdict: SuiteVerdict, key: str, figure: declared.Figure, majorities: Sequence[Majority]) -> DeclaredFigure:
    if _is_of_table(figure):
        return _of_table(verdict, key, figure, majorities)
    if isinstance(figure.panels[0], declared.CellPanel):
        return _of_cells(verdict, key, figure)
    return _declared(verdict, key, figure)


def _named(figure: declared.Figure, plan: Plan) -> bool:
    return not figure.rows or any(row in plan.rows or row in plan.not_run for row in figure.rows)


def _is_of_table(figure: declared.Figure) -> bool:
    return isinstance(figure.panels[0], declared.MajorityPanel)


def _of_table(
    verdict: SuiteVerdict, key: str, figure: declared.Figure, majorities: Sequence[Majority]
) -> DeclaredFigure:
    title = f"{_place(verdict, figure)}: {figure.title}"
    name, waiting = _name(verdict, key), () if majorities else ("the NAS-Bench-201 table, which is not at hand",)
    drawing = Drawing(
        figure6a_about(majorities) if majorities else "",
        lambda: figure6a_svgs(majorities, name),
        lambda: figure6a_csv(majorities),
    )
    return DeclaredFigure(key, name, title, None, waiting, drawing if majorities else None)


def _of_cells(verdict: SuiteVerdict, key: str, figure: declared.Figure) -> DeclaredFigure:
    rows, name = FigureRows(verdict, figure.rows), _name(verdict, key)
    panels = [panel for panel in figure.panels if isinstance(panel, declared.CellPanel)]
    cells = [cell for panel in panels for cell in _cells(rows, panel)]
    waiting = tuple(f"{row}: {rows.why_empty(row)}" for row in figure.rows if not rows.done(row))
    place = f"{_place(verdict, figure)}: {figure.title}"
    about = heading(verdict) if figure.rows else "As published, not found here"
    missing = [f"No records yet: {'; '.join(waiting)}"] if waiting else []
    caption = " ".join(f"{text}." for text in (about, *missing))
    drawing = Drawing(caption, lambda: cells_svgs(cells, name), lambda: cells_csv(cells))
    return DeclaredFigure(key, name, place, None, waiting, drawing if cells else None)


def _cells(rows: FigureRows, panel: declared.CellPanel) -> list[DrawnCell]:
    """Return the cells of a panel, none of a row whose seed has no record yet."""
    if panel.published is not None:
        fact = load_cells()[panel.published]
        found = published(fact.space).operations(fact.architecture)
    else:
        outcomes = [outcome for outcome in rows.done(panel.rows[0]) if outcome.seed == panel.seed]
        if not outcomes:
            return []
        found = outcomes[0].cells[-1]
    shown = {cell: edges for cell, edges in found.items() if panel.cell in (None, cell)}
    return [DrawnCell(_cell_title(panel, cell, len(shown)), tuple(edges)) for cell, edges in shown.items()]


def _cell_title(panel: declared.CellPanel, cell: str, shown: int) -> str:
    seed = f", seed {panel.seed}" if panel.rows else ""
    return f"{panel.title}{f', {cell} cell' if shown > 1 else ''}{seed}"


def _name(verdict: SuiteVerdict, key: str) -> str:
    return f"{key}-{verdict.loaded.suite.suite}-{verdict.profile_name}"


def _declared(verdict: SuiteVerdict, key: str, figure: declared.Figure) -> DeclaredFigure:
    rows = FigureRows(verdict, figure.rows)
    drawn = on_one_scale([drawn for panel in figure.panels for drawn in KINDS[panel.kind](rows, panel)])
    panels = tuple(each for panel in drawn for each in (legible(panel) if _of_rows(figure) else (panel,)))
    place = _place(verdict, figure)
    title = f"{place}: {figure.title}"
    waiting = tuple(f"{row}: {rows.why_empty(row)}" for row in figure.rows if not rows.done(row))
    if not figure.rows:
        waiting = tuple(dict.fromkeys(panel.note for panel in panels if panel.note))
    if not any(panel.every_line for panel in panels):
        return DeclaredFigure(key, _name(verdict, key), title, None, waiting)
    data = FigureData(
        name=_name(verdict, key),
        title=figure.title,
        caption=" ".join(f"{sentence}." for sentence in (place, *_about(verdict, rows, figure, panels))),
        panels=panels,
        legend="own" if _looks_differ(figure) else "shared",
    )
    return DeclaredFigure(key, data.name, title, data, waiting)


def _looks_differ(figure: declared.Figure) -> bool:
    """Tell whether panels need legends of their own: looks mean other things there, or labels hold numbers."""
    of_operations = {panel.kind in BY_OPERATION for panel in figure.panels}
    return len(of_operations) > 1 or any(panel.kind == "agreement" for panel in figure.panels)


def _of_rows(figure: declared.Figure) -> bool:
    """Tell whether lines are rows, each of which can stand alone: operations and nodes are read beside each other."""
    return all(panel.kind in OF_ROWS for panel in figure.panels)


def _place(verdict: SuiteVerdict, figure: declared.Figure) -> str:
    paper = verdict.loaded.suite.papers[figure.paper].title
    return f"Our own figure on “{paper}”" if figure.number == "own" else f"Figure {figure.number[1:]} of “{paper}”"


def _about(verdict: SuiteVerdict, rows: FigureRows, figure: declared.Figure, panels: Sequence[Panel]) -> list[str]:
    """Say whose the lines are and what, and which are not there yet."""
    if any(isinstance(panel, declared.ReplayedPanel) for panel in figure.panels):
        return [STATUS, *what_lines_are(panels)]
    if not rows.names:
        return [heading(verdict), "Computed from formulas: no search is behind it"]
    missing = [rows.label(row) for row in rows.names if not rows.done(row)]
    by_epoch = any(panel.x_label == EPOCH for panel in panels)
    of_strength = about(rows) if any(panel.kind in OF_STRENGTH for panel in figure.panels) else []
    said = [heading(verdict), *what_lines_are(panels), *(["Epoch 0 is before training"] if by_epoch else [])]
    said += of_strength
    return [*said, f"No records yet: {'; '.join(missing)}"] if missing else said


def _accuracy(rows: FigureRows, panel: declared.AccuracyPanel) -> list[Panel]:
    lines, y_label = rows.lines(panel.rows, rows.accuracy(panel.column), panel.since), rows.axis(panel.column)
    if (best := panel.best) is not None:
        lines = tuple(replace(line, mean=best - line.mean, seeds=best - line.seeds) for line in lines)
        y_label = f"points below {best:g}, {y_label}"
        if rows.verdict.embedded:
            return [Panel(panel.title, SINCE[panel.since], y_label, (), note="of the digits no best is stated")]
    note = rows.note(panel.rows, lines)
    return [Panel(panel.title, SINCE[panel.since], y_label, lines, note=note, by_chance=panel.since is None)]


def _entropy(rows: FigureRows, panel: declared.EntropyPanel) -> list[Panel]:
    lines = rows.lines(panel.rows, lambda outcome: entropy_sum(outcome.groups, outcome.weights))
    return [Panel(panel.title, EPOCH, "sum of entropies, nat", lines, note=rows.note(panel.rows, lines))]


def _diagnostic(rows: FigureRows, panel: declared.DiagnosticPanel) -> list[Panel]:
    found = rows.lines(panel.rows, lambda outcome: outcome.diagnostics.get(panel.of), panel.since)
    lines = tuple(map(only_measured, found))
    return [Panel(panel.title, SINCE[panel.since], MEASUREMENTS[panel.of], lines, note=rows.note(panel.rows, lines))]


def _magnitude(rows: FigureRows, panel: declared.MagnitudePanel) -> list[Panel]:
    [row] = panel.rows
    done = rows.done(row)
    if not done:
        return [Panel(panel.title, EPOCH, "magnitude", (), note=rows.note(panel.rows, ()))]
    return list(magnitude_panels(panel.title + rows.partly(row), done))


def _edge_weights(rows: FigureRows, panel: declared.EdgeWeightsPanel) -> list[Panel]:
    [row] = panel.rows
    done = rows.done(row)
    if not done:
        return [Panel(panel.title, EPOCH, "mixing weight", (), note=rows.note(panel.rows, ()))]
    return list(edge_panels(done, panel.title + rows.partly(row)))


def _eigenvalue(rows: FigureRows, panel: declared.EigenvaluePanel) -> list[Panel]:
    [row] = panel.rows
    done = rows.done(row)
    curves = [c for outcome in done if (c := rows.accuracy(panel.column)(outcome)) is not None]
    values = [outcome.diagnostics["eigenvalue"] for outcome in done if "eigenvalue" in outcome.diagnostics]
    title, y_label = panel.title + rows.partly(row), rows.axis(panel.column)
    if not curves or not values:
        return [Panel(title, EPOCH, y_label, (), note=rows.note(panel.rows, ()))]
    left = seeds_line(("accuracy (left)", COLOURS[1], ()), curves)
    right = only_measured(seeds_line(("dominant eigenvalue (right)", COLOURS[0], DASHES[1]), values))
    return [Panel(title, EPOCH, y_label, (left,), right_label="eigenvalue", right=(right,))]


def _gradients(rows: FigureRows, panel: declared.GradientsPanel) -> list[Panel]:
    [row] = panel.rows
    done = rows.done(row)
    if not done:
        return [Panel(panel.title, EPOCH, "dL/dp", (), note=rows.note(panel.rows, ()))]
    title = panel.title + rows.partly(row)
    return [gradients_panel(f"{title}, edge {edge}", done, f"{panel.of}/{panel.cell}/{edge}") for edge in panel.edges]


def _correlation(rows: FigureRows, panel: declared.CorrelationPanel) -> list[Panel]:
    lines = tuple(
        line
        for row, dashes in zip(panel.rows, DASHES, strict=False)
        for line in correlation_lines(
            rows.label(row) + rows.partly(row), dashes, rows.done(row), f"{panel.of}/{panel.cell}"
        )
    )
    y_label = f"correlation, {panel.cell} cell"  # cells differ by tens of times: each has a scale of its own
    return [Panel(panel.title, EPOCH, y_label, lines, note=rows.note(panel.rows, lines))]


def _sweep(rows: FigureRows, panel: declared.SweepPanel) -> list[Panel]:
    return [_swept_column(rows, panel, column) for column in panel.columns]


def _swept_column(rows: FigureRows, panel: declared.SweepPanel, column: str) -> Panel:
    by_method: dict[str, list[str]] = {}
    for row in panel.rows:
        by_method.setdefault(rows.method(row), []).append(row)
    points = (line for item in by_method.items() for line in _swept(rows, panel.over, column, *item))
    lines = (*points, *(line for row in panel.by_epoch for line in _by_epoch(rows, row, column)))
    several = [rows.axis(column).partition(",")[0]] if len(panel.columns) > 1 else []
    title = ": ".join(part for part in (panel.title, *several) if part)
    note = rows.note([*panel.rows, *panel.by_epoch], lines)
    return Panel(title, panel.x_label, rows.axis(column), lines, note=note)


def _by_epoch(rows: FigureRows, row: str, column: str) -> list[Line]:
    """Return the curve of a row as its method looks: beside it, too, every line is a method."""
    colour, _ = method_style(rows.loaded.catalogue, rows.method(row), 0)
    found = rows.lines([row], rows.accuracy(column))
    return [replace(line, colour=colour, dashes=()) for line in found]


def _swept(rows: FigureRows, over: str, column: str, method: str, of_method: Sequence[str]) -> Iterator[Line]:
    """Yield the line of a method, if it has a point; at every point the mean is over the seeds that are there."""
    found = {row: _finals(rows, row, column) for row in of_method}
    places = sorted((search_number(rows.spec(row), over), row) for row, values in found.items() if values)
    if not places:
        return
    points = [found[row] for _, row in places]
    seeds = sorted({seed for values in points for seed in values})
    table = np.array([[values.get(seed, np.nan) for values in points] for seed in seeds])
    planned, done = sum(len(rows.evidence.of_row(row)) for row in of_method), sum(map(len, points))
    label = rows.loaded.catalogue.title(method) + ("" if done == planned else f" ({done} of {planned} searches)")
    look = method_style(rows.loaded.catalogue, method, 0)
    x = np.array([x for x, _ in places], dtype=np.float64)
    yield Line(label, *look, min(map(len, points)), x, np.nanmean(table, axis=0), table[:SEEDS_DRAWN])


def _finals(rows: FigureRows, row: str, column: str) -> dict[int, float]:
    """Return by seed what a column measures of a row's found architectures."""
    table, _, name = row.partition("/")
    stop = rows.suite.tables[table].rows[name].stop
    values: dict[int, float] = {}
    for outcome in rows.done(row):
        curve = rows.accuracy(column)(outcome)
        if curve is not None:
            value = curve[stop_epoch(outcome, rows.accuracy_key(outcome, column) or "", stop)]
            values |= {} if np.isnan(value) else {outcome.seed: float(value)}
    return values


def _pairs(rows: FigureRows, panel: declared.PairsPanel) -> list[Panel]:
    [row] = panel.rows
    named = (pair for outcome in rows.done(row) for pair in outcome.diagnostics if pair.startswith(f"{panel.of}/"))
    pairs = [tuple(name.split("/")[1:]) for name in dict.fromkeys(named) if name.count("/") == 2]
    if not pairs:
        return [Panel(panel.title, "", "correlation", (), note=rows.note(panel.rows, ()))]
    options = list(dict.fromkeys(option for pair in pairs for option in pair))
    table = np.full((len(options), len(options)), np.nan)
    for one, other in pairs:
        found = (diagnostic_at(outcome, f"{panel.of}/{one}/{other}") for outcome in rows.done(row))
        values = [v for v in found if v is not None]
        value = np.mean(values) if values else np.nan
        table[options.index(one), options.index(other)] = table[options.index(other), options.index(one)] = value
    return [
        Panel(
            panel.title + rows.partly(row), "", "correlation",
            tuple(_above(option, index, table[index]) for index, option in enumerate(options)),
            x_names=tuple(operation(option).label for option in options),
        )
    ]  # fmt: skip


def _above(option: str, index: int, values: Curve) -> Line:
    """Return the correlations with one operation; by its own colour two of many would look alike."""
    x, label = np.arange(len(values), dtype=np.float64), operation(option).label
    look = COLOURS[index % len(COLOURS)]
    return Line(label, look, (), 0, x, values, np.zeros((0, len(x))), joined=False, marker=("s", 8.0))


def _spread(rows: FigureRows, panel: declared.SpreadPanel) -> list[Panel]:
    context = Context(rows.loaded, rows.verdict.comparable, rows.evidence)
    values = {row: row_values(row, panel.column, context) for row in panel.rows}
    lines = []
    for place, (row, found) in enumerate(values.items()):
        label, colour, _ = rows.style(row)
        x = np.full(len(found), float(place))
        lines += [Line(label, colour, (), 0, x, np.array(found), np.zeros((0, len(x))), joined=False)] if found else []
    names = tuple(map(rows.label, panel.rows))
    note = rows.note(panel.rows, lines)
    return [Panel(panel.title, "", rows.axis(panel.column), tuple(lines), x_names=names, note=note)]


def _exchanges(rows: FigureRows, panel: declared.ExchangesPanel) -> list[Panel]:
    [row] = panel.rows
    done, lines = rows.done(row), []
    for name in dict.fromkeys(name for outcome in done for name in outcome.first_edge):
        points = [(one.first_edge[name], one.exchanged[name]) for one in done if name in one.exchanged]
        x, y = np.array(points, dtype=np.float64).reshape(-1, 2).T
        label, colour = operation_style(name)
        lines += [Line(label, colour, (), 0, x, y, np.zeros((0, len(x))), joined=False)] if points else []
    note = rows.note(panel.rows, lines)
    labels = "mixing weight on the first edge", "test accuracy with the operation there, %"
    return [Panel(panel.title + rows.partly(row), *labels, tuple(lines), note=note)]


def _theory(rows: FigureRows, panel: declared.TheoryPanel) -> list[Panel]:
    return [theory_panel(panel.title, panel.figure)]


def _replayed(rows: FigureRows, panel: declared.ReplayedPanel) -> list[Panel]:
    return [replayed_panel(panel)]


KINDS: Mapping[str, Callable[[FigureRows, Any], list[Panel]]] = {
    "accuracy": _accuracy,
    "magnitude": _magnitude,
    "edge-weights": _edge_weights,
    "entropy": _entropy,
    "diagnostic": _diagnostic,
    "gradients": _gradients,
    "pairs": _pairs,
    "spread": _spread,
    "exchanges": _exchanges,
    "correlation": _correlation,
    "eigenvalue": _eigenvalue,
    "sweep": _sweep,
    "strength": strength_panels,
    "strongest": strongest_panels,
    "agreement": agreement_panels,
    "theory": _theory,
    "replayed": _replayed,
}
