"""A figure as a page shows it: each panel as a drawing, its numbers for the curves that a reader can ask, its CSV."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from harness.analysis.trajectories import Curve
from harness.report.declared import DeclaredFigure
from harness.report.figures import to_svg
from harness.report.panels import FigureData, Line, Panel, covered, to_csv
from harness.report.style import NAMED

DIGITS = 4  # significant, of the numbers that a curve shows
NAMES = {value: name for name, value in NAMED.items()}


def view(data: FigureData) -> dict[str, Any]:
    """Return what a template shows of a figure of panels."""
    firsts: dict[int, str] = {}  # names of the first panels that have the same lines behind their own
    panels: list[dict[str, Any]] = []
    for index, panel in enumerate(data.panels):
        name = f"{data.name}-{index}"
        first = firsts.setdefault(id(panel.behind), name) if panel.behind else name
        panels.append(_panel(panel, name, data.legend == "own", "" if first == name else first))
    shared = [line for panel in data.drawn for line in _to_explain(panel)]
    return {
        "name": data.name,
        "title": data.title,
        "caption": data.caption,
        "waiting": (),
        "legend": _legend(shared) if data.legend == "shared" else [],
        "panels": panels,
        "csv": to_csv(data),
    }


def declared_view(figure: DeclaredFigure) -> dict[str, Any]:
    """Return the same of a figure that a suite declares: lines, another drawing, or what it waits for."""
    if figure.data is not None:
        return view(figure.data)
    shown: dict[str, Any] = {"name": figure.name, "title": figure.heading, "caption": "", "legend": [], "panels": []}
    if figure.drawing is None:
        return shown | {"waiting": figure.waiting, "csv": ""}
    panels: list[dict[str, Any]] = [
        {
            "name": f"{figure.name}-{index}",
            "title": title,
            "svg": Markup(svg),
            "numbers": (),
            "note": "",
            "legend": [],
            "curves": None,
            "seeds": False,
        }
        for index, (title, svg) in enumerate(figure.drawing.panels())
    ]
    return shown | {"caption": figure.drawing.caption, "panels": panels, "csv": figure.drawing.csv(), "waiting": ()}


def _panel(panel: Panel, name: str, own_legend: bool, first: str) -> dict[str, Any]:
    drawn = bool(panel.every_line) and not panel.numbers
    return {
        "name": name,
        "title": panel.title,
        "svg": Markup(to_svg(panel, name, first)) if drawn else None,
        "numbers": panel.numbers,
        "note": panel.note,
        "legend": _legend(_to_explain(panel)) if own_legend and drawn else [],
        "curves": _curves(panel, first) if drawn and panel.curved else None,
        "seeds": any(len(line.seeds) > 1 for line in panel.lines),
    }


def _to_explain(panel: Panel) -> list[Line]:
    """Return the lines that neither the title nor a name below the axis tells of."""
    return [] if panel.behind else [line for line in panel.every_line if not _is_at_its_name(line, panel.x_names)]


def _is_at_its_name(line: Line, names: Sequence[str]) -> bool:
    """Tell whether all of a line stands above its own name, and nothing of it above another's."""
    known = np.rint(line.x[~np.isnan(line.mean)])
    return line.label in names and bool((known == names.index(line.label)).all())


def _legend(lines: Sequence[Line]) -> list[dict[str, str]]:
    """Give every different line one entry: label, colour by name, and dashes as SVG has them."""
    different = {(line.label, line.colour, line.dashes): line for line in lines}
    return [
        {
            "label": line.label,
            "colour": NAMES[line.colour],
            "dashes": " ".join(map(str, line.dashes)),
            "mark": "bar" if line.bar else "line" if line.joined else "point",
        }
        for line in different.values()
    ]


def _curves(panel: Panel, first: str) -> str:
    """Return a panel's numbers as JSON: x, and by line mean and single seeds at these x, null where there is none.

    ``first``: the panel that has the lines behind, where they are the same.
    """
    x = np.unique(np.concatenate([line.x for line in (*panel.lines, *panel.behind)]))
    numbers = {
        "title": panel.title,
        "x": [x.tolist(), panel.x_label, panel.scales[0]],
        "y": [panel.y_range, panel.y_label, panel.scales[1]],
        "behind": first or [_at(x, line.x, line.mean) for line in panel.behind],
        "lines": [
            {
                "label": line.label,
                "colour": NAMES[line.colour],
                "dashes": line.dashes,
                "hidden": hidden,
                "mean": _at(x, line.x, line.mean),
                "seeds": [_at(x, line.x, seed) for seed in line.seeds],
            }
            for line, hidden in zip(panel.lines, covered(panel.lines), strict=True)
        ],
    }
    return json.dumps(numbers, separators=(",", ":"), allow_nan=False)


def _at(x: Curve, places: Curve, values: Curve) -> list[float | None]:
    found = dict(zip(places.tolist(), values.tolist(), strict=True))
    return [None if (y := found.get(place)) is None or not np.isfinite(y) else float(f"{y:.{DIGITS}g}") for place in x]
