"""Figures that are replayed from the logs of others: their data, not ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from harness.analysis.replay import Replayed, replay
from harness.data.robustdarts import LoggedSearch, load_logged_searches
from harness.data.sources import DataMissing, data_root
from harness.report.panels import EPOCH, Line, Panel, only_measured, seeds_line
from harness.report.style import COLOURS, DASHES
from harness.suite.figures import ReplayedPanel

STATUS = "Status replayed: from the logs that RobustDARTS' authors published, no search of ours"
NO_SEEDS = 0
SHOWN = {"eigenvalue": "dominant eigenvalue", "skips": "skip connections of 8", "stops": "skip connections of 8"}


def replayed_panel(panel: ReplayedPanel) -> Panel:
    """Draw a panel; without the logs it has no lines and a note."""
    x_label = "epoch that the rule goes back to" if panel.show == "stops" else EPOCH
    try:
        logged = load_logged_searches(data_root())
    except DataMissing as error:
        return Panel(panel.title, x_label, SHOWN[panel.show], (), note=str(error))
    chosen = [s for s in logged if panel.space in (None, s.space)]
    if panel.show == "stops":
        assert panel.rule is not None, "checked by the suite"
        stopped = [one for one in replay(chosen, panel.rule) if one.stopped]
        title = f"{panel.title} ({len(stopped)} of {len(chosen)} searches stop)"
        return Panel(title, x_label, SHOWN[panel.show], _stops(stopped))
    return Panel(panel.title, x_label, SHOWN[panel.show], _curves(panel, chosen))


def _curves(panel: ReplayedPanel, searches: Sequence[LoggedSearch]) -> tuple[Line, ...]:
    """Return a line per decay of the weights, over its seeds, of the searches without drop-path."""
    plain = [search for search in searches if not search.drop_path]
    lines = []
    for index, decay in enumerate(sorted({search.decay for search in plain})):
        found = [search for search in plain if search.decay == decay]
        curves = [search.eigenvalues if panel.show == "eigenvalue" else search.skips for search in found]
        style = (f"decay {decay:g}", COLOURS[index % len(COLOURS)], DASHES[index % len(DASHES)])
        lines.append(only_measured(seeds_line(style, curves)))
    return tuple(lines)


def _stops(stopped: Sequence[Replayed]) -> tuple[Line, ...]:
    """Return the cells of the searches that the rule stops: at the epoch it goes back to, and after the last.

    As means over the searches that share an epoch, the searches one by one where they do not.
    """
    epochs = sorted(Counter(one.epoch for one in stopped))
    x = np.array(epochs, dtype=np.float64)
    there = [np.mean([one.skips for one in stopped if one.epoch == epoch]) for epoch in epochs]
    last = [np.mean([one.last_skips for one in stopped if one.epoch == epoch]) for epoch in epochs]
    none = np.zeros((0, len(x)))
    return (
        Line("cell gone back to, mean", COLOURS[1], DASHES[0], NO_SEEDS, x, np.array(there), none, joined=False),
        Line("cell after the last epoch, mean", COLOURS[0], DASHES[0], NO_SEEDS, x, np.array(last), none, joined=False),
    )
