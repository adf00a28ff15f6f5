"""Alpha against strength, drawn: bars per edge, the best by either on every edge, and how far criteria agree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.analysis.strength import (
    Criterion,
    EdgeStrength,
    Floats,
    agreement_table,
    capped_share,
    edge_strengths,
    interval,
    names_of,
)
from harness.report.figure_rows import FigureRows
from harness.report.panels import MARGIN, SHARES, Line, Panel
from harness.report.style import COLOURS, operation_style
from harness.report.views import CRITERIA
from harness.spaces.operations import operation
from harness.suite import figures as declared

STRENGTH = "accuracy once tuned, %"
SQUARE = ("s", 9.0)
EVERY, TAU = "all edges", "Kendall's tau"
HUES = {"alpha": 1, "perturbation": 2, "table": 3}  # among the colours


def strength_panels(rows: FigureRows, panel: declared.StrengthPanel) -> list[Panel]:
    """Show alpha and strength of the operations of each edge, a set of axes per edge (DARTS-PT, Figures 1 and 7)."""
    measured = _measured(rows, panel.rows[0], panel.seed)
    if not measured:
        return [Panel(panel.title, "", "mixing weight", (), note=rows.note(panel.rows, ()))]
    values = np.concatenate([edge.strength for edge in measured])
    room = 4 * MARGIN * (float(np.ptp(values)) or 1.0)
    limits = (float(values.min()) - room, float(values.max()) + room)
    return [_edge_panel(panel.title, edge, limits) for edge in measured]


def _edge_panel(title: str, edge: EdgeStrength, limits: tuple[float, float]) -> Panel:
    names = tuple(operation(option).label for option in edge.options)
    return Panel(
        ": ".join(part for part in (title, f"{_edge(edge.name)}, seed {edge.seed}") if part), "", "mixing weight",
        (_bars("alpha (left)", COLOURS[1], edge.alpha),), y_range=SHARES, right_label=STRENGTH,
        right=(_bars("strength: accuracy once discretised and tuned (right)", COLOURS[5], edge.strength),),
        right_range=limits, x_names=names,
    )  # fmt: skip


def strongest_panels(rows: FigureRows, panel: declared.StrongestPanel) -> list[Panel]:
    """Show which operation is the best by alpha, and which the strongest, on every edge (DARTS-PT, Figure 2)."""
    measured = _measured(rows, panel.rows[0], panel.seed)
    if not measured:
        return [Panel(panel.title, "edge", "", (), note=rows.note(panel.rows, ()))]
    cells: dict[str, list[EdgeStrength]] = {}
    for edge in measured:
        cells.setdefault(edge.cell, []).append(edge)
    return [_best_panel(panel.title, cell if len(cells) > 1 else "", edges) for cell, edges in cells.items()]


def _best_panel(title: str, cell: str, edges: Sequence[EdgeStrength]) -> Panel:
    best = [[edge.options[int(np.argmax(scores))] for edge in edges for scores in (_scores(edge, by),)]
            for by in ("strength", "alpha")]  # fmt: skip
    names = dict.fromkeys(option for edge in edges for option in edge.options)
    lines = [_squares(option, index, best) for index, option in enumerate(names)]
    counts = ", ".join(f"{_label(option)} {best[1].count(option)} and {best[0].count(option)}" for option in names)
    said = ": ".join(part for part in (title, cell, f"best by alpha and by strength, edges with {counts}") if part)
    return Panel(
        said, "edge", "", tuple(lines), y_range=(-0.6, 1.6),
        x_names=tuple(edge.name.partition("/")[2] for edge in edges), y_names=("by strength", "by alpha"),
    )  # fmt: skip


def _scores(edge: EdgeStrength, by: Criterion) -> Floats:
    scores = edge.scores(by)
    assert scores is not None, "only the table may know nothing of an edge"
    return scores


def _squares(option: str, index: int, best: Sequence[Sequence[str]]) -> Line:
    places = [(edge, row) for row, of_row in enumerate(best) for edge, name in enumerate(of_row) if name == option]
    x, y = np.array(places, dtype=np.float64).reshape(-1, 2).T
    _, colour = operation_style(option)
    return Line(_label(option), colour, (), 0, x, y, np.zeros((0, len(x))), joined=False, marker=SQUARE)


def _label(option: str) -> str:
    kind = operation(option)
    return f"{kind.label} (with weights)" if kind.kind == "conv" else kind.label


def agreement_panels(rows: FigureRows, panel: declared.AgreementPanel) -> list[Panel]:
    """Show Kendall's tau of each criterion with strength: per edge and over all of them, a set of axes per row."""
    return [_agreement_panel(rows, panel, row) for row in panel.rows]


def _agreement_panel(rows: FigureRows, panel: declared.AgreementPanel, row: str) -> Panel:
    title, measured = ": ".join(part for part in (panel.title, rows.label(row)) if part), _measured(rows, row)
    tables = {by: agreement_table(measured, by, rows.verdict.means) for by in panel.by}
    known = {by: table for by, table in tables.items() if not np.isnan(table).all()}
    if not known:
        return Panel(title, "", TAU, (), note=rows.note([row], ()))
    lines = tuple(_agreement_bars(by, table) for by, table in known.items())
    cells = dict.fromkeys(edge.cell for edge in measured)
    several = len(cells) > 1
    letters = f" ({', '.join(f'{cell[0]}: {cell} cell' for cell in cells)})" if several else ""
    names = (EVERY, *(_short(name, several) for name in names_of(measured)))
    lacking = "" if "table" not in panel.by or rows.verdict.means else " (the table is not at hand)"
    return Panel(title + letters + lacking, "", TAU, lines, y_range=(-1.05, 1.05), x_names=names)


def _agreement_bars(by: Criterion, table: Floats) -> Line:
    """Return the bars of a criterion, a point a seed: the first over all edges, with an interval."""
    of_seeds = _known_mean(table, axis=1)
    points = np.column_stack((of_seeds, table))
    found = interval(of_seeds[~np.isnan(of_seeds)], -1.0, 1.0)
    limits = np.full((2, points.shape[1]), np.nan)
    limits[:, 0] = found or np.nan
    between = f" [{found[0]:.2f}, {found[1]:.2f}]" if found else ""
    label = f"{CRITERIA[by]}, {EVERY} {np.nanmean(of_seeds):.2f}{between}"
    x, mean = np.arange(points.shape[1], dtype=np.float64), _known_mean(points, axis=0)
    return Line(label, COLOURS[HUES[by]], (), len(of_seeds), x, mean, points, bar=True, limits=limits)


def _known_mean(values: Floats, axis: int) -> Floats:
    """Return the mean of what is known, NaN where nothing is."""
    return np.ma.masked_invalid(values).mean(axis=axis).filled(np.nan)  # type: ignore[no-any-return]


def about(rows: FigureRows) -> list[str]:
    """Say how strength was measured, and how often the cap of tuning bound."""
    done = {outcome.id: outcome for row in rows.names for outcome in rows.done(row)}
    measured = edge_strengths(done.values())
    if not measured:
        return []
    capped, tried = capped_share(measured)
    return [
        "Strength: the supernet's accuracy on the architecture's images once the edge has the operation and the rest "
        f"is tuned; the cap of tuning bound on {capped} of {tried} discretisations ({capped / tried:.1%})"
    ]


def _measured(rows: FigureRows, row: str, seed: int | None = None) -> list[EdgeStrength]:
    return [edge for edge in edge_strengths(rows.done(row)) if seed in (None, edge.seed)]


def _edge(name: str) -> str:
    cell, _, ends = name.partition("/")
    node, _, source = ends.partition("<-")
    return f"{'' if cell == 'cell' else f'{cell} cell, '}node {source} → node {node}"


def _short(name: str, several: bool) -> str:
    """Name an edge below an axis; with the letter of its cell type where there are several."""
    cell, _, ends = name.partition("/")
    return f"{cell[0]} {ends}" if several else ends


def _bars(label: str, colour: str, values: Floats) -> Line:
    x = np.arange(len(values), dtype=np.float64)
    return Line(label, colour, (), 0, x, values, np.zeros((0, len(x))), bar=True)
