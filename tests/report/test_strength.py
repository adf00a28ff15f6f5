"""Alpha against strength, drawn from records that are told beforehand."""

from __future__ import annotations

import re

import numpy as np
import pytest

from harness.analysis.verdicts import SuiteVerdict, judge
from harness.report.declared import DeclaredFigure, declared_figures
from harness.report.figures import to_svg
from harness.report.panels import to_csv
from harness.runner.record import Record
from harness.spaces.nb201 import encoding as nb201
from tests.analysis import measured_strength as made

ALPHA = [0.1, 0.4, 0.2, 0.25, 0.05]
STRENGTH = [40.0, 44.0, 45.0, 47.0, 41.0]
WITHOUT = [50.0, 49.0, 48.0, 40.0, 49.5]


@pytest.fixture(scope="module")
def verdict() -> SuiteVerdict:
    """Everything done: on S2 alpha prefers skip on every edge, strength the convolution on every other one."""
    loaded = made.load()
    planned = made.plan(loaded)
    records: list[Record] = []
    for trial in planned.trials:
        if trial.rows[0].startswith("nb201/") and trial.subject != "darts-pt":
            strength = [value + trial.seed for value in STRENGTH]
            records.append(made.record(trial, ALPHA, strength, WITHOUT, rising=trial.seed == 3))
        elif trial.rows[0].startswith("s2/") and trial.subject != "halves-201":
            even = int(trial.subject[-1]) % 2 == 0
            records.append(made.record(trial, [0.7, 0.3], [40.0, 41.0] if even else [41.0, 40.0], [40.0, 42.0]))
    means = {name: dict(zip(nb201.OPS, STRENGTH, strict=True)) for name in ("cell/1<-0", "cell/2<-0")}
    found = judge(loaded, "reduced", planned, records)
    return SuiteVerdict(**{**vars(found), "means": means})


@pytest.fixture(scope="module")
def figures(verdict: SuiteVerdict) -> dict[str, DeclaredFigure]:
    return {figure.key: figure for figure in declared_figures(verdict)}


def test_a_set_of_bars_per_edge(figures: dict[str, DeclaredFigure]) -> None:
    data = figures["strength-nb201"].data
    assert data is not None and len(data.panels) == 6
    first = data.panels[0]
    assert first.title == "node 0 → node 1, seed 0"
    assert first.x_names == ("none", "skip", "conv 1x1", "conv 3x3", "avg pool")
    [alpha], [strength] = first.lines, first.right
    assert alpha.bar and alpha.mean == pytest.approx(ALPHA) and strength.mean.tolist() == STRENGTH
    assert first.y_range == (0.0, 1.0) and first.right_range is not None and first.right_range[0] > 0
    ranges = {panel.right_range for panel in data.panels}
    assert len(ranges) == 1  # edges can be compared


def test_one_edge_of_each_supernet(figures: dict[str, DeclaredFigure]) -> None:
    data = figures["strength-supernets-nb201"].data
    assert data is not None
    assert [re.sub(r".*, ", "", panel.title) for panel in data.panels] == [f"seed {seed}" for seed in range(4)]


def test_the_best_by_either_on_every_edge(figures: dict[str, DeclaredFigure]) -> None:
    data = figures["strength-s2"].data
    assert data is not None
    [panel] = data.panels
    assert panel.y_names == ("by strength", "by alpha") and len(panel.x_names) == 14
    skip, conv = panel.lines
    places = {label: {(int(x), int(y)) for x, y in zip(line.x, line.mean, strict=True)}
              for label, line in (("skip", skip), ("conv", conv))}  # fmt: skip
    convolved = {edge for edge, name in enumerate(panel.x_names) if int(name[-1]) % 2 == 0}
    assert places["conv"] == {(edge, 0) for edge in convolved}
    assert places["skip"] == {(e, 1) for e in range(14)} | {(e, 0) for e in range(14) if e not in convolved}
    assert (skip.label, conv.label) == ("skip", "sep 3x3 (with weights)")
    assert f"edges with skip 14 and {14 - len(convolved)}, sep 3x3 (with weights) 0 and {len(convolved)}" in panel.title


def test_agreement_over_all_edges_has_an_interval_and_edges_have_points(figures: dict[str, DeclaredFigure]) -> None:
    data = figures["strength-agreement-nb201"].data
    assert data is not None
    panel = next(panel for panel in data.panels if "after the search" in panel.title)
    alpha, perturbation, table = panel.lines
    assert panel.x_names[0] == "all edges" and panel.x_names[1:3] == ("1<-0", "2<-0")
    # pool, none, 1x1, 3x3, skip by alpha; none, pool, skip, 1x1, 3x3 by strength: three pairs of ten disagree. On
    # seed 3 none has climbed to the top: its pair with pool agrees now, the three with the others do not.
    assert alpha.seeds[:3] == pytest.approx(0.4) and alpha.seeds[3] == pytest.approx(0.0)
    assert alpha.mean == pytest.approx(0.3)
    assert alpha.limits is not None and np.isnan(alpha.limits[:, 1:]).all()
    width = 3.182446305284263 * 0.2 / 2  # t(0.975, 3), std of .4 .4 .4 0, sqrt 4
    assert alpha.limits[:, 0] == pytest.approx([0.3 - width, 0.3 + width])
    assert alpha.label == f"alpha, all edges 0.30 [{0.3 - width:.2f}, {0.3 + width:.2f}]"
    assert perturbation.label.startswith("perturbation")
    assert table.seeds[0, :3] == pytest.approx(1.0) and np.isnan(table.seeds[:, 3:]).all()
    assert data.legend == "own"  # labels hold the numbers of their panel
    few = next(panel for panel in data.panels if "fifth" in panel.title).lines[2]  # edges that the table does not know
    known = few.seeds[~np.isnan(few.seeds[:, 0]), 0]
    assert len(known) < 4 and few.label.startswith(f"the table's means, all edges {known.mean():.2f}")


def test_captions_say_what_strength_is_and_how_often_the_cap_bound(figures: dict[str, DeclaredFigure]) -> None:
    data = figures["strength-agreement-nb201"].data
    assert data is not None
    said = "the cap of tuning bound on 9 of 180 discretisations (5.0%)"  # the first operation, on seed 3's 6 + 3 edges
    assert said in data.caption and "whiskers: 95% intervals of the means" in data.caption


def test_without_records_they_say_so(verdict: SuiteVerdict) -> None:
    empty = judge(verdict.loaded, "reduced", made.plan(verdict.loaded), [])
    for figure in declared_figures(empty):
        assert figure.data is None and figure.waiting
    of_paper = next(f for f in declared_figures(empty) if f.key == "strength-darts")
    assert "left out of the reduced profile" in of_paper.waiting[0]


def test_they_are_drawn(figures: dict[str, DeclaredFigure]) -> None:
    for figure in figures.values():
        if figure.data is not None:
            assert all("<svg" in to_svg(panel, figure.name) for panel in figure.data.drawn)
    data = figures["strength-nb201"].data
    assert data is not None and "alpha (left),0,1,0.4" in to_csv(data)
