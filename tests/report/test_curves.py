"""The data of the figures, against plain loops over the records."""

from __future__ import annotations

import csv
import io
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.analysis.verdicts import SuiteVerdict, judge
from harness.report import curves, figures
from harness.report.curves import accuracy_figure, collapse_figure, edge_figures, magnitude_figure
from harness.report.panels import SEEDS_DRAWN, FigureData, to_csv
from harness.spaces.nb201 import encoding as nb201
from harness.spaces.operations import operation
from tests.analysis import synthetic


def present(figure: FigureData | None) -> FigureData:
    assert figure is not None
    return figure


def test_accuracy_shows_mean_and_seeds(reduced: SuiteVerdict) -> None:
    figure = present(accuracy_figure(reduced))
    [panel] = figure.panels
    assert "cifar10" in panel.title and "200 training epochs" in panel.title
    line = next(line for line in panel.lines if line.label == "EX-DARTS")
    np.testing.assert_allclose(line.mean, [60.0] * 4 + [93.0])
    np.testing.assert_allclose(line.seeds[:, -1], [92.0, 93.0, 94.0])
    assert line.n == 3


def test_rows_of_one_method_are_told_apart(reduced: SuiteVerdict) -> None:
    lines = present(accuracy_figure(reduced)).panels[0].lines
    labels = [line.label for line in lines]
    assert labels == [
        "DARTS, first order (as in the catalogue)",
        "EX-DARTS",
        "DARTS, first order (t2/faster)",
        "DARTS with fixed uniform mixing",
    ]
    plain, _, faster, _ = lines
    assert plain.colour == faster.colour
    assert plain.dashes != faster.dashes


def test_magnitudes_are_means_over_seeds_and_edges(tmp_path: Path) -> None:
    loaded = synthetic.load(tmp_path)
    planned = synthetic.plan(loaded)
    rng = np.random.default_rng(0)
    weights = [rng.random((5, 6, 5)).tolist() for _ in range(3)]
    records = [synthetic.record(t, weights=w) for t, w in zip(planned.trials[:3], weights, strict=True)]
    verdict = judge(loaded, "paper", planned, records)
    [panel] = present(magnitude_figure(verdict)).panels
    for index, op in enumerate(nb201.OPS):
        line = next(line for line in panel.lines if line.label == operation(op).label)
        for epoch in range(5):
            total = sum(weights[seed][epoch][edge][index] for seed in range(3) for edge in range(6))
            assert line.mean[epoch] == pytest.approx(total / 18)
    [edges] = edge_figures(verdict)
    assert [panel.title for panel in edges.panels][:3] == ["node 0 → node 1", "node 0 → node 2", "node 1 → node 2"]
    assert len(edges.panels) == 6
    mean = sum(weights[seed][2][4][3] for seed in range(3)) / 3
    assert edges.panels[4].lines[3].mean[2] == pytest.approx(mean, rel=1e-6)


def test_failed_trials_are_in_no_curve(paper: SuiteVerdict) -> None:
    line = next(li for li in present(accuracy_figure(paper)).panels[0].lines if li.label == "EX-DARTS")
    assert line.n == 2


def test_few_seeds_are_drawn_of_many(tmp_path: Path) -> None:
    loaded = synthetic.load(tmp_path, ("        label: Faster\n        n: 2", "        label: Faster\n        n: 40"))
    planned = synthetic.plan(loaded)
    records = synthetic.records_of(planned, {"t2/faster": [float(i) for i in range(40)]})
    figure = present(accuracy_figure(judge(loaded, "paper", planned, records)))
    [line] = figure.panels[0].lines
    assert (line.n, len(line.seeds)) == (40, SEEDS_DRAWN)
    assert line.mean[-1] == pytest.approx(19.5)
    assert "40 seeds" in figure.caption


def test_a_single_evaluated_epoch_is_a_point(embedded: SuiteVerdict) -> None:
    figure = present(accuracy_figure(embedded))
    assert np.isnan(figure.panels[0].lines[0].mean[:-1]).all()
    assert re.search(r"<use [^>]*vermilion", figures.to_svg(figure))  # a marker: a line of one point would not show


def test_collapse_shows_accuracy_and_skip(reduced: SuiteVerdict) -> None:
    accuracy, skip = present(collapse_figure(reduced)).panels
    assert [line.label for line in accuracy.lines] == [line.label for line in skip.lines]
    np.testing.assert_allclose(skip.lines[0].mean, np.linspace(0.2, 0.6, 5))


def test_without_records_there_is_no_figure(tmp_path: Path) -> None:
    loaded = synthetic.load(tmp_path)
    verdict = judge(loaded, "paper", synthetic.plan(loaded), [])
    assert (accuracy_figure(verdict), magnitude_figure(verdict), collapse_figure(verdict)) == (None, None, None)
    assert edge_figures(verdict) == []


def test_every_figure_names_its_profile(reduced: SuiteVerdict, paper: SuiteVerdict) -> None:
    for verdict, mark in ((reduced, "reduced profile, not comparable with the paper"), (paper, "paper profile")):
        shown = [accuracy_figure(verdict), magnitude_figure(verdict), collapse_figure(verdict), *edge_figures(verdict)]
        assert all(mark in present(figure).caption for figure in shown)


def test_figure_data_survives_csv(reduced: SuiteVerdict) -> None:
    figure = present(magnitude_figure(reduced))
    rows = list(csv.DictReader(io.StringIO(to_csv(figure))))
    panel = figure.panels[1]
    skip = next(line for line in panel.lines if line.label == "skip")
    found = [row for row in rows if (row["panel"], row["line"]) == (panel.title, "skip")]
    assert [(row["epoch"], row["n"]) for row in found] == [(str(epoch), "3") for epoch in range(5)]
    assert [float(row["mean"]) for row in found] == pytest.approx(skip.mean.tolist(), rel=1e-5)
    assert [float(row["curve 3"]) for row in found] == pytest.approx(skip.seeds[2].tolist(), rel=1e-5)


def test_too_many_lines_have_a_panel_each(reduced: SuiteVerdict, monkeypatch: pytest.MonkeyPatch) -> None:
    together = present(accuracy_figure(reduced)).panels[0].lines
    monkeypatch.setattr(curves, "LEGIBLE", 3)
    apart = present(accuracy_figure(reduced))
    assert [panel.title for panel in apart.panels] == [line.label for line in together]
    assert len({panel.y_range for panel in apart.panels}) == 1
    assert apart.legend == "none"


def test_of_many_series_the_claimed_ones_tell_of_collapse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claimed = ("left: {row: t1/darts, of: magnitude", "left: {row: own/uniform, of: magnitude")
    loaded = synthetic.load(tmp_path, claimed)
    planned = synthetic.plan(loaded, "reduced")
    verdict = judge(loaded, "reduced", planned, [synthetic.record(trial) for trial in planned.trials])
    monkeypatch.setattr(curves, "LEGIBLE", 3)
    accuracy, skip = present(collapse_figure(verdict)).panels
    labels = ["DARTS, first order (as in the catalogue)", "EX-DARTS", "DARTS with fixed uniform mixing"]
    assert [line.label for line in accuracy.lines] == [line.label for line in skip.lines] == labels


def test_edges_are_shown_once_a_method(reduced: SuiteVerdict) -> None:
    titles = [figure.title for figure in edge_figures(reduced)]
    assert len(titles) == 3  # the fourth series is a variant of the first one's method
    assert not any("t2/faster" in title for title in titles)


def test_svg_is_xml_and_follows_the_page(reduced: SuiteVerdict) -> None:
    svg = figures.to_svg(present(magnitude_figure(reduced)))
    root = ElementTree.fromstring(svg)
    texts = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert any("not comparable with the paper" in text for text in texts)
    assert "currentColor" in svg and "var(--grid)" in svg and "var(--vermilion" in svg
    names = {element.get("id") for element in root.iter() if element.get("id")}
    assert all(name is not None and name.startswith("magnitude-sample-reduced-") for name in names)


@pytest.mark.parametrize("text", ["$\\frac{1}{0$", "_hidden", "<b>&amp;", "a\x00b\x1b[0m", "-->", "x" * 500])
def test_any_text_can_be_a_title_or_a_label(reduced: SuiteVerdict, text: str) -> None:
    figure = present(accuracy_figure(reduced))
    [panel] = figure.panels
    lines = tuple(replace(line, label=text + line.label) for line in panel.lines)
    hostile = replace(figure, title=text, caption=text, panels=(replace(panel, title=text, lines=lines),))
    svg = figures.to_svg(hostile)
    root = ElementTree.fromstring(svg)
    shown = "".join(root.itertext())
    assert "EX-DARTS" in shown
    assert "b>" not in svg.replace("&lt;b&gt;", "")
    figures.to_png(hostile, dots_per_inch=30)


def test_picture_is_a_png(reduced: SuiteVerdict) -> None:
    assert figures.to_png(present(collapse_figure(reduced)), dots_per_inch=40).startswith(b"\x89PNG")
