"""Operations over the epochs, from the outcomes of one setting: magnitudes, and the mixing weights of each edge."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.analysis.outcomes import Outcome
from harness.analysis.trajectories import Curve, mean_over_seeds, stack
from harness.report.panels import EPOCH, Dashes, Line, Panel, epochs, only_measured, seeds_line
from harness.report.style import COLOURS, operation_style
from harness.spaces.space import Group


def magnitude_panels(title: str, outcomes: Sequence[Outcome]) -> tuple[Panel, ...]:
    """Show the operation magnitudes m(t, o) (Delve, Eq. 11), one panel per cell type."""
    cells = list(outcomes[0].magnitude)
    return tuple(
        Panel(_of_cell(title, cell, cells), EPOCH, "magnitude", _magnitude_lines(outcomes, cell)) for cell in cells
    )


def edge_panels(outcomes: Sequence[Outcome], title: str = "") -> tuple[Panel, ...]:
    """Show the mixing weights, the mean over the seeds, one panel per edge; ``title`` stands before the edges'.

    Where stages left seeds other options, those are shown that have the same as the first.
    """
    before = f"{title}: " if title else ""
    groups = outcomes[0].groups
    outcomes = [outcome for outcome in outcomes if outcome.groups == groups]
    cells = list(dict.fromkeys(group.cell for group in groups))
    return tuple(
        Panel(_of_cell(before + _edge_title(group, row), group.cell, cells), EPOCH, "mixing weight", lines)
        for group in groups
        for row, lines in enumerate(_edge_lines(outcomes, group))
    )  # fmt: skip


def gradients_panel(title: str, outcomes: Sequence[Outcome], below: str) -> Panel:
    """Show what was measured per operation below a name, ``operation-gradients/CELL/EDGE``."""
    order = [op for group in outcomes[0].groups for options in group.options for op in options]
    names = sorted(_measured(outcomes, below), key=order.index)
    lines = tuple(
        only_measured(seeds_line((label, colour, ()), [o.diagnostics[f"{below}/{op}"] for o in outcomes]))
        for op, (label, colour) in ((op, operation_style(op)) for op in names)
    )
    return Panel(title, EPOCH, "dL/dp", lines)


def correlation_lines(label: str, dashes: Dashes, outcomes: Sequence[Outcome], below: str) -> tuple[Line, ...]:
    """Return a line per node of what was measured below a name, ``gradient-correlation/CELL``; none without records."""
    return tuple(
        only_measured(
            seeds_line((f"{label}, node {node}", colour, dashes), [o.diagnostics[f"{below}/{node}"] for o in outcomes])
        )
        for node, colour in zip(_measured(outcomes, below), COLOURS, strict=False)
    )


def _measured(outcomes: Sequence[Outcome], below: str) -> list[str]:
    """List the rest of the names that begin so, in their order."""
    names = outcomes[0].diagnostics if outcomes else ()
    return [name.removeprefix(f"{below}/") for name in names if name.startswith(f"{below}/")]


def _edge_lines(outcomes: Sequence[Outcome], group: Group) -> list[tuple[Line, ...]]:
    """Return, row by row, the lines of its options."""
    means = mean_over_seeds(stack([outcome.weights[group.name].astype(np.float64) for outcome in outcomes]))
    x, none_drawn = epochs(len(means)), np.zeros((0, len(means)))
    return [
        tuple(
            Line(*operation_style(op), (), len(outcomes), x, means[:, row, index], none_drawn)
            for index, op in enumerate(options)
        )
        for row, options in enumerate(group.options)
    ]


def magnitudes(outcomes: Sequence[Outcome], cell: str, op: str) -> list[Curve]:
    """Return the curves [epochs + 1] of an operation, of those that offer it to the end: stages narrow by seed."""
    return [outcome.magnitude[cell][op] for outcome in outcomes if op in outcome.magnitude[cell]]


def _magnitude_lines(outcomes: Sequence[Outcome], cell: str) -> tuple[Line, ...]:
    offered = dict.fromkeys(op for outcome in outcomes for op in outcome.magnitude[cell])
    styled = ((op, operation_style(op)) for op in offered)
    return tuple(seeds_line((label, colour, ()), magnitudes(outcomes, cell, op)) for op, (label, colour) in styled)


def _of_cell(title: str, cell: str, cells: Sequence[str]) -> str:
    """Add the cell type to a title where there are several."""
    return title if len(cells) == 1 else f"{title} ({cell})" if title else cell


def _edge_title(group: Group, row: int) -> str:
    return f"node {group.sources[row]} → node {group.nodes[row]}"
