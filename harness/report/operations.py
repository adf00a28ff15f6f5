"""Operations over the epochs, from the outcomes of one setting: magnitudes, and the mixing weights of each edge."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.analysis.outcomes import Outcome
from harness.analysis.trajectories import mean_over_seeds, stack
from harness.report.panels import EPOCH, SHARES, Line, Panel, epochs, only_measured, seeds_line
from harness.report.style import operation_style
from harness.spaces import nb201


def magnitude_panel(title: str, outcomes: Sequence[Outcome]) -> Panel:
    """Show the operation magnitudes m(t, o) (Delve, Eq. 11)."""
    return Panel(title, EPOCH, "magnitude", _magnitude_lines(outcomes), y_range=SHARES)


def edge_panels(outcomes: Sequence[Outcome], title: str = "") -> tuple[Panel, ...]:
    """Show the mixing weights, the mean over the seeds, one panel per edge; ``title`` stands before the edges'."""
    before = f"{title}: " if title else ""
    first = outcomes[0]
    means = mean_over_seeds(stack([outcome.weights.astype(np.float64) for outcome in outcomes]))
    x = epochs(len(means))
    none_drawn = np.zeros((0, len(means)))
    panels = []
    for edge, place in enumerate(first.edges):
        lines = tuple(
            Line(*operation_style(op, index), (), len(outcomes), x, means[:, edge, index], none_drawn)
            for index, op in enumerate(first.ops)
        )
        panels.append(Panel(before + _edge_title(place), EPOCH, "mixing weight", lines, y_range=SHARES))
    return tuple(panels)


def gradients_panel(title: str, outcomes: Sequence[Outcome], below: str) -> Panel:
    """Show what was measured per operation below a name, ``operation-gradients/CELL/EDGE``."""
    lines = tuple(
        only_measured(seeds_line((label, colour, ()), [o.diagnostics[f"{below}/{op}"] for o in outcomes]))
        for op, (label, colour) in ((op, operation_style(op, i)) for i, op in enumerate(outcomes[0].ops))
    )
    return Panel(title, EPOCH, "dL/dp", lines)


def _magnitude_lines(outcomes: Sequence[Outcome]) -> tuple[Line, ...]:
    styled = ((index, operation_style(op, index)) for index, op in enumerate(outcomes[0].ops))
    return tuple(
        seeds_line((label, colour, ()), [outcome.magnitude[:, index] for outcome in outcomes])
        for index, (label, colour) in styled
    )


def _edge_title(place: tuple[str, int]) -> str:
    group, edge = place
    if group == "cell" and edge < len(nb201.EDGES):
        target, source = nb201.EDGES[edge]
        return f"node {source} → node {target}"
    return f"{group}, edge {edge}"
